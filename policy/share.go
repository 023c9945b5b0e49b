package policy

import (
	"fmt"
	"net/netip"
	"slices"
)

// share is sets of packets that mean the same for some ends of a host: all of its own addresses, or one of the sources and one of
// the destinations. Those are none where the path has no own address.
type share struct {
	sets []ref
	// limited tells shares of the same sets apart, which are no one product of sources and destinations; 0 for all ends.
	limited               int
	sources, destinations []netip.Addr
}

// ends is one own address of a host, or on the path Local two of one family.
type ends struct{ source, destination netip.Addr }

// whole is what holds for any of the own addresses.
func (p *projection) whole(own []netip.Addr) []share {
	if sets := p.of(own, own); sets != nil {
		return []share{{sets: sets}}
	}
	return nil
}

// apart is what holds for all of the own addresses, and what for some of them only.
func (p *projection) apart(own []netip.Addr) []share {
	all := p.of(own, own)
	if all == nil {
		return nil
	}
	common := make([]ref, len(all))
	var groups []endsGroup
	for family, version := range []int{4, 6} {
		among := p.families(version)
		mine := slices.DeleteFunc(slices.Clone(own), func(a netip.Addr) bool { return a.Is6() != (version == 6) })
		if len(mine) < 2 || len(p.tails[family]) == 0 {
			p.merge(common, all, among)
			continue
		}
		shared := slices.Clone(all)
		var each []endsGroup
		for _, e := range p.ends(mine) {
			own := make([]ref, len(all))
			if made := p.of([]netip.Addr{e.source}, []netip.Addr{e.destination}); made != nil {
				p.merge(own, made, among)
			}
			for i := range shared {
				shared[i] = p.apply(and, shared[i], own[i])
			}
			each = append(each, endsGroup{own, []ends{e}})
		}
		p.merge(common, shared, full)
		groups = append(groups, p.without(each, shared)...)
	}
	var out []share
	if slices.ContainsFunc(common, func(r ref) bool { return r != empty }) {
		out = append(out, share{sets: common})
	}
	for _, g := range groups {
		out = append(out, g.shares(p)...)
	}
	return out
}

// merge adds to sets what others have among some packets.
func (p *projection) merge(sets, others []ref, among ref) {
	for i, other := range others {
		sets[i] = p.apply(or, sets[i], p.apply(and, other, among))
	}
}

// ends are those that own addresses of one family may be on the path. Where it has one own end, both are the same.
func (p *projection) ends(own []netip.Addr) []ends {
	var out []ends
	for _, a := range own {
		if p.path != Local {
			out = append(out, ends{a, a})
			continue
		}
		for _, b := range own {
			out = append(out, ends{a, b})
		}
	}
	return out
}

// endsGroup is ends for which sets of packets are the same.
type endsGroup struct {
	sets []ref
	ends []ends
}

// without takes from the sets of each what all share, and puts those together that are then the same.
func (p *projection) without(each []endsGroup, shared []ref) []endsGroup {
	var out []endsGroup
	places := map[string]int{}
	for _, g := range each {
		any := false
		for i := range g.sets {
			g.sets[i] = p.apply(minus, g.sets[i], shared[i])
			any = any || g.sets[i] != empty
		}
		if !any {
			continue
		}
		id := fmt.Sprint(g.sets)
		if place, ok := places[id]; ok {
			out[place].ends = append(out[place].ends, g.ends...)
			continue
		}
		places[id] = len(out)
		out = append(out, g)
	}
	return out
}

// shares are a group by its ends: each of some sources with each of some destinations.
func (g *endsGroup) shares(p *projection) []share {
	var out []share
	if p.path != Local {
		one := share{sets: g.sets, limited: 1}
		for _, e := range g.ends {
			if p.asks(levelSource) {
				one.sources = append(one.sources, e.source)
			} else {
				one.destinations = append(one.destinations, e.destination)
			}
		}
		return append(out, one)
	}
	var order []netip.Addr
	sources := map[netip.Addr][]netip.Addr{}
	for _, e := range g.ends {
		if sources[e.destination] == nil {
			order = append(order, e.destination)
		}
		sources[e.destination] = append(sources[e.destination], e.source)
	}
	for _, to := range order {
		at := slices.IndexFunc(out, func(s share) bool { return slices.Equal(s.sources, sources[to]) })
		if at < 0 {
			at, out = len(out), append(out, share{sets: g.sets, limited: len(out) + 1, sources: sources[to]})
		}
		out[at].destinations = append(out[at].destinations, to)
	}
	return out
}

// limits are the own addresses of the hosts of a part, by level; none for all.
type limits [levels]addressSet

func (l *limits) add(s share) {
	l[levelSource].add(prefixes(s.sources)...)
	l[levelDestination].add(prefixes(s.destinations)...)
}

// within keeps the packets that have the own addresses.
func (l *limits) within(t *table, set ref) Set {
	for i := range l {
		if len(l[i].v4)+len(l[i].v6) > 0 {
			set = t.apply(and, set, t.inAddresses(level(i), l[i]))
		}
	}
	return Set{t, set}
}
