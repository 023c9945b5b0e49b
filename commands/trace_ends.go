package commands

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// flowQuestion is a flow as it is asked about: its ends may be names.
type flowQuestion struct {
	Node       string      `json:"node"`
	Path       policy.Path `json:"path"`
	From       string      `json:"from"`
	To         string      `json:"to"`
	In         string      `json:"in"`
	Out        string      `json:"out"`
	IPVersion  int         `json:"ipVersion"`
	Protocol   v3.Protocol `json:"protocol"`
	Port       *uint16     `json:"port"`
	SourcePort *uint16     `json:"sourcePort"`
	ICMPType   *uint8      `json:"icmpType"`
	ICMPCode   *uint8      `json:"icmpCode"`
	DNATTo     string      `json:"dnatTo"`
	DNATPort   *uint16     `json:"dnatPort"`
}

const (
	// hepPrefix begins the name of a host endpoint where it stands for an end.
	hepPrefix = "hep/"
	// endInternet stands for all public addresses that no node has.
	endInternet = "internet"
	// nodePrefix begins the name of a node that would be taken for something else without it.
	nodePrefix = "node/"
)

// end is an end of a flow: its first addresses in IPv4 and IPv6, as far as it has them.
type end struct {
	v4, v6 netip.Addr
	// all are all addresses of a node or host endpoint but those of its tunnels, and node is that node.
	all  []netip.Addr
	node string
	// through is the interface that the flow takes there, if that is known.
	through string
}

func (e *end) has(version int) bool { return e.address(version).IsValid() }

func (e *end) address(version int) netip.Addr {
	if version == 4 {
		return e.v4
	}
	return e.v6
}

// take keeps the first address of each family.
func (e *end) take(addresses ...netip.Prefix) {
	for _, p := range addresses {
		a := p.Addr()
		switch {
		case a.Is4() && !e.v4.IsValid():
			e.v4 = a
		case a.Is6() && !e.v6.IsValid():
			e.v6 = a
		}
	}
}

// of takes the addresses of a node. Those of tunnels are not meant where there are others.
func (e *end) of(node string, addresses, tunnels []netip.Prefix) {
	e.take(addresses...)
	e.node = node
	for _, p := range addresses {
		if a := p.Addr(); a == e.v4 || a == e.v6 || !slices.Contains(tunnels, p) {
			e.all = append(e.all, a)
		}
	}
}

// in are the addresses of one IP version, one that stands for all where it is no node.
func (e *end) in(version int) []netip.Addr {
	if e.node == "" {
		return []netip.Addr{e.address(version)}
	}
	return slices.DeleteFunc(slices.Clone(e.all), func(a netip.Addr) bool { return a.Is4() != (version == 4) })
}

// ends finds the addresses that are meant by names.
type ends struct {
	world   *world
	cluster *cluster
	engine  *policy.Engine
	// names are those of all nodes, sorted.
	names []string
}

func newEnds(w *world, e *policy.Engine) *ends {
	return &ends{world: w, cluster: newCluster(w), engine: e, names: w.nodeNames()}
}

// flow puts addresses in the place of names.
func (e *ends) flow(q flowQuestion) (policy.Flow, error) {
	f := policy.Flow{
		Node: q.Node, Path: q.Path, In: q.In, Out: q.Out, Protocol: q.Protocol, Port: q.Port, SourcePort: q.SourcePort,
		ICMPType: q.ICMPType, ICMPCode: q.ICMPCode, DNATPort: q.DNATPort,
	}
	from, err := e.find(q.From)
	if err != nil {
		return f, err
	}
	to, err := e.find(q.To)
	if err != nil {
		return f, err
	}
	after := to
	switch {
	case q.DNATTo == endInternet:
		return f, fmt.Errorf("what DNAT rewrites goes to one address: write that, and not %s", endInternet)
	case q.From == endInternet && q.To == endInternet && q.Node == "":
		return f, errors.New("no node has an end on the internet: say which node judges")
	}
	if q.DNATTo != "" {
		if after, err = e.find(q.DNATTo); err != nil {
			return f, err
		}
	}
	version, err := familyFor(q, from, to, after)
	if err != nil {
		return f, err
	}
	f.From, f.To, f.IPVersion = from.address(version), to.address(version), version
	f.FromNode, f.ToNode = from.node, after.node
	if q.DNATTo != "" {
		f.DNATTo = after.address(version)
	}
	if f.In == "" {
		f.In = to.through
	}
	if f.Out == "" {
		f.Out = from.through
	}
	return f, nil
}

// each is a flow between each two addresses of its ends, of which a node or a host endpoint may have several.
func (e *ends) each(q flowQuestion, f policy.Flow) (all []policy.Flow) {
	from, _ := e.find(q.From)
	to, _ := e.find(q.To)
	for _, f.From = range from.in(f.IPVersion) {
		for _, f.To = range to.in(f.IPVersion) {
			all = append(all, f)
		}
	}
	return all
}

