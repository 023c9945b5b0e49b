package policy

import (
	"net/netip"
	"slices"
	"strings"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// host is a node with its interfaces.
type host struct {
	name string
	// doors are the interfaces that an endpoint of their own governs.
	doors []door
	// rest is every other interface.
	rest door
	// interfaces are the addresses of the interfaces that the node names, nil when it
	// names none.
	interfaces map[string][]netip.Addr
	// own are the addresses of the host, loopback not among them, sorted.
	own []netip.Addr
	// tunnels are those of them that only packets through tunnels have.
	tunnels []netip.Addr
	// broadcasts are the broadcast addresses of the networks that the host is in.
	broadcasts []netip.Addr
}

// door is an interface and what governs it.
type door struct {
	// name is the interface, or "*" for all that no other endpoint governs. Of one whose
	// name is not known it is "@" and an address.
	name      string
	addresses []netip.Addr
	endpoint  *v3.HostEndpoint // nil when nothing governs the interface
	class     *class
	// perhaps names other doors that may be the same interface, and govern it then.
	perhaps []string
}

// nameless begins what stands for the name of an interface that is not known.
const nameless = "@"

func (d *door) nameless() bool { return strings.HasPrefix(d.name, nameless) }

// loopback is the name of the interface for traffic of a host with itself.
const loopback = "lo"

// loopbackAddresses are the addresses that every host has there.
var loopbackAddresses = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}

// findHosts works out which endpoint governs which interface.
func (e *Engine) findHosts() {
	e.byName = map[string]*host{}
	hostOf := func(name string) *host {
		h := e.byName[name]
		if h == nil {
			h = &host{name: name, rest: door{name: v3.AllInterfaces, class: e.open}}
			e.byName[name] = h
			e.hosts = append(e.hosts, h)
		}
		return h
	}
	for _, n := range e.snapshot.Nodes {
		hostOf(n.Name).describe(n)
	}
	endpoints := map[string][]int{} // Of each node, as places in the snapshot.
	for i, h := range e.snapshot.HostEndpoints {
		hostOf(h.Spec.Node)
		endpoints[h.Spec.Node] = append(endpoints[h.Spec.Node], i)
	}
	slices.SortFunc(e.hosts, func(a, b *host) int { return strings.Compare(a.name, b.name) })
	f := e.classifier()
	e.owners = map[string][]*host{}
	for _, h := range e.hosts {
		e.assign(h, endpoints[h.name], f)
		slices.SortFunc(h.own, netip.Addr.Compare)
		h.own = slices.Compact(h.own)
		for _, a := range h.own {
			id := string(a.AsSlice())
			e.owners[id] = append(e.owners[id], h)
		}
	}
}

// describe takes addresses and interfaces from the node.
func (h *host) describe(n *v3.Node) {
	if len(n.Spec.Interfaces) > 0 {
		h.interfaces = map[string][]netip.Addr{}
	}
	for _, i := range n.Spec.Interfaces {
		h.interfaces[i.Name] = append(h.interfaces[i.Name], addressesOf(i.Addresses...)...)
		if h.interfaces[i.Name] == nil {
			h.interfaces[i.Name] = []netip.Addr{}
		}
	}
	h.addOwn(NodeAddresses(n)...)
	h.tunnels = TunnelAddresses(n)
	if n.Spec.BGP != nil {
		h.addBroadcasts(n.Spec.BGP.IPv4Address)
	}
	for _, i := range n.Spec.Interfaces {
		h.addBroadcasts(i.Addresses...)
	}
}

// addBroadcasts takes networks from addresses that have a prefix length. Those of one or two addresses have none for all.
func (h *host) addBroadcasts(texts ...string) {
	const longest = 30
	for _, text := range texts {
		if p, err := netip.ParsePrefix(text); err == nil && p.Addr().Is4() && p.Bits() <= longest {
			h.broadcasts = append(h.broadcasts, prefixInterval(p).last.address(false))
		}
	}
}

// NodeAddresses are the addresses of a node, loopback not among them: those that it is reached by first, and at last
// those of its tunnels and interfaces.
func NodeAddresses(n *v3.Node) []netip.Addr {
	var texts []string
	if bgp := n.Spec.BGP; bgp != nil {
		texts = append(texts, bgp.IPv4Address, bgp.IPv6Address)
	}
	for _, a := range n.Spec.Addresses {
		texts = append(texts, a.Address)
	}
	all := append(addressesOf(texts...), TunnelAddresses(n)...)
	for _, i := range n.Spec.Interfaces {
		all = append(all, addressesOf(i.Addresses...)...)
	}
	return slices.DeleteFunc(all, netip.Addr.IsLoopback)
}

// TunnelAddresses are the addresses that a node has in tunnels to other nodes.
func TunnelAddresses(n *v3.Node) []netip.Addr {
	texts := []string{n.Spec.IPv4VXLANTunnelAddr, n.Spec.IPv6VXLANTunnelAddr}
	if bgp := n.Spec.BGP; bgp != nil {
		texts = append(texts, bgp.IPv4IPIPTunnelAddr)
	}
	if w := n.Spec.Wireguard; w != nil {
		texts = append(texts, w.InterfaceIPv4Address, w.InterfaceIPv6Address)
	}
	return addressesOf(texts...)
}

