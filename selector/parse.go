package selector

import "strings"

// parser goes over the expression once, from left to right, and appends each node after its children.
type parser struct {
	expr  string
	pos   int
	after string // The sign before the next term, for messages; empty at the start.
	nodes []node
	sets  []span  // The members of all sets so far.
	group group   // The innermost open group.
	outer []group // The groups around it, outermost first.
}

// group collects the terms between two parentheses, or of the whole expression: those of the || so far, and those of
// the && after the last ||.
type group struct {
	open    int  // Offset of the opening parenthesis.
	negated bool // An odd number of ! stands before the parenthesis.
	or, and list
}

// list is a chain of nodes through node.next.
type list struct{ head, tail, size int32 }

// nodesIn is how many nodes to make room for. A condition more is a && or || more, and those make a node at most
// themselves; the bound spares expressions with such signs inside of strings.
func nodesIn(expr string) int {
	signs := strings.Count(expr, "&") + strings.Count(expr, "|") + strings.Count(expr, "!")
	return 1 + min(signs, len(expr)/6)
}

func (p *parser) parse() error {
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
			if len(p.outer) == MaxDepth {
				return p.fail(p.pos, "parentheses nest deeper than the limit of %d", MaxDepth)
			}
			p.outer = append(p.outer, p.group)
			p.group = group{open: p.pos, negated: negated}
			p.pos++
			p.after, negated = "(", false
		default:
			if err := p.condition(); err != nil {
				return err
			}
			p.attach(int32(len(p.nodes)-1), negated)
			return nil
		}
	}
}

// operator reads what follows a condition: closing parentheses, and then && or ||, or the end (false).
func (p *parser) operator() (bool, error) {
	for {
		p.space()
		switch rest := p.expr[p.pos:]; {
		case rest == "" && len(p.outer) > 0:
			return false, p.fail(p.group.open, "no closing ) for this (")
		case rest == "":
			p.finish()
			return false, nil
		case strings.HasPrefix(rest, "&&"):
			p.pos += 2
			p.after = "&&"
			return true, nil
		case strings.HasPrefix(rest, "||"):
			p.pos += 2
			p.after = "||"
			p.push(&p.group.or, p.fold(opAnd, p.group.and))
			p.group.and = list{}
			return true, nil
		case rest[0] == ')' && len(p.outer) > 0:
			p.pos++
			term, negated := p.finish(), p.group.negated
			p.group = p.outer[len(p.outer)-1]
			p.outer = p.outer[:len(p.outer)-1]
			p.attach(term, negated)
		default:
			return false, p.noConnective()
		}
	}
}

// attach gives a finished term to the innermost open group.
func (p *parser) attach(i int32, negated bool) {
	if negated {
		i = p.add(node{op: opNot, first: i, entry: p.nodes[i].entry})
	}
	p.push(&p.group.and, i)
}

// finish makes one node of the innermost group.
func (p *parser) finish() int32 {
	p.push(&p.group.or, p.fold(opAnd, p.group.and))
	return p.fold(opOr, p.group.or)
}

// fold makes one node of a list; the only node of a list needs no other.
func (p *parser) fold(op operation, l list) int32 {
	if l.size == 1 {
		return l.head
	}
	return p.add(node{op: op, first: l.head, entry: p.nodes[l.head].entry})
}

func (p *parser) push(l *list, i int32) {
	if l.size == 0 {
		l.head = i
	} else {
		p.nodes[l.tail].next = i
	}
	l.tail = i
	l.size++
}

func (p *parser) add(n node) int32 {
	p.nodes = append(p.nodes, n)
	return int32(len(p.nodes) - 1)
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

// from is the part of the expression from an offset up to here.
func (p *parser) from(low int) span {
	return span{int32(low), int32(p.pos)}
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
