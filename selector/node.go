package selector

import (
	"slices"
	"strings"
)

type operation uint8

const (
	opAll operation = iota
	opGlobal
	opHas
	opEqual
	opNotEqual
	opContains
	opStartsWith
	opEndsWith
	opIn
	opNotIn
	opNot // From here on the node has children.
	opAnd
	opOr
)

// The two ways out of an evaluation. Every other destination is the index of a node.
const (
	accept = -1
	reject = -2
)

// span is expr[low:high] of a Selector. With spans for strings the nodes hold no pointers, which makes them cheap for
// the garbage collector and half as large.
type span struct{ low, high int32 }

func (s *Selector) text(part span) string {
	return s.expr[part.low:part.high]
}

// node is one condition, or !, && or || over other nodes. Nodes refer to each other by index.
type node struct {
	op operation
	// strict makes a negative operator false where the label is absent.
	strict bool
	label  span
	value  span // For in and not in: the part of Selector.sets that is the set, sorted, without duplicates.

	first int32 // The first child.
	next  int32 // The sibling to the right, or 0: node 0 is leftmost, so it is nobody's right sibling.
	entry int32 // The leftmost condition at or below this node, where its evaluation starts.

	// Where evaluation goes on when the node is true, and when it is false.
	yes, no int32
}

// holds evaluates a condition.
func (s *Selector) holds(n *node, labels Labels) bool {
	if n.op <= opGlobal {
		return true
	}
	value, ok := labels.Get(s.text(n.label))
	switch n.op {
	case opNotEqual:
		return !ok && !n.strict || ok && value != s.text(n.value)
	case opNotIn:
		return !ok && !n.strict || ok && !s.lists(n, value)
	default:
		return ok && s.accepts(n, value)
	}
}

// accepts evaluates a condition that only a label that is there can meet.
func (s *Selector) accepts(n *node, value string) bool {
	switch n.op {
	case opHas:
		return true
	case opEqual:
		return value == s.text(n.value)
	case opContains:
		return strings.Contains(value, s.text(n.value))
	case opStartsWith:
		return strings.HasPrefix(value, s.text(n.value))
	case opEndsWith:
		return strings.HasSuffix(value, s.text(n.value))
	case opIn:
		return s.lists(n, value)
	default:
		return false
	}
}

func (s *Selector) set(n *node) []span {
	return s.sets[n.value.low:n.value.high]
}

func (s *Selector) lists(n *node, value string) bool {
	_, found := slices.BinarySearchFunc(s.set(n), value, func(member span, value string) int {
		return strings.Compare(s.text(member), value)
	})
	return found
}

// link threads the conditions together: each learns which condition decides next once it is known to be true or
// false, so that evaluation visits conditions only and needs no stack. A parent comes after its children, so going
// backwards each node knows its own ways out before it passes them down.
func link(nodes []node) {
	root := int32(len(nodes) - 1)
	nodes[root].yes, nodes[root].no = accept, reject
	for i := root; i >= 0; i-- {
		n := &nodes[i]
		switch n.op {
		case opNot:
			nodes[n.first].yes, nodes[n.first].no = n.no, n.yes
		case opAnd, opOr:
			linkChildren(nodes, n)
		}
	}
}

func linkChildren(nodes []node, parent *node) {
	for i := parent.first; ; i = nodes[i].next {
		child := &nodes[i]
		child.yes, child.no = parent.yes, parent.no
		if child.next == 0 {
			return
		}
		if onward := nodes[child.next].entry; parent.op == opAnd {
			child.yes = onward
		} else {
			child.no = onward
		}
	}
}
