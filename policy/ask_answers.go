package policy

import (
	"net/netip"
	"slices"
)

// lost is the packets of a question to or from hosts whose answers are certainly dropped there.
type lost struct {
	*Asker
	q *Question
	// of remembers what the classes drop on a path.
	of map[*class]map[Path]ref
}

// unanswered is the packets of a question to or from hosts whose answers are certainly dropped.
func (a *Asker) unanswered(q *Question) ref {
	if !slices.ContainsFunc(a.classes, (*class).untracks) {
		return empty
	}
	l := lost{Asker: a, q: q, of: map[*class]map[Path]ref{}}
	return a.apply(or, l.at(levelSource, Output, q.FromEndpoint), l.at(levelDestination, Input, q.ToEndpoint))
}

// at is what hosts drop that have the address of the level: at the interface of an endpoint, or at each that may be meant.
func (l *lost) at(side level, path Path, endpoint string) ref {
	if doors := l.doorsOf(endpoint); len(doors) > 0 {
		return l.dropped(doors, path)
	}
	all := map[netip.Addr]ref{}
	for _, h := range l.hosts {
		for _, own := range h.own {
			r := l.dropped(h.through("", own), path)
			if other, shared := all[own]; shared { // one of its nodes takes part
				r = l.apply(and, r, other)
			}
			all[own] = r
		}
	}
	groups := map[ref]*addressSet{}
	for own, r := range all {
		if groups[r] == nil {
			groups[r] = &addressSet{}
		}
		groups[r].add(netip.PrefixFrom(own, own.BitLen()))
	}
	list := make([]ref, 0, len(groups))
	for r, addresses := range groups {
		list = append(list, l.apply(and, r, l.inAddresses(side, *addresses)))
	}
	return l.all(or, list, empty)
}

// dropped is what is dropped by whichever of the doors.
func (l *lost) dropped(doors []*door, path Path) ref {
	out := full
	for _, d := range doors {
		if l.of[d.class] == nil {
			l.of[d.class] = map[Path]ref{}
		}
		own, ok := l.of[d.class][path]
		if !ok {
			if !d.class.open() {
				own = l.table.unanswered(path, [directions]*class{d.class, d.class}, l.q.Services)
			}
			l.of[d.class][path] = own
		}
		out = l.apply(and, out, own)
	}
	return out
}