// shadowed says that a word is not taken for the node of that name, if there is one which has not this address.
func (e *ends) shadowed(word string) string {
	a, err := netip.ParseAddr(word)
	if err != nil && word != endInternet || !slices.Contains(e.world.nodeNames(), word) ||
		slices.ContainsFunc(e.cluster.addresses[word], func(p netip.Prefix) bool { return p.Addr() == a.Unmap() }) {
		return ""
	}
	what := "the address"
	if word == endInternet {
		what = "all public addresses"
	}
	return fmt.Sprintf("%s stands for %s; write %s%[1]s for the node of that name", word, what, nodePrefix)
}

// familyFor is the IP version of a flow: the one that is asked for, or the one that all ends have.
func familyFor(q flowQuestion, all ...end) (int, error) {
	wanted := []int{4, 6}
	switch {
	case q.IPVersion != 0:
		wanted = []int{q.IPVersion}
	case q.Protocol.Name == v3.ProtocolICMPv6:
		wanted = []int{6}
	case q.Protocol.Name == v3.ProtocolICMP:
		wanted = []int{4}
	}
	for _, version := range wanted {
		if version != 4 && version != 6 {
			return 0, fmt.Errorf("there is no IPv%d: write 4 or 6", version)
		}
		if !slices.ContainsFunc(all, func(e end) bool { return !e.has(version) }) {
			return version, nil
		}
	}
	if len(wanted) == 1 {
		return 0, fmt.Errorf("%s and %s do not both have an IPv%d address", q.From, q.To, wanted[0])
	}
	return 0, fmt.Errorf("%s and %s have no addresses of the same family", q.From, q.To)
}

// find is the end that a word means.
func (e *ends) find(word string) (end, error) {
	var found end
	word, isNode := strings.CutPrefix(word, nodePrefix)
	if a, err := netip.ParseAddr(word); err == nil && !isNode {
		a = a.Unmap().WithZone("")
		found.take(netip.PrefixFrom(a, a.BitLen()))
		return found, nil
	}
	if word == endInternet && !isNode {
		return strangers(), nil
	}
	if name, ok := strings.CutPrefix(word, hepPrefix); ok {
		return e.hostEndpoint(name)
	}
	if _, ok := slices.BinarySearch(e.names, word); !ok {
		problem := fmt.Sprintf("%q is no address, node, hep/NAME or %s", word, endInternet)
		if near, ok := resources.Nearest(word, e.names); ok {
			problem += "; did you mean " + near + "?"
		}
		return found, fmt.Errorf("%s", problem)
	}
	if found.of(word, e.cluster.addresses[word], e.cluster.tunnels[word]); len(found.all) == 0 {
		return found, fmt.Errorf("no address of node %s is known: write the address, and --node %[1]s", word)
	}
	return found, nil
}

// hostEndpoint is the end that an endpoint governs: it expects its addresses, or its interface or node has them.
func (e *ends) hostEndpoint(name string) (end, error) {
	var found end
	addresses, h, err := e.addressesOf(name)
	if err != nil {
		return found, err
	}
	found.of(h.Spec.Node, addresses, e.cluster.tunnels[h.Spec.Node])
	found.through = cmp.Or(e.engine.DoorOf(h.Spec.Node, name), h.Spec.InterfaceName)
	return found, nil
}

// addressesOf are the addresses of an endpoint: those that it expects or its interface has, or else those of its node.
func (e *ends) addressesOf(name string) ([]netip.Prefix, *v3.HostEndpoint, error) {
	h, ok := e.world.objects[resources.HostEndpoint.Key(name)].(*v3.HostEndpoint)
	if !ok {
		return nil, nil, fmt.Errorf("there is no HostEndpoint(%s)", name)
	}
	own := &cluster{addresses: map[string][]netip.Prefix{}}
	own.note(name, h.Spec.ExpectedIPs...)
	if node, ok := e.world.objects[resources.Node.Key(h.Spec.Node)].(*v3.Node); ok {
		for _, i := range node.Spec.Interfaces {
			if i.Name == h.Spec.InterfaceName {
				own.note(name, i.Addresses...)
			}
		}
	}
	known, all := own.addresses[name], own.addresses[name]
	for _, p := range e.cluster.addresses[h.Spec.Node] { // of a family that it has no address of itself
		if !slices.ContainsFunc(known, func(own netip.Prefix) bool { return own.Addr().Is4() == p.Addr().Is4() }) {
			all = append(all, p)
		}
	}
	if len(all) == 0 {
		return nil, h, fmt.Errorf("no address of HostEndpoint(%s) is known: write the address, --node %s and --in %s",
			name, h.Spec.Node, h.Spec.InterfaceName)
	}
	return all, h, nil
}
