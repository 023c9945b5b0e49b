package policy

import "net/netip"

// Range is from First to Last, both inclusive.
type Range struct {
	First uint16 `json:"first"`
	Last  uint16 `json:"last"`
}

// ICMPRange is types with codes of ICMP or ICMPv6.
type ICMPRange struct {
	Types Range `json:"types"`
	Codes Range `json:"codes"`
}

// Box is a set of packets with a list of values for each dimension: a packet is in the
// box when every list has its value. An empty list has all values. Lists that a Set
// gives are sorted, without overlaps, and as short as they can be.
type Box struct {
	// IPVersion is 4, 6, or 0 for both.
	IPVersion int `json:"ipVersion,omitempty"`
	// Protocols are ranges of IANA numbers.
	Protocols []Range `json:"protocols,omitempty"`
	// Ports and SourcePorts restrict the box to TCP, UDP and SCTP.
	Ports       []Range `json:"ports,omitempty"`
	SourcePorts []Range `json:"sourcePorts,omitempty"`
	// ICMP restricts the box to ICMP in IPv4 and ICMPv6 in IPv6.
	ICMP []ICMPRange `json:"icmp,omitempty"`
	// Sources and Destinations restrict the box to the families that they are of.
	Sources      []netip.Prefix `json:"sources,omitempty"`
	Destinations []netip.Prefix `json:"destinations,omitempty"`
}

// withPorts are the protocols that have ports a rule can be about.
var withPorts = []Range{{6, 6}, {17, 17}, {132, 132}}

func (b *Box) build(t *table) ref {
	parts := []ref{t.families(b.IPVersion), t.protocols(b.Protocols, full)}
	if len(b.Ports) > 0 {
		parts = append(parts, t.protocols(withPorts, t.split(levelPort, intervals(b.Ports), full)))
	}
	if len(b.SourcePorts) > 0 {
		parts = append(parts, t.protocols(withPorts, t.split(levelSourcePort, intervals(b.SourcePorts), full)))
	}
	if len(b.ICMP) > 0 {
		var in []interval
		for _, r := range b.ICMP {
			for kind := int(r.Types.First); kind <= int(r.Types.Last); kind++ {
				in = append(in, interval{number(kind<<8 | int(r.Codes.First)), number(kind<<8 | int(r.Codes.Last))})
			}
		}
		parts = append(parts, t.icmp(t.split(levelPort, in, full)))
	}
	if len(b.Sources) > 0 {
		parts = append(parts, t.addresses(levelSource, b.Sources))
	}
	if len(b.Destinations) > 0 {
		parts = append(parts, t.addresses(levelDestination, b.Destinations))
	}
	return t.all(and, parts, full)
}

func intervals(ranges []Range) []interval {
	out := make([]interval, 0, len(ranges))
	for _, r := range ranges {
		if r.First <= r.Last {
			out = append(out, interval{number(int(r.First)), number(int(r.Last))})
		}
	}
	return out
}

// families is the packets of an IP version, 0 for all.
func (t *table) families(version int) ref {
	switch version {
	case 4:
		return t.split(levelProtocol, []interval{{number(0), number(v6Protocol - 1)}}, full)
	case 6:
		return t.split(levelProtocol, []interval{{number(v6Protocol), lastKey(levelProtocol)}}, full)
	default:
		return full
	}
}

// protocols is the packets of both families that have one of the protocols, any when
// there are none, and are in then, which asks for none.
func (t *table) protocols(ranges []Range, then ref) ref {
	if len(ranges) == 0 {
		return then
	}
	var in []interval
	for _, r := range ranges {
		if r.First > r.Last || r.First >= v6Protocol {
			continue
		}
		first, last := int(r.First), min(int(r.Last), v6Protocol-1)
		in = append(in, interval{number(first), number(last)}, interval{number(v6Protocol + first), number(v6Protocol + last)})
	}
	return t.split(levelProtocol, in, then)
}

// icmp is the packets of ICMP in IPv4 and of ICMPv6 in IPv6 that are in then.
func (t *table) icmp(then ref) ref {
	const v4, v6 = 1, v6Protocol + 58
	return t.split(levelProtocol, []interval{{number(v4), number(v4)}, {number(v6), number(v6)}}, then)
}

// addresses is the packets with the source or destination in one of the prefixes.
func (t *table) addresses(l level, prefixes []netip.Prefix) ref {
	var v4, v6 []interval
	for _, p := range prefixes {
		if p.Addr().Is4() {
			v4 = append(v4, prefixInterval(p))
		} else {
			v6 = append(v6, prefixInterval(p))
		}
	}
	return t.perFamily(t.split(l, v4, full), t.split(l, v6, full))
}

