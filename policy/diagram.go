package policy

import (
	"net/netip"
	"slices"
)

// ref stands for a diagram: a terminal below terminals, or a node of the table. Two
// diagrams of one table are the same function if and only if their refs are equal.
type ref int32

// terminals is how many refs are terminals. A terminal of a set is empty or full; a
// terminal of a verdict is a set of outcomes.
const terminals = 16

const (
	empty ref = 0
	full  ref = 1
)

// level is a dimension of traffic, in the order in which diagrams ask for them. What
// rules share comes first, and what differs from rule to rule, addresses, last.
type level uint8

const (
	// levelProtocol is the IP protocol, plus 256 in IPv6.
	levelProtocol level = iota
	// levelPort is the destination port, or 256 x type + code of ICMP.
	levelPort
	levelSourcePort
	levelSource
	levelDestination
	levels
)

// v6Protocol is where the protocols of IPv6 begin.
const v6Protocol = 256

// lastKey is the last key of a level.
func lastKey(l level) key {
	switch l {
	case levelProtocol:
		return number(2*v6Protocol - 1)
	case levelPort, levelSourcePort:
		return number(65535)
	default:
		return hostMask(0)
	}
}

// node splits one dimension: kids[i] holds from starts[i] up to the next start.
// starts[0] is always zero and neighbouring kids differ, so that there is one form
// only of every function.
type node struct {
	starts []key
	kids   []ref
	next   ref // The next node of the same hash, or empty.
	level  level
}

// table holds every diagram once. It only grows. It is not safe for use by several
// goroutines at once.
type table struct {
	nodes []node
	heads map[uint64]ref
	memo  memo
	meter
	// scratch is where the node of each level is put together.
	scratch [levels]node
	starts  []key
	kids    []ref
	// leadings and written remember what has been asked for of addresses.
	leadings map[leads]ref
	written  map[Addresses][]netip.Prefix
}

func newTable(l Limit) *table {
	return &table{
		heads: map[uint64]ref{}, memo: newMemo(), meter: newMeter(l),
		leadings: map[leads]ref{}, written: map[Addresses][]netip.Prefix{},
	}
}

func (t *table) node(r ref) *node { return &t.nodes[r-terminals] }

// level is the dimension that a diagram asks for first, levels for a terminal.
func (t *table) level(r ref) level {
	if r < terminals {
		return levels
	}
	return t.node(r).level
}

// add extends the node that is put together; starts come in ascending order.
func (n *node) add(start key, kid ref) {
	if len(n.kids) > 0 && n.kids[len(n.kids)-1] == kid {
		return
	}
	n.starts = append(n.starts, start)
	n.kids = append(n.kids, kid)
}

func (t *table) begin(l level) *node {
	n := &t.scratch[l]
	n.level, n.starts, n.kids = l, n.starts[:0], n.kids[:0]
	return n
}

// unique is the ref of what was put together.
func (t *table) unique(n *node) ref {
	if len(n.kids) == 1 {
		return n.kids[0]
	}
	hash := n.hash()
	for r := t.heads[hash]; r != empty; r = t.node(r).next {
		have := t.node(r)
		if have.level == n.level && slices.Equal(have.kids, n.kids) && slices.Equal(have.starts, n.starts) {
			return r
		}
	}
	r := ref(len(t.nodes) + terminals)
	t.nodes = append(t.nodes, node{
		level: n.level, next: t.heads[hash],
		starts: keep(&t.starts, n.starts), kids: keep(&t.kids, n.kids),
	})
	t.heads[hash] = r
	t.spend(stepsOfNode + stepsOfKid*len(n.kids))
	return r
}

// keep copies values to where they stay. Many small slices share an array.
func keep[T any](slab *[]T, values []T) []T {
	const size = 4096
	if cap(*slab)-len(*slab) < len(values) {
		*slab = make([]T, 0, max(size, len(values)))
	}
	from := len(*slab)
	*slab = append(*slab, values...)
	return (*slab)[from:len(*slab):len(*slab)]
}

func (n *node) hash() uint64 {
	const prime = 0x9e3779b97f4a7c15
	h := uint64(n.level) + 1
	for i, start := range n.starts {
		h = (h ^ start.hi) * prime
		h = (h ^ h>>29 ^ start.lo) * prime
		h = (h ^ h>>31 ^ uint64(n.kids[i])) * prime
	}
	return h ^ h>>32
}

// find is the place of the kid that holds at k.
func (n *node) find(k key) int {
	low, high := 0, len(n.starts)
	for high-low > 1 {
		middle := int(uint(low+high) / 2)
		if k.less(n.starts[middle]) {
			high = middle
		} else {
			low = middle
		}
	}
	return low
}

// last is the last key of the i-th kid.
func (n *node) last(i int) key {
	if i+1 < len(n.starts) {
		return n.starts[i+1].before()
	}
	return lastKey(n.level)
}

// split makes the diagram that is in where the dimension is in one of the intervals,
// and empty elsewhere. The intervals are sorted and merged in place.
func (t *table) split(l level, in []interval, then ref) ref {
	if len(in) == 0 {
		return empty
	}
	slices.SortFunc(in, func(a, b interval) int { return a.first.compare(b.first) })
	n := t.begin(l)
	if in[0].first != (key{}) {
		n.add(key{}, empty)
	}
	for i := 0; i < len(in); {
		n.add(in[i].first, then)
		last := in[i].last
		after, more := last.next()
		for i++; i < len(in) && more && !after.less(in[i].first); i++ {
			if last.less(in[i].last) {
				last = in[i].last
				after, more = last.next()
			}
		}
		if last == lastKey(l) || !more {
			break
		}
		n.add(after, empty)
	}
	return t.unique(n)
}

// point is a packet, as the keys of the dimensions. Where first and last differ, it is
// not known which of the keys from the one to the other it has.
type point struct{ first, last [levels]key }

func (p *point) set(l level, k key) { p.first[l], p.last[l] = k, k }

// at is the terminal that a diagram has at the first keys of a point.
func (t *table) at(r ref, p *point) ref {
	for r >= terminals {
		n := t.node(r)
		r = n.kids[n.find(p.first[n.level])]
	}
	return r
}

// reach has a bit for each terminal that a diagram has somewhere in a point.
func (t *table) reach(r ref, p *point) uint16 {
	for r >= terminals {
		n := t.node(r)
		at := n.find(p.first[n.level])
		if p.first[n.level] != p.last[n.level] {
			all := uint16(0)
			for _, kid := range n.kids[at : n.find(p.last[n.level])+1] {
				all |= t.reach(kid, p)
			}
			return all
		}
		r = n.kids[at]
	}
	return 1 << r
}

// depends tells whether a diagram asks for a dimension at all.
func (t *table) depends(r ref, l level) bool {
	seen := map[ref]bool{}
	var visit func(ref) bool
	visit = func(r ref) bool {
		if at := t.level(r); at >= l || seen[r] {
			return at == l
		}
		seen[r] = true
		return slices.ContainsFunc(t.node(r).kids, visit)
	}
	return visit(r)
}

// copyFrom makes a diagram of another table one of this table.
func (t *table) copyFrom(other *table, r ref, done map[ref]ref) ref {
	if t == other || r < terminals {
		return r
	}
	if made, ok := done[r]; ok {
		return made
	}
	from := other.node(r)
	kids := make([]ref, len(from.kids))
	for i, kid := range from.kids {
		kids[i] = t.copyFrom(other, kid, done)
	}
	made := t.unique(&node{level: from.level, starts: from.starts, kids: kids})
	done[r] = made
	return made
}
