package policy

import "net/netip"

// Addresses is a set of addresses at one end of traffic. Two of one Space are the same addresses if and only if they are
// equal. The zero value is all of both families, as an empty list of a Box is.
type Addresses struct {
	table *table
	// v4 and v6 are sets that ask for nothing but the source.
	v4, v6 ref
}

// Addresses is the addresses in a list of networks; none stand for all.
func (s *Space) Addresses(list []netip.Prefix) Addresses {
	if len(list) == 0 {
		return Addresses{}
	}
	var in addressSet
	in.add(list...)
	return Addresses{s.table, s.table.split(levelSource, in.v4, full), s.table.split(levelSource, in.v6, full)}
}

// All tells whether nothing is left out.
func (a Addresses) All() bool { return a == Addresses{} }

// IPVersion is that of all of the addresses, 0 if there are some of both.
func (a Addresses) IPVersion() int {
	switch {
	case a.v6 == empty && a.v4 != empty:
		return 4
	case a.v4 == empty && a.v6 != empty:
		return 6
	default:
		return 0
	}
}

// Rest is the other addresses of the family, ok is false if there are none or the addresses are of both.
func (a Addresses) Rest() (rest Addresses, ok bool) {
	switch a.IPVersion() {
	case 4:
		rest = Addresses{table: a.table, v4: a.table.not(a.v4)}
		return rest, rest.v4 != empty
	case 6:
		rest = Addresses{table: a.table, v6: a.table.not(a.v6)}
		return rest, rest.v6 != empty
	default:
		return Addresses{}, false
	}
}

// Count is how many networks Prefixes gives.
func (a Addresses) Count() int {
	count := 0
	a.intervals(func(in interval, _ bool) bool {
		count += prefixCount(in)
		return true
	})
	return count
}

// First are the first networks of Prefixes, no more than n.
func (a Addresses) First(n int) []netip.Prefix {
	var list []netip.Prefix
	a.intervals(func(in interval, v6 bool) bool {
		list = appendPrefixes(list, in, v6)
		return len(list) < n
	})
	return list[:min(n, len(list))]
}

// Prefixes are the fewest networks that have all of the addresses, sorted; none for all. Those who ask get the same list,
// which must not be changed. The limit counts it each time: whoever asks is going to print all of it.
func (a Addresses) Prefixes() []netip.Prefix {
	if a.All() || a.table.err != nil {
		return nil
	}
	list, ok := a.table.written[a]
	if !ok {
		list = make([]netip.Prefix, 0, a.Count())
		a.intervals(func(in interval, v6 bool) bool {
			list = appendPrefixes(list, in, v6)
			return true
		})
		a.table.written[a] = list
	}
	a.table.spend(stepsOfRange * len(list))
	return list
}

// intervals calls a function for each interval, until it returns false.
func (a Addresses) intervals(call func(in interval, v6 bool) bool) {
	for family, r := range []ref{a.v4, a.v6} {
		switch r {
		case empty:
			continue
		case full:
			if !call(interval{key{}, lastKey(levelSource)}, family == 1) {
				return
			}
			continue
		}
		n := a.table.node(r)
		for i, kid := range n.kids {
			if kid == full && !call(interval{n.starts[i], n.last(i)}, family == 1) {
				return
			}
		}
	}
}

// leads is a kid of a node.
type leads struct{ node, kid ref }

// leading is the addresses of a node that lead to a kid, as sources.
func (t *table) leading(r, kid ref) ref {
	of := leads{r, kid}
	if in, ok := t.leadings[of]; ok {
		return in
	}
	from := *t.node(r)
	t.spend(len(from.kids))
	n := t.begin(levelSource)
	for i := range from.kids {
		n.add(from.starts[i], truth(from.kids[i] == kid))
	}
	in := t.unique(n)
	t.leadings[of] = in
	return in
}
