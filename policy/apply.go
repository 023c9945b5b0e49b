package policy

// outcomes is what may become of a packet: a set, since where something cannot be known
// there is more than one. It is also the terminal of diagrams that say so.
type outcomes = ref

const (
	allow outcomes = 1 << iota
	deny
	// pass leaves the tier.
	pass
	// next goes on with the next rule.
	next
)

// operation combines two diagrams value by value.
type operation uint8

const (
	// and, or and minus combine two sets.
	and operation = iota
	or
	minus
	// paint gives the members of the set a the outcomes b, a terminal, and others next.
	paint
	// then goes on with b where a says next.
	then
	// passing goes on with b where a says pass.
	passing
	// both is a and then b, another end of the way: b where a allows. Where a says
	// pass, it is allowed without b.
	both
	// accept turns allow into pass, for both.
	accept
	// is is the set where a is the terminal b.
	is
)

// memo remembers results. A newer one may take the place of an older one.
type memo struct {
	entries []memoEntry
	used    int
}

type memoEntry struct {
	a, b, result ref
	operation    operation
	valid        bool
}

const (
	memoSmallest = 1 << 10
	memoLargest  = 1 << 20
)

func newMemo() memo { return memo{entries: make([]memoEntry, memoSmallest)} }

func (m *memo) slot(op operation, a, b ref) *memoEntry {
	h := (uint64(a)<<32 | uint64(b)) * 0x9e3779b97f4a7c15
	h = (h ^ h>>32 ^ uint64(op)) * 0xbf58476d1ce4e5b9
	return &m.entries[(h^h>>29)&uint64(len(m.entries)-1)]
}

func (m *memo) put(op operation, a, b, result ref) {
	if m.used++; m.used > len(m.entries) && len(m.entries) < memoLargest {
		old := m.entries
		m.entries, m.used = make([]memoEntry, 4*len(old)), 0
		for _, e := range old {
			if e.valid {
				*m.slot(e.operation, e.a, e.b) = e
				m.used++
			}
		}
	}
	*m.slot(op, a, b) = memoEntry{a, b, result, op, true}
}

// apply is an operation on two diagrams.
func (t *table) apply(op operation, a, b ref) ref {
	if (op == and || op == or) && b < a {
		a, b = b, a
	}
	if result, ok := shortcut(op, a, b); ok {
		return result
	}
	if e := t.memo.slot(op, a, b); e.valid && e.operation == op && e.a == a && e.b == b {
		return e.result
	}
	if t.err != nil {
		return empty
	}
	var result ref
	switch la, lb := t.level(a), t.level(b); {
	case la < lb:
		from := *t.node(a)
		t.spend(len(from.kids))
		n := t.begin(la)
		for i, kid := range from.kids {
			n.add(from.starts[i], t.apply(op, kid, b))
		}
		result = t.unique(n)
	case lb < la:
		from := *t.node(b)
		t.spend(len(from.kids))
		n := t.begin(lb)
		for i, kid := range from.kids {
			n.add(from.starts[i], t.apply(op, a, kid))
		}
		result = t.unique(n)
	default:
		result = t.merge(op, *t.node(a), *t.node(b))
	}
	if t.err == nil {
		t.memo.put(op, a, b, result)
	}
	return result
}

// merge is apply for two nodes of one level.
func (t *table) merge(op operation, a, b node) ref {
	n := t.begin(a.level)
	t.spend(len(a.kids) + len(b.kids))
	for i, j, start := 0, 0, (key{}); ; {
		n.add(start, t.apply(op, a.kids[i], b.kids[j]))
		moreA, moreB := i+1 < len(a.starts), j+1 < len(b.starts)
		switch {
		case !moreA && !moreB:
			return t.unique(n)
		case !moreB || moreA && a.starts[i+1].less(b.starts[j+1]):
			i++
			start = a.starts[i]
		case !moreA || b.starts[j+1].less(a.starts[i+1]):
			j++
			start = b.starts[j]
		default:
			i++
			j++
			start = a.starts[i]
		}
	}
}

// shortcut is the result where it does not need a look at the nodes: always, when both
// are terminals.
func shortcut(op operation, a, b ref) (ref, bool) {
	switch op {
	case and, or, minus:
		return shortcutSet(op, a, b)
	case paint:
		return paintTerminal(a, b)
	case is:
		return truth(a == b), a < terminals
	case accept:
		if a&allow != 0 {
			return a&^allow | pass, a < terminals
		}
		return a, a < terminals
	case both:
		return shortcutBoth(a, b)
	}
	on := next
	if op == passing {
		on = pass
	}
	switch {
	case a == on:
		return b, true
	case a >= terminals:
		return a, op == then && b == next
	case a&on == 0:
		return a, true
	default:
		return a&^on | b, b < terminals
	}
}

func paintTerminal(a, b ref) (ref, bool) {
	if a == empty {
		return next, true
	}
	return b, a == full
}

// shortcutSet has a <= b for and and or.
func shortcutSet(op operation, a, b ref) (ref, bool) {
	switch {
	case op == minus:
		if a == empty || b == full || a == b {
			return empty, true
		}
		return a, b == empty
	case a == b:
		return a, true
	case op == and:
		if a == empty {
			return empty, true
		}
		return b, a == full
	case a == full:
		return full, true
	default:
		return b, a == empty
	}
}

func shortcutBoth(a, b ref) (ref, bool) {
	if a >= terminals {
		return empty, false
	}
	var out ref
	if a&allow != 0 {
		out |= b
	}
	if a&deny != 0 {
		out |= deny
	}
	if a&pass != 0 {
		out |= allow
	}
	return out, a&allow == 0 || a == allow || b < terminals
}

func truth(b bool) ref {
	if b {
		return full
	}
	return empty
}

// all combines many diagrams in their order. Halving keeps what is in between small.
func (t *table) all(op operation, list []ref, none ref) ref {
	switch len(list) {
	case 0:
		return none
	case 1:
		return list[0]
	}
	middle := len(list) / 2
	return t.apply(op, t.all(op, list[:middle], none), t.all(op, list[middle:], none))
}

func (t *table) not(a ref) ref { return t.apply(minus, full, a) }
