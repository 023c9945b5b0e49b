package autohep

import (
	"net/netip"
	"slices"
	"strconv"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// address is one address of a node.
type address struct {
	// addr identifies it: neither IPv4-mapped nor with a zone.
	addr netip.Addr
	// text is the spelling that endpoints record.
	text string
}

// readAddress reads an address and tells whether it stands alone, without a prefix
// length. Addresses with a zone are none: they mean nothing away from their machine.
func readAddress(text string) (addr netip.Addr, plain, ok bool) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Unmap(), true, addr.Zone() == ""
	}
	network, err := netip.ParsePrefix(text)
	return network.Addr().Unmap(), false, err == nil
}

// readNetwork reads a network, masked or not. An address alone is the network of only
// itself, and an IPv4-mapped network is the IPv4 network.
func readNetwork(text string) (netip.Prefix, bool) {
	if addr, plain, ok := readAddress(text); ok && plain {
		return netip.PrefixFrom(addr, addr.BitLen()), true
	}
	network, err := netip.ParsePrefix(text)
	const mappedBits = 96
	if network.Addr().Is4In6() && network.Bits() >= mappedBits {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-mappedBits)
	}
	return network, err == nil
}

// hostAddresses are the addresses of a node that is being looked at.
type hostAddresses struct {
	node string
	// all are the addresses for endpoints, each once.
	all []address
	// interfaces are the node's, each name once.
	interfaces []hostInterface
	problems   []Problem
}

type hostInterface struct {
	name      string
	addresses []address
}

// addressesOf collects what a node says of its addresses, in the order of precedence.
func addressesOf(node *v3.Node) hostAddresses {
	h := hostAddresses{node: node.Name}
	spec := &node.Spec
	if spec.BGP != nil {
		h.addRouting("spec.bgp.ipv4Address", spec.BGP.IPv4Address)
		h.addRouting("spec.bgp.ipv6Address", spec.BGP.IPv6Address)
		h.add("spec.bgp.ipv4IPIPTunnelAddr", spec.BGP.IPv4IPIPTunnelAddr)
	}
	h.add("spec.ipv4VXLANTunnelAddr", spec.IPv4VXLANTunnelAddr)
	h.add("spec.ipv6VXLANTunnelAddr", spec.IPv6VXLANTunnelAddr)
	if spec.Wireguard != nil {
		h.add("spec.wireguard.interfaceIPv4Address", spec.Wireguard.InterfaceIPv4Address)
		h.add("spec.wireguard.interfaceIPv6Address", spec.Wireguard.InterfaceIPv6Address)
	}
	for i := range spec.Addresses {
		if spec.Addresses[i].Type == v3.InternalIP {
			h.add("spec.addresses["+strconv.Itoa(i)+"]", spec.Addresses[i].Address)
		}
	}
	for i := range spec.Interfaces {
		h.addInterface("spec.interfaces["+strconv.Itoa(i)+"]", &spec.Interfaces[i])
	}
	return h
}

// addRouting takes an address that may have the prefix length of its network. It is
// recorded without, in its canonical spelling.
func (h *hostAddresses) addRouting(field, text string) {
	if text == "" {
		return
	}
	addr, _, ok := readAddress(text)
	if !ok {
		h.problems = append(h.problems, noAddress(h.node, field, text))
		return
	}
	h.all = appendAddress(h.all, address{addr: addr, text: addr.String()})
}

func (h *hostAddresses) add(field, text string) {
	if text == "" {
		return
	}
	if a, ok := h.read(field, text); ok {
		h.all = appendAddress(h.all, a)
	}
}

// addInterface takes an interface over. One that is listed several times is one
// interface with all these addresses.
func (h *hostAddresses) addInterface(field string, in *v3.NodeInterface) {
	at := slices.IndexFunc(h.interfaces, func(i hostInterface) bool { return i.name == in.Name })
	if at < 0 {
		at = len(h.interfaces)
		h.interfaces = append(h.interfaces, hostInterface{name: in.Name})
	}
	for i, text := range in.Addresses {
		a, ok := h.read(field+".addresses["+strconv.Itoa(i)+"]", text)
		if !ok {
			continue
		}
		h.all = appendAddress(h.all, a)
		h.interfaces[at].addresses = appendAddress(h.interfaces[at].addresses, a)
	}
}

// read reads an address that should stand alone.
func (h *hostAddresses) read(field, text string) (address, bool) {
	addr, plain, ok := readAddress(text)
	switch {
	case !ok:
		h.problems = append(h.problems, noAddress(h.node, field, text))
		return address{}, false
	case !plain:
		h.problems = append(h.problems, notPlain(h.node, field, text, addr.String()))
		return address{addr: addr, text: addr.String()}, true
	}
	return address{addr: addr, text: text}, true
}

// appendAddress adds an address that is not there yet.
func appendAddress(to []address, a address) []address {
	if slices.ContainsFunc(to, func(b address) bool { return a.addr == b.addr }) {
		return to
	}
	return append(to, a)
}