// perFamily is one diagram for IPv4 and another for IPv6, neither of which asks for the
// protocol.
func (t *table) perFamily(v4, v6 ref) ref {
	n := t.begin(levelProtocol)
	n.add(number(0), v4)
	n.add(number(v6Protocol), v6)
	return t.unique(n)
}

// Boxes are the set as boxes that do not overlap, in a fixed order: by protocol, port,
// source port, source and destination. There is one for each way through the diagram,
// however many intervals lead the same way.
func (s Set) Boxes() []Box {
	var out []Box
	for _, o := range s.Outlines() {
		out = append(out, o.Box())
	}
	return out
}

// familyGroup is the protocols that lead to the same rest.
type familyGroup struct {
	kid       ref
	version   int
	protocols []Range
	icmp      bool
}

// byProtocol groups the protocols of a set by what follows, those first that have the
// lowest protocol. What holds in both families is said once.
func (t *table) byProtocol(r ref) []familyGroup {
	if t.level(r) != levelProtocol {
		return t.byFamily(r, nil)
	}
	n := *t.node(r)
	var out []familyGroup
	var order []ref
	of := map[ref][]int{}
	for i, kid := range n.kids {
		if kid == empty {
			continue
		}
		for p := n.starts[i].lo; p <= n.last(i).lo; p++ {
			if _, ok := of[kid]; !ok {
				order = append(order, kid)
			}
			of[kid] = append(of[kid], int(p))
		}
	}
	for _, kid := range order {
		out = append(out, t.byFamily(kid, of[kid])...)
	}
	return out
}

// byFamily splits the protocols of a group by IP version; nil are all.
func (t *table) byFamily(kid ref, protocols []int) []familyGroup {
	in := members(protocols)
	addresses := t.depends(kid, levelSource) || t.depends(kid, levelDestination)
	ports := t.level(kid) == levelPort
	var out []familyGroup
	add := func(version int, icmp bool, member func(p int) bool) {
		ranges := protocolRanges(member)
		if len(ranges) == 0 {
			return
		}
		if ranges[0] == (Range{0, v6Protocol - 1}) {
			ranges = nil
		}
		out = append(out, familyGroup{kid, version, ranges, icmp})
	}
	oneMeaning := func(p int) bool { return !ports || p != 1 && p != 58 }
	shared := func(p int) bool { return !addresses && in[0][p] && in[1][p] && oneMeaning(p) }
	add(0, false, shared)
	for family, version := range []int{4, 6} {
		rest := func(p int) bool { return in[family][p] && !shared(p) }
		typed := func(p int) bool { return ports && isICMP(family*v6Protocol+p) }
		add(version, false, func(p int) bool { return rest(p) && !typed(p) })
		add(version, true, func(p int) bool { return rest(p) && typed(p) })
	}
	return out
}

// members tells by IP version which protocols are listed; nil are all.
func members(protocols []int) (in [2][v6Protocol]bool) {
	for p := range 2 * v6Protocol {
		in[p/v6Protocol][p%v6Protocol] = protocols == nil
	}
	for _, p := range protocols {
		in[p/v6Protocol][p%v6Protocol] = true
	}
	return in
}

// protocolRanges puts the protocol numbers that are members into ranges.
func protocolRanges(member func(p int) bool) (ranges []Range) {
	for p := range v6Protocol {
		switch last := len(ranges) - 1; {
		case !member(p):
		case last >= 0 && int(ranges[last].Last) == p-1:
			ranges[last].Last++
		default:
			ranges = append(ranges, Range{uint16(p), uint16(p)})
		}
	}
	return ranges
}

// icmpRanges takes ranges of 256 x type + code apart.
func icmpRanges(ranges []Range) []ICMPRange {
	var out []ICMPRange
	for _, r := range ranges {
		first, last := int(r.First), int(r.Last)
		for first <= last {
			kind, code := first>>8, first&255
			kinds := (last + 1 - first) >> 8 // whole types, when the first begins at code 0
			if code == 0 && kinds > 0 {
				out = append(out, ICMPRange{Range{uint16(kind), uint16(kind + kinds - 1)}, Range{0, 255}})
				first += kinds << 8
				continue
			}
			end := min(last, kind<<8|255)
			out = append(out, ICMPRange{Range{uint16(kind), uint16(kind)}, Range{uint16(code), uint16(end & 255)}})
			first = end + 1
		}
	}
	return out
}
