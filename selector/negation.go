package selector

import "slices"

// Condition is one condition on a label.
type Condition struct {
	Label string
	// Operator is has, or the sign as users write it: ==, !=, in, not in, contains, starts with, ends with.
	Operator string
	// Values are what it compares with, sorted; none with has.
	Values []string
}

var operators = map[operation]string{
	opHas: "has", opEqual: "==", opNotEqual: "!=", opContains: "contains", opStartsWith: "starts with",
	opEndsWith: "ends with", opIn: "in", opNotIn: "not in",
}

// Conditions lists the conditions on labels, in the order of the expression.
func (s *Selector) Conditions() []Condition {
	var list []Condition
	for i := range s.nodes {
		n := &s.nodes[i]
		sign, ok := operators[n.op]
		if !ok {
			continue
		}
		c := Condition{Label: s.text(n.label), Operator: sign}
		switch n.op {
		case opHas:
		case opIn, opNotIn:
			for _, value := range s.set(n) {
				c.Values = append(c.Values, s.text(value))
			}
		default:
			c.Values = []string{s.text(n.value)}
		}
		list = append(list, c)
	}
	return list
}

// Strict is the selector as somebody may read it who forgets that != and not in are true of a label that is absent:
// it matches like s, but for these conditions, which want the label to be there. It prints like s.
func (s *Selector) Strict() *Selector {
	strict := *s
	strict.nodes = slices.Clone(s.nodes)
	for i := range strict.nodes {
		n := &strict.nodes[i]
		n.strict = n.op == opNotEqual || n.op == opNotIn
	}
	return &strict
}
