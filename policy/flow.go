package policy

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Path is the way of traffic, seen from the node that judges it.
type Path string

// The paths. Those of DNAT are for packets whose destination is rewritten between the
// preDNAT stage and the next.
const (
	Input       Path = "input"
	Output      Path = "output"
	Local       Path = "local"
	Forward     Path = "forward"
	DNATForward Path = "dnat-forward"
	DNATLocal   Path = "dnat-local"
)

// Flow is a new connection, or a packet of a protocol without them. Only From, To and
// Protocol must be given. The path and the interfaces follow from them where they can,
// and what is not known of ports and ICMP makes the verdict unknown only where it
// matters.
type Flow struct {
	// Node is the one node that judges. Without it every node judges that has an end.
	Node string `json:"node,omitempty"`
	Path Path   `json:"path,omitempty"`
	// From and To are of one family.
	From netip.Addr `json:"from"`
	To   netip.Addr `json:"to"`
	// In and Out are interfaces of Node.
	In  string `json:"in,omitempty"`
	Out string `json:"out,omitempty"`
	// IPVersion is 4 or 6, as the addresses are.
	IPVersion int         `json:"ipVersion,omitempty"`
	Protocol  v3.Protocol `json:"protocol"`
	// Port is the destination port.
	Port       *uint16 `json:"port,omitempty"`
	SourcePort *uint16 `json:"sourcePort,omitempty"`
	ICMPType   *uint8  `json:"icmpType,omitempty"`
	ICMPCode   *uint8  `json:"icmpCode,omitempty"`
	// DNATTo and DNATPort are the destination after the preDNAT stage.
	DNATTo   netip.Addr `json:"dnatTo,omitzero"`
	DNATPort *uint16    `json:"dnatPort,omitempty"`
	// FromNode and ToNode are the nodes that are meant at the ends, where several have the address.
	FromNode string `json:"-"`
	ToNode   string `json:"-"`
}

// judgement is a flow before one node.
type judgement struct {
	host *host
	path Path // Without DNAT: input, output, local or forward.
	// in and out are the doors that the packet may come through, more than one when it is
	// not known which.
	in, out []*door
	// aimed tells that the packet has an address of the host before DNAT and not after.
	aimed bool
	// mapped tells that an interface is given, and which addresses it has is not known.
	mapped bool
	// before and after are the packet before and after DNAT.
	before, after *point
}

// complete checks a flow and fills in what follows from the addresses.
func (f *Flow) complete() error {
	if err := f.completeAddresses(); err != nil {
		return err
	}
	if f.Protocol.Number() == 0 {
		return fmt.Errorf("protocol %q is not known: use a number or one of %v", f.Protocol, v3.ProtocolNames())
	}
	if err := f.checkFields(); err != nil {
		return err
	}
	switch f.Path {
	case "", Input, Output, Local, Forward:
	case DNATForward, DNATLocal:
		if !f.DNATTo.IsValid() && f.DNATPort == nil {
			return fmt.Errorf("the path %s needs the destination after DNAT", f.Path)
		}
	default:
		return fmt.Errorf("path %q is not known: use input, output, local, forward, dnat-forward or dnat-local", f.Path)
	}
	return nil
}

// checkFields refuses what the protocol does not have.
func (f *Flow) checkFields() error {
	ports, family := f.Protocol.HasPorts(), 0
	if f.IPVersion == 6 {
		family = v6Protocol
	}
	types := isICMP(family + int(f.Protocol.Number()))
	for _, field := range []struct {
		name        string
		given, fits bool
		why         string
	}{
		{"port", f.Port != nil, ports, "only TCP, UDP and SCTP have ports"},
		{"sourcePort", f.SourcePort != nil, ports, "only TCP, UDP and SCTP have ports"},
		{"dnatPort", f.DNATPort != nil, ports, "only TCP, UDP and SCTP have ports"},
		{"icmpType", f.ICMPType != nil, types, "only ICMP in IPv4 and ICMPv6 in IPv6 have types"},
		{"icmpCode", f.ICMPCode != nil, types, "only ICMP in IPv4 and ICMPv6 in IPv6 have codes"},
		{"icmpCode", f.ICMPCode != nil, f.ICMPType != nil, "give icmpType, too"},
	} {
		if field.given && !field.fits {
			return fmt.Errorf("%s is given for %s: %s", field.name, f.Protocol, field.why)
		}
	}
	return nil
}

