package selector

import (
	"slices"
	"strings"
)

// mostBranches bounds the work of Implies: it takes conditions apart one by one, which can come to 2^n cases.
const mostBranches = 10_000

// Implies tells whether it can be proved from the form of both that whatever labels s matches, other matches too. What
// is not proved may be true all the same: values that need more than one look at their text are taken to be possible,
// and so is everything once that would take too long.
func (s *Selector) Implies(other *Selector) bool {
	first := branch{s: s, at: s.entry()}
	todo := []branch{first}
	for steps := 0; len(todo) > 0; steps++ {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if b.at == accept && !b.second {
			b = branch{s: other, at: other.entry(), second: true, path: b.path}
		}
		switch {
		case b.at == accept || b.at == reject && !b.second:
			continue // other matches, or s does not
		case b.at == reject || steps >= mostBranches:
			return false
		}
		n := &b.s.nodes[b.at]
		for _, way := range []struct {
			holds bool
			to    int32
		}{{true, n.yes}, {false, n.no}} {
			next := branch{b.s, way.to, b.second, append(slices.Clip(b.path), literal{b.s, n, way.holds})}
			if next.possible() {
				todo = append(todo, next)
			}
		}
	}
	return true
}

// entry is where evaluation begins.
func (s *Selector) entry() int32 {
	if len(s.nodes) == 0 {
		return accept
	}
	return 0
}

// branch is a part of the way through two selectors: what has been assumed about their conditions, and what is asked next.
type branch struct {
	s      *Selector
	at     int32
	second bool
	path   []literal
}

// literal is a condition that is assumed to hold, or not to hold.
type literal struct {
	s     *Selector
	n     *node
	holds bool
}

func (l literal) label() string { return l.s.text(l.n.label) }

// accepts tells whether a value of the label agrees with the literal.
func (l literal) accepts(value string) bool {
	switch l.n.op {
	case opNotEqual:
		return l.holds == (value != l.s.text(l.n.value))
	case opNotIn:
		return l.holds == !l.s.lists(l.n, value)
	default:
		return l.holds == l.s.accepts(l.n, value)
	}
}

// absent tells whether a label that is not there agrees with the literal.
func (l literal) absent() bool {
	if l.n.op == opNotEqual || l.n.op == opNotIn {
		return l.holds == !l.n.strict
	}
	return !l.holds
}

// values are all that agree with the literal, if it says which.
func (l literal) values() (list []string, ok bool) {
	switch {
	case l.n.op == opEqual && l.holds, l.n.op == opNotEqual && !l.holds:
		return []string{l.s.text(l.n.value)}, true
	case l.n.op == opIn && l.holds, l.n.op == opNotIn && !l.holds:
		for _, value := range l.s.set(l.n) {
			list = append(list, l.s.text(value))
		}
		return list, true
	}
	return nil, false
}

// possible tells whether the last literal of a branch may be true together with those before it.
func (b *branch) possible() bool {
	last := b.path[len(b.path)-1]
	if last.n.op <= opGlobal {
		return last.holds
	}
	var same []literal
	absent := true
	for _, l := range b.path {
		if l.n.op > opGlobal && l.label() == last.label() {
			same = append(same, l)
			absent = absent && l.absent()
		}
	}
	return absent || present(same)
}

// present tells whether there may be a value of a label that agrees with all literals about it.
func present(all []literal) bool {
	for _, l := range all {
		if values, ok := l.values(); ok {
			return slices.ContainsFunc(values, func(v string) bool {
				return !slices.ContainsFunc(all, func(l literal) bool { return !l.accepts(v) })
			})
		}
	}
	for i, a := range all {
		if a.n.op == opHas && !a.holds {
			return false
		}
		for _, b := range all[:i+1] {
			if a.excludes(b) || b.excludes(a) {
				return false
			}
		}
	}
	return true
}

// excludes tells of two literals about parts of a text that no text agrees with both.
func (l literal) excludes(other literal) bool {
	if !l.isPart() || !other.isPart() {
		return false
	}
	mine, its := l.s.text(l.n.value), other.s.text(other.n.value)
	switch {
	case !l.holds && !other.holds:
		return mine == "" // which every text has
	case !l.holds:
		return false
	case !other.holds:
		return other.n.op == opContains && strings.Contains(mine, its) ||
			other.n.op == l.n.op && other.s.accepts(other.n, mine)
	case l.n.op != other.n.op:
		return false
	case l.n.op == opStartsWith:
		return !strings.HasPrefix(mine, its) && !strings.HasPrefix(its, mine)
	case l.n.op == opEndsWith:
		return !strings.HasSuffix(mine, its) && !strings.HasSuffix(its, mine)
	}
	return false
}

// isPart tells of a condition about a part of a text.
func (l literal) isPart() bool {
	return l.n.op == opContains || l.n.op == opStartsWith || l.n.op == opEndsWith
}
