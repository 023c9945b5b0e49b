package policy

import "slices"

// Outline is a box whose addresses are not written out.
type Outline struct {
	// Service is the box without its addresses.
	Service               Box
	Sources, Destinations Addresses
}

// Box is the box with its addresses.
func (o Outline) Box() Box {
	b := o.Service
	b.Sources, b.Destinations = o.Sources.Prefixes(), o.Destinations.Prefixes()
	return b
}

// Outline is a box with its addresses as one value each.
func (s *Space) Outline(b Box) Outline {
	o := Outline{Service: b, Sources: s.Addresses(b.Sources), Destinations: s.Addresses(b.Destinations)}
	o.Service.Sources, o.Service.Destinations = nil, nil
	return o
}

// Outlines are what Boxes are made of. They take no more to make however many networks it takes to write the addresses
// out: those that a long list leaves out are many times as many.
func (s Set) Outlines() []Outline {
	if s.Empty() {
		return nil
	}
	w := outlines{table: s.table}
	for _, group := range s.table.byProtocol(s.root) {
		w.current = Outline{Service: Box{IPVersion: group.version, Protocols: group.protocols}}
		w.v6, w.icmp = group.version == 6, group.icmp
		w.down(group.kid)
	}
	return w.out
}

// outlines is a walk through a diagram.
type outlines struct {
	table    *table
	current  Outline
	v6, icmp bool
	out      []Outline
}

func (w *outlines) down(r ref) {
	if w.table.err != nil {
		return
	}
	if r == full {
		w.table.spend(stepsOfBox)
		w.out = append(w.out, w.current)
		return
	}
	n := *w.table.node(r)
	var done []ref
	for _, kid := range n.kids {
		if kid == empty || slices.Contains(done, kid) {
			continue
		}
		done = append(done, kid)
		saved := w.current
		switch n.level {
		case levelSource:
			w.current.Sources = w.addresses(r, kid)
		case levelDestination:
			w.current.Destinations = w.addresses(r, kid)
		case levelSourcePort:
			w.current.Service.SourcePorts = w.ranges(&n, kid)
		default:
			if w.icmp {
				w.current.Service.ICMP = icmpRanges(w.ranges(&n, kid))
			} else {
				w.current.Service.Ports = w.ranges(&n, kid)
			}
		}
		w.down(kid)
		w.current = saved
	}
}

func (w *outlines) addresses(r, kid ref) Addresses {
	in := w.table.leading(r, kid)
	if w.v6 {
		return Addresses{table: w.table, v6: in}
	}
	return Addresses{table: w.table, v4: in}
}

func (w *outlines) ranges(n *node, kid ref) []Range {
	var out []Range
	for i := range n.kids {
		if n.kids[i] == kid {
			out = append(out, Range{uint16(n.starts[i].lo), uint16(n.last(i).lo)})
		}
	}
	w.table.spend(len(n.kids) + stepsOfRange*len(out))
	return out
}