// judge is the one node that a path can be that of: the one that has the address there.
func (e *Engine) judge(f *Flow, after netip.Addr) (*host, error) {
	own := map[Path]netip.Addr{Input: f.To, Output: f.From, Local: f.To, DNATForward: f.To, DNATLocal: after}[f.Path]
	if hosts := e.owners[string(own.AsSlice())]; len(hosts) == 1 {
		return hosts[0], nil
	}
	return nil, fmt.Errorf("the path %s is that of a node: say which", f.Path)
}

func (f *Flow) completeAddresses() error {
	f.From, f.To, f.DNATTo = f.From.Unmap(), f.To.Unmap(), f.DNATTo.Unmap()
	if !f.From.IsValid() || !f.To.IsValid() {
		return fmt.Errorf("a flow needs the addresses of both ends")
	}
	version := 4
	if f.From.Is6() {
		version = 6
	}
	if f.From.Is4() != f.To.Is4() || f.DNATTo.IsValid() && f.DNATTo.Is4() != f.To.Is4() {
		return fmt.Errorf("the addresses %s and %s are of two families", f.From, f.To)
	}
	if f.IPVersion != 0 && f.IPVersion != version {
		return fmt.Errorf("%s is no IPv%d address", f.From, f.IPVersion)
	}
	f.IPVersion = version
	return nil
}

// point is the packet with a destination.
func (f *Flow) point(to netip.Addr, port *uint16) *point {
	p := &point{}
	protocol := int(f.Protocol.Number())
	if f.IPVersion == 6 {
		protocol += v6Protocol
	}
	p.set(levelProtocol, number(protocol))
	p.set(levelSource, addressKey(f.From))
	p.set(levelDestination, addressKey(to))
	either := func(l level, value *uint16) {
		if p.last[l] = lastKey(l); value != nil {
			p.set(l, number(int(*value)))
		}
	}
	switch {
	case f.Protocol.HasPorts():
		either(levelPort, port)
		either(levelSourcePort, f.SourcePort)
	case !isICMP(protocol):
	case f.ICMPType == nil:
		p.last[levelPort] = lastKey(levelPort)
	case f.ICMPCode == nil:
		p.first[levelPort] = number(int(*f.ICMPType) << 8)
		p.last[levelPort] = number(int(*f.ICMPType)<<8 | 255)
	default:
		p.set(levelPort, number(int(*f.ICMPType)<<8|int(*f.ICMPCode)))
	}
	return p
}

// judgements is the flow with what could be derived, before the nodes that judge it on each route that it may take.
func (e *Engine) judgements(f Flow) (Flow, []route, error) {
	if err := f.complete(); err != nil {
		return f, nil, err
	}
	after, port := f.To, f.Port
	if f.DNATTo.IsValid() {
		after = f.DNATTo
	}
	if f.DNATPort != nil {
		port = f.DNATPort
	}
	whole := judgement{before: f.point(f.To, f.Port)}
	whole.after = whole.before
	if after != f.To || f.DNATPort != nil {
		whole.after = f.point(after, port)
	}
	if f.Node != "" || f.Path != "" {
		h, err := e.byName[f.Node], error(nil)
		switch {
		case f.Node == "":
			h, err = e.judge(&f, after)
		case h == nil:
			err = fmt.Errorf("node %q is not known", f.Node)
		}
		if err != nil {
			return f, nil, err
		}
		f.Node = h.name
		path := f.Path
		if path == "" {
			path = h.pathOf(f.From, f.To, after)
		}
		f.Path = path
		j := whole.at(h, path, &f)
		f.In, f.Out = single(f.In, j.in), single(f.Out, j.out)
		return f, []route{{&j}}, nil
	}
	routes, err := e.routes(&f, whole, after)
	return f, routes, err
}

