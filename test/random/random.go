// Package random draws snapshots and flows for the property tests of the policy engine and
// for the proof on a kernel. Names, labels, addresses and ports are few, so that they meet.
package random

import (
	"net/netip"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

var (
	someNodes      = rapid.SampledFrom([]string{"n1", "n1", "n1", "n1", "n2"})
	someInterfaces = rapid.SampledFrom([]string{"*", "*", "*", "eth0", "eth0", "eth1", "lo", ""})
	someAddresses  = rapid.SampledFrom([]string{
		"10.0.0.1", "10.1.0.1", "10.0.0.2", "10.0.0.9", "10.1.0.77", "192.0.2.1", "fd00::1", "fd01::1", "fd00::2", "2001:db8::1", "127.0.0.1", "::1",
	})
	nets          = rapid.SampledFrom([]string{"10.0.0.0/24", "10.0.0.0/31", "10.0.0.1/32", "10.0.0.0/8", "0.0.0.0/0", "192.0.2.0/24", "fd00::/16", "fd00::/127", "::/0"})
	someLabels    = rapid.MapOfN(rapid.SampledFrom([]string{"role", "zone"}), rapid.SampledFrom([]string{"", "a", "b"}), 0, 2)
	someSelectors = rapid.SampledFrom([]string{
		"", "all()", "all()", "has(zone) || !has(zone)", "role == 'a'", "role != 'a'", "has(zone)", "!has(role)", "zone in {'a', 'b'} && role == 'b'", "role contains 'a' || zone == ''",
		"has(projectcalico.org/namespace)",
	})
	somePorts   = rapid.SampledFrom([]uint16{22, 53, 68, 80, 443, 6443, 65535})
	someNames   = rapid.SampledFrom([]string{"a", "a-b", "a.b", "b", "b-c", "p9", "p10", "c"})
	someOrders  = rapid.SampledFrom([]*float64{nil, new(1.0), new(1.0), new(-2.5), new(7.25)})
	someActions = rapid.SampledFrom([]v3.Action{v3.Allow, v3.Allow, v3.Deny, v3.Deny, v3.Pass, v3.Log})
)

// Net draws a network of either family.
func Net(t *rapid.T, label string) string { return nets.Draw(t, label) }

func maybe[T any](t *rapid.T, label string, oneIn int, draw func() T, into *T) {
	if rapid.IntRange(1, oneIn).Draw(t, label) == oneIn {
		*into = draw()
	}
}

// Snapshot draws objects of the nodes n1 and n2.
func Snapshot(t *rapid.T) policy.Snapshot {
	var s policy.Snapshot
	for _, name := range []string{"n1", "n2"} {
		n := &v3.Node{}
		n.Name = name
		n.Spec.Interfaces = []v3.NodeInterface{
			{Name: "eth0", Addresses: []string{"10.0.0.1", "fd00::1"}}, {Name: "eth1", Addresses: []string{"10.1.0.1", "fd01::1"}},
		}
		if name == "n2" {
			n.Spec.Interfaces = []v3.NodeInterface{{Name: "eth0", Addresses: []string{"10.0.0.2", "fd00::2"}}}
		}
		s.Nodes = append(s.Nodes, n)
	}
	distinct := func(label string, least, most int) []string {
		return rapid.SliceOfNDistinct(someNames, least, most, rapid.ID[string]).Draw(t, label)
	}
	for _, name := range distinct("endpoints", 1, 4) {
		s.HostEndpoints = append(s.HostEndpoints, drawEndpoint(t, name))
	}
	for _, name := range distinct("policies", 1, 8) {
		p := &v3.GlobalNetworkPolicy{Spec: Policy(t)}
		p.Name = name
		s.GlobalNetworkPolicies = append(s.GlobalNetworkPolicies, p)
	}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"t1", "t2", "default"}), 0, 3, rapid.ID[string]).Draw(t, "tiers") {
		tier := &v3.Tier{Spec: v3.TierSpec{Order: someOrders.Draw(t, "tier order")}}
		tier.Name = name
		tier.Spec.DefaultAction = rapid.SampledFrom([]*v3.Action{nil, new(v3.Deny), new(v3.Pass)}).Draw(t, "default action")
		s.Tiers = append(s.Tiers, tier)
	}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"web", "lab"}), 0, 2, rapid.ID[string]).Draw(t, "profiles") {
		p := &v3.Profile{Spec: v3.ProfileSpec{
			Ingress: drawRules(t, 2), Egress: drawRules(t, 2), LabelsToApply: someLabels.Draw(t, "labels to apply"),
		}}
		p.Name = name
		s.Profiles = append(s.Profiles, p)
	}
	for _, name := range distinct("sets", 0, 2) {
		set := &v3.GlobalNetworkSet{Spec: v3.GlobalNetworkSetSpec{Nets: rapid.SliceOfN(nets, 0, 3).Draw(t, "nets")}}
		set.Name, set.Labels = name, someLabels.Draw(t, "set labels")
		s.GlobalNetworkSets = append(s.GlobalNetworkSets, set)
	}
	if rapid.Bool().Draw(t, "namespaced set") {
		s.NetworkSets = []*policy.NetworkSet{{
			ObjectMeta: metav1.ObjectMeta{Name: "s", Namespace: "ns", Labels: someLabels.Draw(t, "set labels")},
			Spec:       v3.GlobalNetworkSetSpec{Nets: rapid.SliceOfN(nets, 0, 2).Draw(t, "nets")},
		}}
	}
	for _, name := range []string{"default", "node.n1"} {
		if rapid.IntRange(0, 3).Draw(t, "config "+name) == 0 {
			c := &v3.FelixConfiguration{}
			c.Name = name
			c.Spec.FailsafeInboundHostPorts, c.Spec.FailsafeOutboundHostPorts = drawFailsafes(t), drawFailsafes(t)
			s.FelixConfigurations = append(s.FelixConfigurations, c)
		}
	}
	return s
}

