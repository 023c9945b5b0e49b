package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/resources"
	"github.com/edfb3db0/calicoctl/selector"
)

// labels are the values that there are of each label.
type labels struct {
	names  []string
	values map[string][]string
}

func newLabels(all []map[string]string) *labels {
	sets := map[string]map[string]bool{}
	for _, own := range all {
		for name, value := range own {
			if sets[name] == nil {
				sets[name] = map[string]bool{}
			}
			sets[name][value] = true
		}
	}
	k := &labels{names: slices.Sorted(maps.Keys(sets)), values: map[string][]string{}}
	for name, values := range sets {
		k.values[name] = slices.Sorted(maps.Keys(values))
	}
	return k
}

// roles are the two names of one label.
var roles = []string{"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"}

// advice says why nothing matches a selector, and what was probably meant. It is mild if no label of the selector, nor one
// like it, is known.
func (k *labels) advice(s *selector.Selector, what string) (text string, mild bool) {
	conditions := s.Conditions()
	mild = true
	for _, c := range conditions {
		_, known := k.values[c.Label]
		mild = mild && !known
	}
	for _, c := range conditions {
		values, known := k.values[c.Label]
		switch {
		case c.Operator == "!=" || c.Operator == "not in":
		case !known:
			text = fmt.Sprintf("no %s has the label %s", what, c.Label)
			if near, ok := k.near(c.Label); ok {
				return text + "; did you mean " + near + "?", false
			}
			return text, mild
		case c.Operator == "==" || c.Operator == "in":
			if slices.ContainsFunc(c.Values, func(v string) bool { return slices.Contains(values, v) }) {
				continue
			}
			text = fmt.Sprintf("no %s has %s %s {%s}; there is %s", what, c.Label, "in", quoted(c.Values), quoted(slices.Clone(values)))
			if len(c.Values) == 1 {
				text = fmt.Sprintf("no %s has %s == %q; there is %s", what, c.Label, c.Values[0], quoted(slices.Clone(values)))
			}
			for _, v := range c.Values {
				if near, ok := resources.Nearest(v, values); ok {
					text += fmt.Sprintf("; did you mean %q?", near)
					break
				}
			}
			return text, false
		}
	}
	if len(conditions) == 0 {
		return "there is none", true
	}
	return "each label of the selector is there, but no " + what + " meets all of its conditions", mild
}

// near is a known label that is probably meant by one that is not.
func (k *labels) near(name string) (string, bool) {
	if i := slices.Index(roles, name); i >= 0 {
		if other := roles[1-i]; k.values[other] != nil {
			return other, true
		}
	}
	if near, ok := resources.Nearest(name, k.names); ok {
		return near, true
	}
	for _, other := range k.names { // with another prefix, or without any
		if bare(other) == bare(name) {
			return other, true
		}
	}
	return "", false
}

// bare is a label without the domain before it.
func bare(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
