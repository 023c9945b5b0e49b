package manifest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var (
	unmarshalerType = reflect.TypeFor[json.Unmarshaler]()
	durationType    = reflect.TypeFor[metav1.Duration]()
	timeType        = reflect.TypeFor[metav1.Time]()
)

// value reads n into v, which is settable. Whatever does not fit is a mistake, and the
// rest is read all the same.
func (d *decoder) value(n *yaml.Node, v reflect.Value, at path) {
	n, leave, ok := d.enter(n, at)
	if !ok {
		return
	}
	defer leave()
	if isNull(n) {
		return
	}
	if reflect.PointerTo(v.Type()).Implements(unmarshalerType) {
		d.custom(n, v, at)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		fresh := reflect.New(v.Type().Elem())
		d.value(n, fresh.Elem(), at)
		v.Set(fresh)
	case reflect.Struct:
		d.structure(n, v, at)
	case reflect.Map:
		d.mapping(n, v, at)
	case reflect.Slice:
		d.sequence(n, v, at)
	default:
		d.scalar(n, v, at)
	}
}

// enter follows an alias and keeps the limits on depth and on what aliases stand for.
func (d *decoder) enter(n *yaml.Node, at path) (target *yaml.Node, leave func(), ok bool) {
	if d.overLimit {
		return nil, nil, false
	}
	aliased := 0
	for n.Kind == yaml.AliasNode {
		n, aliased = n.Alias, 1
	}
	if d.inAlias+aliased > 0 && !d.countAliased(n, at) {
		return nil, nil, false
	}
	if d.depth == MaxDepth {
		d.mistake(n, at, tooDeep)
		d.overLimit = true
		return nil, nil, false
	}
	d.depth++
	d.inAlias += aliased
	return n, func() { d.depth--; d.inAlias -= aliased }, true
}

// countAliased counts a value or a key that an alias stands for.
func (d *decoder) countAliased(n *yaml.Node, at path) bool {
	d.aliasedValues++
	d.aliasedText += len(n.Value)
	what := ""
	switch {
	case d.aliasedValues > MaxAliased:
		what = fmt.Sprintf("aliases stand for more than the limit of %d values", MaxAliased)
	case d.aliasedText > MaxAliasedText:
		what = fmt.Sprintf("aliases stand for more than the limit of %d MiB of text", MaxAliasedText>>20)
	default:
		return true
	}
	d.mistake(n, at, what)
	d.overLimit = true
	return false
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && resolve(n).kind == scalarNull
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, at path) {
	set := d.fields(v.Type())
	seen := map[string]int{}
	d.entries(n, at, func(key, value *yaml.Node) {
		f, exact, ok := set.lookup(key.Value)
		switch {
		case !ok && d.lenient:
		case !ok:
			d.unknownField(key, at, set)
		case seen[f.name] > 0:
			d.mistake(key, at.child(key.Value), fmt.Sprintf("already set in line %d; remove one of the two", seen[f.name]))
		default:
			seen[f.name] = d.chunk.lineOf(key)
			if !exact {
				d.warn(key, at.child(key.Value), fmt.Sprintf("read as %s; field names are case-sensitive elsewhere", f.name))
			}
			d.value(value, v.FieldByIndex(f.index), at.child(f.name))
		}
	})
}

func (d *decoder) unknownField(key *yaml.Node, at path, set *fieldSet) {
	text := "unknown field"
	if near, ok := nearest(key.Value, set.names); ok {
		text += "; did you mean " + near + "?"
	} else if len(set.names) <= 12 {
		text += "; here may be: " + join(set.names)
	}
	m := d.note(key, at.child(key.Value), text)
	m.UnknownField = key.Value
	d.report(m)
}

// entries calls f for every key of a mapping, those that "<<" merges last, and only if
// the mapping does not have them itself.
func (d *decoder) entries(n *yaml.Node, at path, f func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.mistake(n, at, "expected fields with values, found "+describe(n))
		return
	}
	var own map[string]bool
	if slices.ContainsFunc(n.Content, isMerge) {
		own = map[string]bool{}
	}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content) && !d.overLimit; i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		aliased := d.inAlias > 0 || key.Kind == yaml.AliasNode
		key = follow(key)
		if aliased && !d.countAliased(key, at) {
			return
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			d.mistake(key, at, "the name of a field is text, found "+describe(key))
		case isMerge(key):
			merged = append(merged, value)
		default:
			if own != nil {
				own[key.Value] = true
			}
			f(key, value)
		}
	}
	for _, source := range merged {
		d.mergeInto(source, at, own, f)
	}
}

func isMerge(n *yaml.Node) bool { return n.Tag == "!!merge" }