func drawFailsafes(t *rapid.T) *[]v3.ProtoPort {
	if rapid.Bool().Draw(t, "no failsafes given") {
		return nil
	}
	list := []v3.ProtoPort{}
	for range rapid.IntRange(0, 3).Draw(t, "failsafes") {
		p := v3.ProtoPort{Protocol: rapid.SampledFrom([]string{"tcp", "UDP", ""}).Draw(t, "protocol"), Port: somePorts.Draw(t, "port")}
		maybe(t, "sctp", 20, func() string { return "sctp" }, &p.Protocol)
		maybe(t, "net", 3, func() string { return nets.Draw(t, "net") }, &p.Net)
		list = append(list, p)
	}
	return &list
}

func drawEndpoint(t *rapid.T, name string) *v3.HostEndpoint {
	h := &v3.HostEndpoint{Spec: v3.HostEndpointSpec{
		Node: someNodes.Draw(t, "node"), InterfaceName: someInterfaces.Draw(t, "interface"),
		ExpectedIPs: rapid.SliceOfN(someAddresses, 0, 3).Draw(t, "expectedIPs"),
		Profiles: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{v3.ProfileDefaultAllow, "web", "lab", "gone"}), 0, 2,
			rapid.ID[string]).Draw(t, "profiles"),
	}}
	h.Name, h.Labels = name, someLabels.Draw(t, "labels")
	for range rapid.IntRange(0, 2).Draw(t, "named ports") {
		h.Spec.Ports = append(h.Spec.Ports, v3.EndpointPort{
			Name:     rapid.SampledFrom([]string{"http", "api"}).Draw(t, "port name"),
			Protocol: rapid.SampledFrom([]v3.Protocol{{Name: "TCP"}, {Name: "UDP"}, {Num: 6}}).Draw(t, "port protocol"),
			Port:     somePorts.Draw(t, "port"),
		})
	}
	return h
}