// single is the interface of the one door that there is.
func single(given string, doors []*door) string {
	if given == "" && len(doors) == 1 && doors[0].name != v3.AllInterfaces {
		return doors[0].name
	}
	return given
}

// pathOf is the way of a packet through the host.
func (h *host) pathOf(from, to, after netip.Addr) Path {
	switch {
	case h.owns(from) && h.owns(to):
		return Local
	case h.owns(from):
		return Output
	case to == after && (h.owns(to) || h.shares(to)):
		return Input
	case h.owns(after):
		return DNATLocal
	case to == after:
		return Forward
	default:
		return DNATForward
	}
}

// shares tells whether an address is that of everybody on a link, or in IPv6 of somebody there, whose packets no host
// passes on. Linux passes on what is for a link-local address of IPv4.
func (h *host) shares(a netip.Addr) bool {
	return a.IsMulticast() || a.Is6() && a.IsLinkLocalUnicast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) ||
		slices.Contains(h.broadcasts, a)
}

// at completes a judgement with a host.
func (j judgement) at(h *host, path Path, f *Flow) judgement {
	j.host = h
	switch path {
	case Local:
		j.path = Local
		j.in = []*door{h.at(loopback)}
		j.out = j.in
	case Output:
		j.path = Output
		j.out = h.through(f.Out, f.From)
	case Forward, DNATForward:
		j.path = Forward
		j.in, j.out = h.through(f.In, netip.Addr{}), h.through(f.Out, netip.Addr{})
		if path == DNATForward {
			j.in = h.through(f.In, f.To)
			j.aimed = h.owns(f.To)
		}
	default:
		j.path = Input
		j.in = h.through(f.In, f.To)
	}
	j.mapped = f.In != "" && len(j.in) > 1 || f.Out != "" && len(j.out) > 1
	return j
}

// through is the doors that a packet may come through. The interface decides which, not
// the address of the host that the packet has: it may come to that by any interface.
func (h *host) through(name string, own netip.Addr) []*door {
	if name != "" {
		return h.named(name)
	}
	likely := h.likely(own)
	all := likely
	for _, d := range h.outside() {
		if !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	return all
}

// likely is the doors of the interface that has an address of the host, if one is known to.
func (h *host) likely(own netip.Addr) []*door {
	if d := h.doorWith(own); d != nil && d.name != loopback {
		return h.alike(d)
	}
	for _, name := range slices.Sorted(maps.Keys(h.interfaces)) {
		if name != loopback && slices.Contains(h.interfaces[name], own) {
			return []*door{h.at(name)}
		}
	}
	return nil
}

// named is the doors that an interface may be. One whose addresses are not known may be that of every endpoint which is
// found by them, unless an endpoint that names it comes before.
func (h *host) named(name string) []*door {
	d := h.at(name)
	all := h.alike(d)
	if name == v3.AllInterfaces || name == loopback || d.nameless() {
		return all
	}
	for i := range h.doors {
		other := &h.doors[i]
		if other.nameless() && (d == &h.rest || other.endpoint.Name < d.endpoint.Name) {
			all = append(all, other)
		}
	}
	return all
}

// alike is a door and those that may be the same interface.
func (h *host) alike(d *door) []*door {
	all := []*door{d}
	for _, name := range d.perhaps {
		all = append(all, h.at(name))
	}
	return all
}

// outside is all doors but that of loopback.
func (h *host) outside() []*door {
	var all []*door
	for i := range h.doors {
		if h.doors[i].name != loopback {
			all = append(all, &h.doors[i])
		}
	}
	rest := h.interfaces == nil || len(all) == 0
	for name := range h.interfaces {
		rest = rest || name != loopback && h.at(name) == &h.rest
	}
	if rest {
		all = append(all, &h.rest)
	}
	return all
}