func (d *decoder) mergeInto(source *yaml.Node, at path, own map[string]bool, f func(key, value *yaml.Node)) {
	source, leave, ok := d.enter(source, at)
	if !ok {
		return
	}
	defer leave()
	if source.Kind == yaml.SequenceNode {
		for _, s := range source.Content {
			d.mergeInto(s, at, own, f)
		}
		return
	}
	d.entries(source, at, func(key, value *yaml.Node) {
		if !own[key.Value] {
			own[key.Value] = true
			f(key, value)
		}
	})
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, at path) {
	out := reflect.MakeMap(v.Type())
	element := reflect.New(v.Type().Elem()).Elem()
	var lines map[string]int
	d.entries(n, at, func(key, value *yaml.Node) {
		name := d.text(key, at)
		k := reflect.ValueOf(name).Convert(v.Type().Key())
		if out.MapIndex(k).IsValid() {
			if lines == nil {
				lines = d.chunk.linesOfKeys(n)
			}
			d.mistake(key, at.key(name), fmt.Sprintf("already set in line %d; remove one of the two", lines[name]))
			return
		}
		element.SetZero()
		d.value(value, element, at.key(name))
		out.SetMapIndex(k, element)
	})
	if out.Len() > 0 {
		v.Set(out)
	}
}

// linesOfKeys are the lines in which the keys of a mapping are first set.
func (c *chunk) linesOfKeys(n *yaml.Node) map[string]int {
	lines := map[string]int{}
	for i := 0; i < len(n.Content); i += 2 {
		key := follow(n.Content[i])
		if name := resolve(key).text; lines[name] == 0 {
			lines[name] = c.lineOf(n.Content[i])
		}
	}
	return lines
}

func (d *decoder) sequence(n *yaml.Node, v reflect.Value, at path) {
	if n.Kind != yaml.SequenceNode {
		d.mistake(n, at, "expected a list, found "+describe(n)+"; begin each entry with \"- \", or write [a, b]")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, element := range n.Content {
		d.value(element, out.Index(i), at.index(i))
	}
	v.Set(out)
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, at path) {
	if n.Kind != yaml.ScalarNode {
		d.mistake(n, at, fmt.Sprintf("expected %s, found %s", expectation(v.Kind()), describe(n)))
		return
	}
	if v.Kind() == reflect.String {
		v.SetString(d.text(n, at))
		return
	}
	fits, err := setScalar(v, resolve(n))
	switch {
	case err != nil:
		d.mistake(n, at, fmt.Sprintf("%s is out of range; expected %s", shorten(n.Value, valueWidth), rangeOf(v)))
	case !fits:
		d.mistake(n, at, fmt.Sprintf("expected %s, found %s", expectation(v.Kind()), describe(n))+unquote(n, v.Kind()))
	}
}

// setScalar stores a boolean or a number, if that is what v takes.
func setScalar(v reflect.Value, s scalar) (fits bool, err error) {
	switch {
	case v.Kind() == reflect.Bool:
		v.SetBool(s.text == "true")
		return s.kind == scalarBool, nil
	case s.kind == scalarInt && v.CanInt():
		var i int64
		i, err = strconv.ParseInt(s.text, 10, v.Type().Bits())
		v.SetInt(i)
	case s.kind == scalarInt && v.CanUint():
		var u uint64
		u, err = strconv.ParseUint(s.text, 10, v.Type().Bits())
		v.SetUint(u)
	case (s.kind == scalarInt || s.kind == scalarFloat) && v.CanFloat():
		var f float64
		f, err = strconv.ParseFloat(s.text, 64)
		v.SetFloat(f)
	default:
		return false, nil
	}
	return true, err
}

// text reads a scalar for a field of text. What YAML takes for something else is text
// all the same, in the form that calicoctl has always stored, with a warning.
func (d *decoder) text(n *yaml.Node, at path) string {
	s := resolve(n)
	switch s.kind {
	case scalarString:
	case scalarNull:
		return ""
	default:
		d.warn(n, at, fmt.Sprintf("%s is read as the text %q; put it in quotes", shorten(n.Value, valueWidth), shorten(s.text, valueWidth)))
	}
	return s.text
}

// custom reads a value that knows its own JSON form.
func (d *decoder) custom(n *yaml.Node, v reflect.Value, at path) {
	data, err := d.toJSON(n, at)
	if err != nil {
		return // a mistake is noted
	}
	fresh := reflect.New(v.Type())
	if err := fresh.Interface().(json.Unmarshaler).UnmarshalJSON(data); err != nil {
		switch v.Type() {
		case durationType:
			err = fmt.Errorf("expected a duration such as 90s, 5m or 1h30m, found %s", describe(n))
		case timeType:
			err = fmt.Errorf("expected a time such as %s, found %s", time.RFC3339, describe(n))
		}
		d.mistake(n, at, err.Error())
		return
	}
	v.Set(fresh.Elem())
}