// Policy draws a policy of any stage.
func Policy(t *rapid.T) v3.GlobalNetworkPolicySpec {
	s := v3.GlobalNetworkPolicySpec{
		Tier:     rapid.SampledFrom([]string{"", "default", "", "t1", "t2", "kube-admin"}).Draw(t, "tier"),
		Order:    someOrders.Draw(t, "order"),
		Selector: someSelectors.Draw(t, "selector"),
		Types: rapid.SampledFrom([][]v3.PolicyType{
			nil, nil, {v3.PolicyTypeIngress}, {v3.PolicyTypeEgress}, {v3.PolicyTypeIngress, v3.PolicyTypeEgress},
		}).Draw(t, "types"),
		Ingress: drawRules(t, 3), Egress: drawRules(t, 3),
	}
	maybe(t, "policy for service accounts", 20, func() string { return "all()" }, &s.ServiceAccountSelector)
	maybe(t, "policy for namespaces", 20, func() string { return "all()" }, &s.NamespaceSelector)
	switch rapid.IntRange(0, 5).Draw(t, "stage") {
	case 0:
		s.DoNotTrack, s.ApplyOnForward = true, true
	case 1:
		s.PreDNAT, s.ApplyOnForward = true, true
		s.Egress, s.Types = nil, []v3.PolicyType{v3.PolicyTypeIngress}
	case 2, 3:
		s.ApplyOnForward = true
	}
	return s
}

func drawRules(t *rapid.T, most int) []v3.Rule {
	var rules []v3.Rule
	for range rapid.IntRange(0, most).Draw(t, "rules") {
		rules = append(rules, Rule(t))
	}
	return rules
}

var someProtocols = rapid.SampledFrom([]*v3.Protocol{
	{Name: "TCP"}, {Name: "TCP"}, {Name: "UDP"}, {Name: "ICMP"}, {Name: "ICMPv6"}, {Name: "SCTP"}, {Name: "UDPLite"}, {Num: 1}, {Num: 6}, {Num: 58}, {Num: 112},
})

// Rule draws a rule. Some of its fields ask for what no object says.
func Rule(t *rapid.T) v3.Rule {
	r := v3.Rule{Action: someActions.Draw(t, "action")}
	protocol := func() *v3.Protocol { return someProtocols.Draw(t, "protocol") }
	maybe(t, "has protocol", 2, protocol, &r.Protocol)
	maybe(t, "has notProtocol", 10, protocol, &r.NotProtocol)
	maybe(t, "has ipVersion", 10, func() *int { return new(rapid.SampledFrom([]int{4, 6}).Draw(t, "ipVersion")) }, &r.IPVersion)
	maybe(t, "has icmp", 8, func() *v3.ICMPFields { return drawICMP(t) }, &r.ICMP)
	maybe(t, "has notICMP", 8, func() *v3.ICMPFields { return drawICMP(t) }, &r.NotICMP)
	maybe(t, "has http", 10, func() *v3.HTTPMatch { return &v3.HTTPMatch{Methods: []string{"GET"}} }, &r.HTTP)
	r.Source, r.Destination = drawEntity(t), drawEntity(t)
	return r
}

func drawICMP(t *rapid.T) *v3.ICMPFields {
	f := &v3.ICMPFields{}
	if rapid.Bool().Draw(t, "type") {
		f.Type = new(rapid.SampledFrom([]int{0, 3, 8, 128}).Draw(t, "icmp type"))
		maybe(t, "code", 2, func() *int { return new(rapid.IntRange(0, 1).Draw(t, "icmp code")) }, &f.Code)
	}
	return f
}

