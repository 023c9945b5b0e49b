package selector

import "strings"

// String is the canonical form: one spacing, double quotes where the value allows them, sets sorted and without
// duplicates, and parentheses around every && and ||. It parses to a selector that matches the same labels. It need
// not parse to the same form: ! before a parenthesised ! is printed as !!, and that reads back as nothing.
func (s *Selector) String() string {
	if len(s.nodes) == 0 {
		return "all()"
	}
	var b strings.Builder
	var parents []int
	for i := len(s.nodes) - 1; ; {
		n := &s.nodes[i]
		if n.op >= opNot {
			b.WriteString(n.opening())
			parents = append(parents, i)
			i = n.first
			continue
		}
		n.print(&b)
		if i, parents = s.onward(&b, i, parents); len(parents) == 0 {
			return b.String()
		}
	}
}

// onward goes from a printed node to the next one to print, and prints what stands between the two. It leaves no
// parents when that was all.
func (s *Selector) onward(b *strings.Builder, i int, parents []int) (int, []int) {
	for len(parents) > 0 {
		above := parents[len(parents)-1]
		parent := &s.nodes[above]
		if next := s.nodes[i].next; next != 0 {
			b.WriteString(parent.separator())
			return next, parents
		}
		if parent.op != opNot {
			b.WriteByte(')')
		}
		i, parents = above, parents[:len(parents)-1]
	}
	return i, parents
}

func (n *node) opening() string {
	if n.op == opNot {
		return "!"
	}
	return "("
}

func (n *node) separator() string {
	if n.op == opAnd {
		return " && "
	}
	return " || "
}

// print writes a condition.
func (n *node) print(b *strings.Builder) {
	if n.op == opHas {
		b.WriteString("has(")
	}
	b.WriteString(n.label)
	switch n.op {
	case opAll:
		b.WriteString("all()")
	case opGlobal:
		b.WriteString("global()")
	case opHas:
		b.WriteByte(')')
	case opEqual:
		printValue(b, " == ", n.value)
	case opNotEqual:
		printValue(b, " != ", n.value)
	case opContains:
		printValue(b, " contains ", n.value)
	case opStartsWith:
		printValue(b, " starts with ", n.value)
	case opEndsWith:
		printValue(b, " ends with ", n.value)
	case opIn:
		printSet(b, " in {", n.set)
	case opNotIn:
		printSet(b, " not in {", n.set)
	}
}

func printSet(b *strings.Builder, before string, set []string) {
	b.WriteString(before)
	for i, value := range set {
		separator := ""
		if i > 0 {
			separator = ", "
		}
		printValue(b, separator, value)
	}
	b.WriteByte('}')
}

func printValue(b *strings.Builder, before, value string) {
	quote := byte('"')
	if strings.IndexByte(value, quote) >= 0 {
		quote = '\''
	}
	b.WriteString(before)
	b.WriteByte(quote)
	b.WriteString(value)
	b.WriteByte(quote)
}
