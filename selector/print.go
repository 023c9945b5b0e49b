package selector

import "strings"

// String is the canonical form: one spacing, double quotes where the value allows them, sets sorted and without
// duplicates, and parentheses around every && and ||. It parses to a selector that matches the same labels. It need
// not parse to the same form: ! before a parenthesised ! is printed as !!, and that is read as no negation at all.
func (s *Selector) String() string {
	if len(s.nodes) == 0 {
		return "all()"
	}
	var b strings.Builder
	var parents []int32
	for i := int32(len(s.nodes) - 1); ; {
		n := &s.nodes[i]
		if n.op >= opNot {
			b.WriteString(n.opening())
			parents = append(parents, i)
			i = n.first
			continue
		}
		s.print(&b, n)
		if i, parents = s.onward(&b, i, parents); len(parents) == 0 {
			return b.String()
		}
	}
}

// onward goes from a printed node to the next one to print, and prints what stands between the two. It leaves no
// parents when that was all.
func (s *Selector) onward(b *strings.Builder, i int32, parents []int32) (int32, []int32) {
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
func (s *Selector) print(b *strings.Builder, n *node) {
	label := s.text(n.label)
	switch n.op {
	case opAll:
		b.WriteString("all()")
	case opGlobal:
		b.WriteString("global()")
	case opHas:
		b.WriteString("has(" + label + ")")
	case opEqual:
		printValue(b, label+" == ", s.text(n.value))
	case opNotEqual:
		printValue(b, label+" != ", s.text(n.value))
	case opContains:
		printValue(b, label+" contains ", s.text(n.value))
	case opStartsWith:
		printValue(b, label+" starts with ", s.text(n.value))
	case opEndsWith:
		printValue(b, label+" ends with ", s.text(n.value))
	case opIn:
		s.printSet(b, label+" in {", s.set(n))
	case opNotIn:
		s.printSet(b, label+" not in {", s.set(n))
	}
}

func (s *Selector) printSet(b *strings.Builder, before string, set []span) {
	b.WriteString(before)
	separator := ""
	for _, value := range set {
		printValue(b, separator, s.text(value))
		separator = ", "
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
