package policy

import "net/netip"

// Space makes sets of traffic. Sets of one space, and of engines that share it, are
// compared in no time; others work together too, but are copied first. A Space is not
// safe for use by several goroutines at once.
type Space struct{ table *table }

// NewSpace makes a space.
func NewSpace() *Space { return &Space{table: newTable(Limit{})} }

// All is the set of all packets.
func (s *Space) All() Set { return Set{s.table, full} }

// Set is the set of the packets that are in any of the boxes.
func (s *Space) Set(boxes ...Box) Set {
	var parts []ref
	for i := range boxes {
		parts = append(parts, boxes[i].build(s.table))
	}
	return Set{s.table, s.table.all(or, parts, empty)}
}

// Set is an exact set of packets: of IP family, protocol, ports, ICMP type and code,
// source and destination address. The zero value is empty.
//
// It is an interval decision diagram: a node splits one dimension into intervals and
// says for each which diagram has the rest. Equal diagrams are one in memory, so sets
// are equal if and only if their roots are, whatever was done to make them, and what
// has been worked out once is remembered. Nothing is ever sampled, or cut into as many
// boxes as the rules could make.
type Set struct {
	table *table
	root  ref
}

// Packet is one packet, seen where it is judged.
type Packet struct {
	// From and To are of one family.
	From, To netip.Addr
	// Protocol is the IANA number.
	Protocol uint8
	// Port and SourcePort count for TCP, UDP and SCTP.
	Port, SourcePort uint16
	// ICMPType and ICMPCode count for ICMP (IPv4) and ICMPv6 (IPv6).
	ICMPType, ICMPCode uint8
}

func (p Packet) point() *point {
	out := &point{}
	from, to := p.From.Unmap(), p.To.Unmap()
	family := 0
	if from.Is6() {
		family = v6Protocol
	}
	out.set(levelProtocol, number(family+int(p.Protocol)))
	if isICMP(family + int(p.Protocol)) {
		out.set(levelPort, number(int(p.ICMPType)<<8|int(p.ICMPCode)))
	} else {
		out.set(levelPort, number(int(p.Port)))
	}
	out.set(levelSourcePort, number(int(p.SourcePort)))
	out.set(levelSource, addressKey(from))
	out.set(levelDestination, addressKey(to))
	return out
}

// isICMP tells whether the packets of a key of levelProtocol have an ICMP type.
func isICMP(protocol int) bool { return protocol == 1 || protocol == v6Protocol+58 }

// operate combines two sets, in the table of the first that has one.
func (s Set) operate(op operation, other Set) Set {
	t := s.table
	if t == nil {
		t = other.table
	}
	if t == nil {
		return Set{}
	}
	right := other.root
	if other.table != nil {
		right = t.copyFrom(other.table, other.root, map[ref]ref{})
	}
	return Set{t, t.apply(op, s.root, right)}
}

// Union is the packets of either.
func (s Set) Union(other Set) Set { return s.operate(or, other) }

// Intersect is the packets of both.
func (s Set) Intersect(other Set) Set { return s.operate(and, other) }

// Subtract is the packets of s that are not in other.
func (s Set) Subtract(other Set) Set { return s.operate(minus, other) }

// Complement is all other packets.
func (s Set) Complement() Set {
	if s.table == nil {
		return NewSpace().All()
	}
	return Set{s.table, s.table.not(s.root)}
}

// Empty tells whether the set has no packet.
func (s Set) Empty() bool { return s.root == empty }

// All tells whether the set has every packet.
func (s Set) All() bool { return s.root == full }

// Equal tells whether both have the same packets.
func (s Set) Equal(other Set) bool {
	if s.table == other.table || s.root < terminals || other.root < terminals {
		return s.root == other.root
	}
	return s.table.copyFrom(other.table, other.root, map[ref]ref{}) == s.root
}

// Contains tells whether the packet is in the set.
func (s Set) Contains(p Packet) bool {
	if s.root < terminals {
		return s.root == full
	}
	return s.table.at(s.root, p.point()) == full
}

// Example is a packet of a set that is not empty. It prefers what a reader finds
// telling: TCP or UDP, and addresses and ports that limits are about.
func (s Set) Example() (Packet, bool) {
	if s.Empty() {
		return Packet{}, false
	}
	p := s.table.example(s.root)
	family := int(p[levelProtocol].lo) / v6Protocol
	out := Packet{
		Protocol:   uint8(int(p[levelProtocol].lo) % v6Protocol),
		Port:       uint16(p[levelPort].lo),
		SourcePort: uint16(p[levelSourcePort].lo),
		From:       p[levelSource].address(family == 1),
		To:         p[levelDestination].address(family == 1),
	}
	if isICMP(int(p[levelProtocol].lo)) {
		out.ICMPType, out.ICMPCode, out.Port = uint8(out.Port>>8), uint8(out.Port), 0
	}
	return out, true
}

// example is a point of a set that is not empty.
func (t *table) example(r ref) [levels]key {
	var out [levels]key
	out[levelProtocol] = number(6)
	for r >= terminals {
		n := t.node(r)
		chosen := -1
		for _, wanted := range []key{number(6), number(17), number(1)} {
			if i := n.find(wanted); n.level == levelProtocol && n.kids[i] != empty {
				chosen, out[levelProtocol] = i, wanted
				break
			}
		}
		for i := 0; chosen < 0; i++ {
			if n.kids[i] != empty {
				chosen, out[n.level] = i, n.starts[i]
			}
		}
		r = n.kids[chosen]
	}
	return out
}