func drawEntity(t *rapid.T) v3.EntityRule {
	var e v3.EntityRule
	if rapid.Bool().Draw(t, "any end") || rapid.Bool().Draw(t, "any end at all") {
		return e
	}
	networks := func() []string { return rapid.SliceOfN(nets, 1, 2).Draw(t, "nets") }
	sel := func() string { return someSelectors.Draw(t, "selector") }
	ports := func() []v3.Port {
		return rapid.SliceOfN(rapid.SampledFrom([]v3.Port{
			{Min: 22, Max: 22}, {Min: 80, Max: 443}, {Min: 1, Max: 65535}, {Min: 6443, Max: 6443}, {Name: "http"}, {Name: "api"}, {Name: "none"},
		}), 1, 2).Draw(t, "ports")
	}
	maybe(t, "has nets", 4, networks, &e.Nets)
	maybe(t, "has notNets", 6, networks, &e.NotNets)
	maybe(t, "has selector", 3, sel, &e.Selector)
	maybe(t, "has notSelector", 5, sel, &e.NotSelector)
	maybe(t, "has ports", 3, ports, &e.Ports)
	maybe(t, "has notPorts", 6, ports, &e.NotPorts)
	maybe(t, "has namespaceSelector", 12, func() string {
		return rapid.SampledFrom([]string{"global()", "all()"}).Draw(t, "namespaceSelector")
	}, &e.NamespaceSelector)
	maybe(t, "has services", 10, func() *v3.ServiceMatch { return &v3.ServiceMatch{Name: "s", Namespace: "ns"} }, &e.Services)
	maybe(t, "has serviceAccounts", 10, func() *v3.ServiceAccountMatch { return &v3.ServiceAccountMatch{Names: []string{"sa"}} }, &e.ServiceAccounts)
	return e
}

// Flow draws a flow of which everything is given that its protocol has. No network need be able to carry it.
func Flow(t *rapid.T) policy.Flow {
	v6 := rapid.IntRange(0, 3).Draw(t, "v6") == 0
	address := rapid.SampledFrom([]string{"10.0.0.1", "10.1.0.1", "10.0.0.2", "10.0.0.9", "10.1.0.77", "192.0.2.1", "127.0.0.1"})
	if v6 {
		address = rapid.SampledFrom([]string{"fd00::1", "fd01::1", "fd00::2", "2001:db8::1", "::1"})
	}
	iface := rapid.SampledFrom([]string{"eth0", "eth0", "eth0", "eth1", "eth1", "eth2"})
	f := policy.Flow{
		Node: someNodes.Draw(t, "at"),
		Path: rapid.SampledFrom([]policy.Path{
			policy.Input, policy.Input, policy.Output, policy.Local, policy.Forward, policy.DNATForward, policy.DNATLocal,
		}).Draw(t, "path"),
		From: netip.MustParseAddr(address.Draw(t, "from")), To: netip.MustParseAddr(address.Draw(t, "to")),
		In: iface.Draw(t, "in"), Out: iface.Draw(t, "out"),
		Protocol: rapid.SampledFrom([]v3.Protocol{{Name: "TCP"}, {Name: "TCP"}, {Name: "UDP"}, {Name: "SCTP"}, {Num: 1}, {Num: 58}, {Num: 112}, {Num: 136}}).Draw(t, "flow protocol"),
	}
	switch number := f.Protocol.Number(); {
	case f.Protocol.HasPorts():
		f.Port, f.SourcePort = new(somePorts.Draw(t, "to port")), new(somePorts.Draw(t, "from port"))
	case number == 1 && !v6, number == 58 && v6:
		f.ICMPType, f.ICMPCode = new(rapid.SampledFrom([]uint8{0, 3, 8, 128}).Draw(t, "type")), new(uint8(rapid.IntRange(0, 2).Draw(t, "code")))
	}
	if slices.Contains([]policy.Path{policy.DNATForward, policy.DNATLocal}, f.Path) {
		f.DNATTo = netip.MustParseAddr(address.Draw(t, "rewritten to"))
		if f.Port != nil {
			f.DNATPort = new(somePorts.Draw(t, "rewritten port"))
		}
	}
	return f
}
