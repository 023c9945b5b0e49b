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
	p.space()
	if p.peek() != ')' {
		return p.expected(") after has(%s", short(label))
	}
	p.pos++
	p.leaf(node{op: opHas, label: label})
	return nil
}

// comparison reads what follows a label: an operator and a value or a set.
func (p *parser) comparison(label string) error {
	end := p.pos
	p.space()
	op, sign, err := p.comparator(label, end)
	if err != nil {
		return err
	}
	p.space()
	n := node{op: op, label: label}
	if op == opIn || op == opNotIn {
		n.set, err = p.set(sign)
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
func (p *parser) value(sign string) (string, error) {
	quote := p.peek()
	if quote != '\'' && quote != '"' {
		return "", p.noValue(sign)
	}
	return p.quoted(quote)
}

func (p *parser) quoted(quote byte) (string, error) {
	rest := p.expr[p.pos+1:]
	size := strings.IndexByte(rest, quote)
	if size < 0 {
		return "", p.unterminated(quote)
	}
	p.pos += size + 2
	return rest[:size], nil
}

// set reads strings between braces; a comma may follow the last one.
func (p *parser) set(sign string) ([]string, error) {
	if p.peek() != '{' {
		return nil, p.expected("a set after %s, such as {'x', 'y'}", sign)
	}
	open, start := p.pos, len(p.values)
	p.pos++
	for {
		p.space()
		quote := p.peek()
		if quote != '\'' && quote != '"' {
			break
		}
		value, err := p.quoted(quote)
		if err != nil {
			return nil, err
		}
		p.values = append(p.values, value)
		p.space()
		if p.peek() != ',' {
			break
		}
		p.pos++
	}
	if p.peek() != '}' {
		return nil, p.openSet(open)
	}
	p.pos++
	members := p.values[start:len(p.values):len(p.values)]
	slices.Sort(members)
	return slices.Compact(members), nil
}

func (p *parser) leaf(n node) {
	n.entry = len(p.nodes)
	p.add(n)
}