func (h *host) addOwn(addresses ...netip.Addr) {
	for _, a := range addresses {
		if !a.IsLoopback() {
			h.own = append(h.own, a)
		}
	}
}

// addressesOf reads addresses, with or without a prefix length, and leaves out what is none.
func addressesOf(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, text := range texts {
		text, _, _ = strings.Cut(text, "/")
		if a, err := netip.ParseAddr(text); err == nil {
			all = append(all, a.Unmap().WithZone(""))
		}
	}
	return all
}

// assign gives the interfaces of a host their endpoints, which are sorted by name. The
// first one that fits an interface governs it.
func (e *Engine) assign(h *host, endpoints []int, f *classifier) {
	names := []string{loopback}
	for name := range h.interfaces {
		names = append(names, name)
	}
	for _, i := range endpoints {
		spec := &e.snapshot.HostEndpoints[i].Spec
		for _, a := range e.compiler.population.members[i].addresses {
			h.addOwn(a.Addr())
		}
		if spec.InterfaceName != "" && spec.InterfaceName != v3.AllInterfaces {
			names = append(names, spec.InterfaceName)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		addresses := h.interfaces[name]
		if name == loopback {
			addresses = append(slices.Clone(addresses), loopbackAddresses...)
		}
		if i := slices.IndexFunc(endpoints, func(i int) bool { return e.governs(i, name, addresses) }); i >= 0 {
			h.doors = append(h.doors, e.door(name, addresses, endpoints[i], f))
		}
	}
	for place, i := range endpoints {
		switch name := e.snapshot.HostEndpoints[i].Spec.InterfaceName; {
		case name == v3.AllInterfaces && h.rest.endpoint == nil:
			h.rest = e.door(v3.AllInterfaces, nil, i, f)
		case name == "" && h.interfaces == nil:
			e.assignNameless(h, endpoints[:place], i, f)
		}
	}
}

// assignNameless gives an endpoint that is found by its addresses an interface of its own, on a
// host of whose interfaces nothing is known. Addresses that an earlier endpoint has are on an
// interface that is governed by that one, and the others may be, too. So it is if the earlier one names an interface and
// expects one of them there.
func (e *Engine) assignNameless(h *host, before []int, i int, f *classifier) {
	var addresses []netip.Addr
	var perhaps []string
	for _, p := range e.compiler.population.members[i].addresses {
		switch earlier := h.doorWith(p.Addr()); {
		case earlier == nil:
			addresses = append(addresses, p.Addr())
		case earlier.name != loopback:
			perhaps = append(append(perhaps, earlier.name), earlier.perhaps...)
		}
		for _, j := range before {
			name := e.snapshot.HostEndpoints[j].Spec.InterfaceName
			if d := h.at(name); name != loopback && d != &h.rest && slices.Contains(e.compiler.population.members[j].addresses, p) {
				perhaps = append(perhaps, name)
			}
		}
	}
	if len(addresses) == 0 {
		return
	}
	slices.SortFunc(addresses, netip.Addr.Compare) // so that their order makes no other name
	d := e.door(nameless+addresses[0].String(), addresses, i, f)
	slices.Sort(perhaps)
	d.perhaps = slices.Compact(perhaps)
	h.doors = append(h.doors, d)
}

// governs tells whether an endpoint is for an interface: by its name, or without one
// by an address.
func (e *Engine) governs(i int, name string, addresses []netip.Addr) bool {
	if own := e.snapshot.HostEndpoints[i].Spec.InterfaceName; own != "" {
		return own == name
	}
	return slices.ContainsFunc(e.compiler.population.members[i].addresses, func(p netip.Prefix) bool {
		return slices.Contains(addresses, p.Addr())
	})
}

func (e *Engine) door(name string, addresses []netip.Addr, i int, f *classifier) door {
	endpoint := e.snapshot.HostEndpoints[i]
	return door{name: name, addresses: addresses, endpoint: endpoint, class: f.of(i, endpoint)}
}

// doorWith is the governed interface that has an address, if one is known to.
func (h *host) doorWith(a netip.Addr) *door {
	for i := range h.doors {
		if slices.Contains(h.doors[i].addresses, a) {
			return &h.doors[i]
		}
	}
	return nil
}

// DoorOf is the interface of a node that an endpoint governs, named as in Decision.Interface. Of several it is the
// first, and "" if there is none.
func (e *Engine) DoorOf(node, endpoint string) string {
	if h := e.byName[node]; h != nil {
		for i := range h.doors {
			if h.doors[i].endpoint.Name == endpoint && h.doors[i].name != loopback {
				return h.doors[i].name
			}
		}
		if h.rest.endpoint != nil && h.rest.endpoint.Name == endpoint {
			return h.rest.name
		}
	}
	return ""
}

// at is the door of an interface name.
func (h *host) at(name string) *door {
	for i := range h.doors {
		if h.doors[i].name == name {
			return &h.doors[i]
		}
	}
	return &h.rest
}

// owns tells whether an address is the host's own.
func (h *host) owns(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	_, found := slices.BinarySearchFunc(h.own, a, netip.Addr.Compare)
	return found
}
