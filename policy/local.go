package policy

import (
	"fmt"
	"net/netip"
	"slices"
)

// part is the hosts of a group for which sets of packets are the same, once the hosts'
// own addresses are put in and left out again.
type part struct {
	loopback bool
	sets     []ref
	hosts    []hostPair
	// limited are the own addresses of each host for which it is so; none for all.
	limited []share
	// place is that of the share.
	place int
}

// parts takes a group apart by what sets of packets mean for each host. Sets that mean
// nothing for a host are left out. ownOf gives the own addresses that count, and shares what the sets mean for them.
func (g *group) parts(t *table, sets []ref, ownOf func(hostPair) []netip.Addr, shares func(*projection, []netip.Addr) []share) []part {
	if g.path == Forward { // which has no own addresses
		if slices.ContainsFunc(sets, func(r ref) bool { return r != empty }) {
			return []part{{sets: sets, hosts: g.hosts}}
		}
		return nil
	}
	var out []part
	for _, loopback := range []bool{false, true} {
		if loopback && g.path != Local {
			continue
		}
		p := projection{table: t, path: g.path, sets: sets}
		p.find()
		places := map[string]int{}
		for _, h := range g.hosts {
			own := loopbackAddresses
			if !loopback {
				own = ownOf(h)
			}
			for _, mine := range shares(&p, own) {
				id := fmt.Sprint(mine.limited, mine.sets)
				place, ok := places[id]
				if !ok {
					place = len(out)
					places[id] = place
					out = append(out, part{loopback: loopback, sets: mine.sets, place: mine.limited})
				}
				out[place].add(h, mine)
			}
		}
	}
	return out
}

func (p *part) add(h hostPair, s share) {
	p.hosts = append(p.hosts, h)
	if s.limited > 0 {
		p.limited = append(p.limited, s)
	}
}

// ownOf is the addresses that a node has before or after.
func ownOf(h hostPair) []netip.Addr {
	own := h.after.own
	for _, a := range h.before.own {
		if !h.after.owns(a) {
			own = append(slices.Clip(own), a)
		}
	}
	return own
}

// projection puts the addresses of one host after the other into sets of packets. What
// depends on addresses are the tails of the diagrams: few, however many hosts there are.
type projection struct {
	*table
	path  Path
	sets  []ref
	tails [2][]ref         // Of the sets in IPv4 and in IPv6, where they ask for own addresses.
	own   [levels][2][]key // The addresses that are put in.
	// made remembers what the same tails gave before.
	made map[string][]ref
}

// find collects the tails that ask for an own address.
func (p *projection) find() {
	p.made = map[string][]ref{}
	for family, version := range []int{4, 6} {
		seen := map[ref]bool{}
		var visit func(ref)
		visit = func(r ref) {
			switch l := p.level(r); {
			case seen[r] || l == levels:
			case l >= levelSource:
				seen[r] = true
				if p.depends(r, levelDestination) && p.asks(levelDestination) || p.depends(r, levelSource) && p.asks(levelSource) {
					p.tails[family] = append(p.tails[family], r)
				}
			default:
				seen[r] = true
				for _, kid := range p.node(r).kids {
					visit(kid)
				}
			}
		}
		for _, set := range p.sets {
			visit(p.apply(and, set, p.families(version)))
		}
	}
}

// asks tells whether a dimension is an own address on the path.
func (p *projection) asks(l level) bool {
	switch p.path {
	case Input:
		return l == levelDestination
	case Output:
		return l == levelSource
	default:
		return l >= levelSource
	}
}

// of is the sets for a host with these addresses as source and as destination, nil when all are empty. A host whose
// addresses are not known may have any.
func (p *projection) of(sources, destinations []netip.Addr) []ref {
	p.own = [levels][2][]key{}
	p.own[levelSource], p.own[levelDestination] = keysOf(sources), keysOf(destinations)
	var put [2]map[ref]ref
	var id []ref
	for family := range put {
		put[family] = map[ref]ref{}
		for _, tail := range p.tails[family] {
			r := p.tail(tail, family, len(sources) == 0)
			put[family][tail] = r
			id = append(id, r)
		}
	}
	text := fmt.Sprint(id)
	made, ok := p.made[text]
	if !ok {
		made = p.rebuild(put)
		p.made[text] = made
	}
	return made
}

// keysOf are addresses of IPv4 and of IPv6.
func keysOf(own []netip.Addr) (keys [2][]key) {
	for _, a := range own {
		family := familyOf(a)
		keys[family] = append(keys[family], addressKey(a))
	}
	return keys
}

// familyOf is the place of an address among those of IPv4 and of IPv6.
func familyOf(a netip.Addr) int {
	return int(truth(a.Is6()))
}

func (p *projection) rebuild(put [2]map[ref]ref) []ref {
	out := make([]ref, len(p.sets))
	any := false
	for i, set := range p.sets {
		for family, version := range []int{4, 6} {
			own := p.replace(p.apply(and, set, p.families(version)), put[family])
			out[i] = p.apply(or, out[i], own)
		}
		any = any || out[i] != empty
	}
	if !any {
		return nil
	}
	return out
}

// tail is a tail without the own addresses: what holds for any of them.
func (p *projection) tail(r ref, family int, unknown bool) ref {
	l := p.level(r)
	if l == levels {
		return r
	}
	n := *p.node(r)
	if !p.asks(l) {
		kids := make([]ref, len(n.kids))
		for i, kid := range n.kids {
			kids[i] = p.tail(kid, family, unknown)
		}
		return p.assemble(n, kids)
	}
	result := empty
	if unknown {
		for _, kid := range n.kids {
			result = p.apply(or, result, p.tail(kid, family, unknown))
		}
		return result
	}
	for _, k := range p.own[l][family] {
		result = p.apply(or, result, p.tail(n.kids[n.find(k)], family, unknown))
	}
	return result
}

// assemble is a node with other kids, which ask for later dimensions.
func (t *table) assemble(n node, kids []ref) ref {
	made := t.begin(n.level)
	for i, kid := range kids {
		made.add(n.starts[i], kid)
	}
	return t.unique(made)
}

// replace is a diagram with other tails. What asks for addresses and has no other is left as it is.
func (t *table) replace(r ref, put map[ref]ref) ref {
	if made, ok := put[r]; ok {
		return made
	}
	if t.level(r) >= levelSource {
		return r
	}
	n := *t.node(r)
	kids := make([]ref, len(n.kids))
	for i, kid := range n.kids {
		kids[i] = t.replace(kid, put)
	}
	made := t.assemble(n, kids)
	put[r] = made
	return made
}
