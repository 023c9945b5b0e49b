package manifest

import (
	"reflect"
	"strings"
)

// fieldSet is the JSON view of a struct type: names in declaration order, those of
// inlined structs among them.
type fieldSet struct {
	names  []string
	byName map[string]structField
}

type structField struct {
	name string
	// index leads to the field, through inlined structs.
	index []int
}

// lookup finds a field by its exact name or, failing that, in any letter case.
func (s *fieldSet) lookup(name string) (f structField, exact, ok bool) {
	if f, ok := s.byName[name]; ok {
		return f, true, true
	}
	for _, candidate := range s.names {
		if strings.EqualFold(candidate, name) {
			return s.byName[candidate], false, true
		}
	}
	return structField{}, false, false
}

// fields describes a struct type, once for each decoder.
func (d *decoder) fields(t reflect.Type) *fieldSet {
	if s, ok := d.fieldSets[t]; ok {
		return s
	}
	s := &fieldSet{byName: map[string]structField{}}
	collectFields(t, nil, s)
	d.fieldSets[t] = s
	return s
}

func collectFields(t reflect.Type, prefix []int, s *fieldSet) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		index := append(append([]int(nil), prefix...), i)
		switch {
		case name == "-" || !f.IsExported():
		case f.Anonymous && name == "" || strings.Contains(options, "inline"):
			collectFields(f.Type, index, s)
		case name != "":
			s.names = append(s.names, name)
			s.byName[name] = structField{name: name, index: index}
		}
	}
}
