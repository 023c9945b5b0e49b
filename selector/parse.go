package selector

import "strings"

// parser goes over the expression once, from left to right, and appends each node after its children.
type parser struct {
	expr   string
	pos    int
	after  string // The sign before the next term, for messages; empty at the start.
	nodes  []node
	values []string // The members of all sets: one array, of which each set is a part.
	groups []group  // The open parentheses, outermost first; the first group is the whole expression.
	few    [8]group // Room for groups without an allocation.
}

// group collects the terms between two parentheses: those of the || so far, and those of the && after the last ||.
type group struct {
	open    int  // Offset of the opening parenthesis.
	negated bool // An odd number of ! stands before the parenthesis.
	or, and list
}

// list is a chain of nodes through node.next.
type list struct{ head, tail, size int }

func (p *parser) parse() error {
	p.groups = append(p.groups, group{})
	for {
		if err := p.operand(); err != nil {
			return err
		}
		more, err := p.operator()
		if err != nil || !more {
			return err
		}
	}
}

// operand reads signs and opening parentheses up to a condition, and the condition.
func (p *parser) operand() error {
	negated := false
	for {
		p.space()
		switch p.peek() {
		case '!':
			p.pos++
			p.after, negated = "!", !negated
		case '(':
			p.groups = append(p.groups, group{open: p.pos, negated: negated})
			p.pos++
			p.after, negated = "(", false
		default:
			if err := p.condition(); err != nil {
				return err
			}
			p.attach(len(p.nodes)-1, negated)
			return nil
		}
	}
}

// operator reads what follows a condition: closing parentheses, and then && or ||, or the end (false).
func (p *parser) operator() (bool, error) {
	for {
		p.space()
		g := &p.groups[len(p.groups)-1]
		switch rest := p.expr[p.pos:]; {
		case rest == "" && len(p.groups) == 1:
			p.finish(g)
			return false, nil
		case rest == "":
			return false, p.fail(g.open, "no closing ) for this (")
		case strings.HasPrefix(rest, "&&"):
			p.pos += 2
			p.after = "&&"
			return true, nil
		case strings.HasPrefix(rest, "||"):
			p.pos += 2
			p.after = "||"
			p.push(&g.or, p.fold(opAnd, g.and))
			g.and = list{}
			return true, nil
		case rest[0] == ')' && len(p.groups) > 1:
			p.pos++
			p.groups = p.groups[:len(p.groups)-1]
			p.attach(p.finish(g), g.negated)
		default:
			return false, p.noConnective()
		}
	}
}

// attach gives a finished term to the innermost open group.
func (p *parser) attach(i int, negated bool) {
	if negated {
		i = p.add(node{op: opNot, first: i, entry: p.nodes[i].entry})
	}
	p.push(&p.groups[len(p.groups)-1].and, i)
}

// finish makes one node of a whole group.
func (p *parser) finish(g *group) int {
	last := p.fold(opAnd, g.and)
	p.push(&g.or, last)
	return p.fold(opOr, g.or)
}

// fold makes one node of a list; the only node of a list needs no other.
func (p *parser) fold(op operation, l list) int {
	if l.size == 1 {
		return l.head
	}
	return p.add(node{op: op, first: l.head, entry: p.nodes[l.head].entry})
}

func (p *parser) push(l *list, i int) {
	if l.size == 0 {
		l.head = i
	} else {
		p.nodes[l.tail].next = i
	}
	l.tail = i
	l.size++
}

func (p *parser) add(n node) int {
	p.nodes = append(p.nodes, n)
	return len(p.nodes) - 1
}

// peek is the next byte, or 0 at the end.
func (p *parser) peek() byte {
	if p.pos == len(p.expr) {
		return 0
	}
	return p.expr[p.pos]
}

func (p *parser) space() {
	for p.pos < len(p.expr) && (p.expr[p.pos] == ' ' || p.expr[p.pos] == '\t') {
		p.pos++
	}
}

// word reads the longest run of label characters, which may be empty.
func (p *parser) word() string {
	start := p.pos
	for p.pos < len(p.expr) && isLabelByte(p.expr[p.pos]) {
		p.pos++
	}
	return p.expr[start:p.pos]
}

func isLabelByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '-' <= c && c <= '9' || 'A' <= c && c <= 'Z' || c == '_' // '-' to '9' is - . / 0-9.
}
