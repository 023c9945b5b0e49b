package selector

import (
	"slices"
	"strings"
)

const maxLabel = 512

// condition reads one condition and appends its node.
func (p *parser) condition() error {
	start := p.pos
	word := p.word()
	if word == "" {
		return p.noCondition()
	}
	if p.peek() == '(' {
		switch word {
		case "all":
			return p.constant(opAll, "all")
		case "global":
			return p.constant(opGlobal, "global")
		case "has":
			return p.has()
		}
	}
	if len(word) > maxLabel {
		return p.tooLong(start, word)
	}
	return p.comparison(word)
}

// constant reads the parentheses of all() and global().
func (p *parser) constant(op operation, name string) error {
	p.pos++
	p.space()
	if p.peek() != ')' {
		return p.expected(") after %s(; nothing stands between its parentheses", name)
	}
	p.pos++
	p.leaf(node{op: op})
	return nil
}

// has reads the parentheses of has() and the label between them.
func (p *parser) has() error {
	p.pos++
	p.space()
	start := p.pos
	label := p.word()
	if label == "" {
		return p.noLabel()
	}
	if len(label) > maxLabel {
		return p.tooLong(start, label)
	}
	part := p.from(start)
	p.space()
	if p.peek() != ')' {
		return p.expected(") after has(%s", short(label))
	}
	p.pos++
	p.leaf(node{op: opHas, label: part})
	return nil
}

// comparison reads what follows a label: an operator and a value or a set.
func (p *parser) comparison(label string) error {
	end := p.pos
	part := p.from(end - len(label))
	p.space()
	op, sign, err := p.comparator(label, end)
	if err != nil {
		return err
	}
	p.space()
	n := node{op: op, label: part}
	if op == opIn || op == opNotIn {
		n.value, err = p.set(sign)
	} else {
		n.value, err = p.value(sign)
	}
	if err != nil {
		return err
	}
	p.leaf(n)
	return nil
}

// comparator reads an operator and says how it is spelled.
func (p *parser) comparator(label string, end int) (operation, string, error) {
	start := p.pos
	switch rest := p.expr[p.pos:]; {
	case strings.HasPrefix(rest, "=="):
		p.pos += 2
		return opEqual, "==", nil
	case strings.HasPrefix(rest, "!="):
		p.pos += 2
		return opNotEqual, "!=", nil
	}
	word := p.word()
	switch word {
	case "contains":
		return opContains, word, nil
	case "in":
		return opIn, word, nil
	case "notin":
		return opNotIn, "not in", nil
	case "startswith":
		return opStartsWith, "starts with", nil
	case "endswith":
		return opEndsWith, "ends with", nil
	case "not":
		return opNotIn, "not in", p.second("in", "in after not; to negate any other condition put ! before it")
	case "starts":
		return opStartsWith, "starts with", p.second("with", "with after starts")
	case "ends":
		return opEndsWith, "ends with", p.second("with", "with after ends")
	}
	p.pos = start
	return 0, "", p.noComparator(label, word, end)
}

// second reads the second word of an operator.
func (p *parser) second(want, what string) error {
	p.space()
	start := p.pos
	if p.word() == want {
		return nil
	}
	p.pos = start
	return p.expected("%s", what)
}

// value reads a quoted string.
func (p *parser) value(sign string) (span, error) {
	if !p.atQuote() {
		return span{}, p.noValue(sign)
	}
	return p.quoted()
}

func (p *parser) atQuote() bool {
	c := p.peek()
	return c == '\'' || c == '"'
}

func (p *parser) quoted() (span, error) {
	start := p.pos + 1
	size := strings.IndexByte(p.expr[start:], p.expr[p.pos])
	if size < 0 {
		return span{}, p.unterminated()
	}
	p.pos = start + size
	value := p.from(start)
	p.pos++
	return value, nil
}

// set reads strings between braces; a comma may follow the last one. It gives the part of p.sets that they became.
func (p *parser) set(sign string) (span, error) {
	if p.peek() != '{' {
		return span{}, p.expected("a set after %s, such as {'x', 'y'}", sign)
	}
	open, low := p.pos, len(p.sets)
	if p.sets == nil {
		rest := p.expr[open:] // Each set has at most one string more than it has commas.
		p.sets = make([]span, 0, strings.Count(rest, "{")+strings.Count(rest, ","))
	}
	p.pos++
	p.space()
	for p.atQuote() {
		value, err := p.quoted()
		if err != nil {
			return span{}, err
		}
		p.sets = append(p.sets, value)
		p.space()
		if p.peek() != ',' {
			break
		}
		p.pos++
		p.space()
	}
	if p.peek() != '}' {
		return span{}, p.openSet(open)
	}
	p.pos++
	p.sort(low)
	return span{int32(low), int32(len(p.sets))}, nil
}

// sort puts the set that starts at low in order and drops duplicates.
func (p *parser) sort(low int) {
	text := func(part span) string { return p.expr[part.low:part.high] }
	set := p.sets[low:]
	slices.SortFunc(set, func(a, b span) int { return strings.Compare(text(a), text(b)) })
	set = slices.CompactFunc(set, func(a, b span) bool { return text(a) == text(b) })
	p.sets = p.sets[:low+len(set)]
}

func (p *parser) leaf(n node) {
	n.entry = int32(len(p.nodes))
	p.add(n)
}
