package policy_test

import (
	"encoding/json"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/random"
)

// TestUnknownInterfaces asks about nodes of which addresses are known and interfaces are not. A verdict must be that of
// the slow evaluator wherever the addresses are.
func TestUnknownInterfaces(t *testing.T) {
	definite, unknown := 0, 0
	checks(t, 10, func(t *rapid.T) {
		s := random.Snapshot(t)
		addresses := []string{"10.0.0.1", "fd00::1", "10.1.0.1", "fd01::1", "10.0.0.2", "fd00::2"}
		for _, n := range s.Nodes {
			for _, i := range n.Spec.Interfaces {
				for _, a := range i.Addresses {
					n.Spec.Addresses = append(n.Spec.Addresses, v3.NodeAddress{Address: a})
				}
			}
			n.Spec.Interfaces = nil
		}
		for _, h := range s.HostEndpoints {
			h.Spec.InterfaceName = rapid.SampledFrom([]string{"", "", "eth0", "eth1", "*"}).Draw(t, "interface of the endpoint")
			h.Spec.ExpectedIPs = rapid.SliceOfN(rapid.SampledFrom(addresses), 0, 2).Draw(t, "expected")
		}
		engine := policy.New(s)
		slow := naive{s}
		for range 30 {
			f := random.Flow(t)
			f.SourcePort = sourcePortOf(f)
			asked := f
			if rapid.IntRange(0, 3).Draw(t, "in is given") == 0 {
				asked.In = ""
			}
			if rapid.IntRange(0, 3).Draw(t, "out is given") == 0 {
				asked.Out = ""
			}
			slow.Nodes = placed(t, s.Nodes, addresses)
			want := slow.judge(f)
			got, err := engine.Trace(asked)
			if err != nil {
				t.Fatal(err)
			}
			if got.Verdict == policy.Unknown {
				unknown++
				continue
			}
			definite++
			if got.Verdict != want {
				text, _ := json.Marshal(asked)
				nodes, _ := json.Marshal(slow.Nodes)
				t.Fatalf("%s: %s by %+v, and %s with %s", text, got.Verdict, got.Decision, want, nodes)
			}
		}
	})
	if definite < unknown {
		t.Errorf("%d verdicts and %d times none", definite, unknown)
	}
}

func sourcePortOf(f policy.Flow) *uint16 {
	if f.Protocol.HasPorts() {
		return new(uint16(40000))
	}
	return nil
}

// placed puts each address on some interface of its node, or on none.
func placed(t *rapid.T, nodes []*v3.Node, addresses []string) []*v3.Node {
	var all []*v3.Node
	for _, n := range nodes {
		n = n.DeepCopy()
		on := map[string][]string{}
		for _, a := range addresses {
			name := rapid.SampledFrom([]string{"eth0", "eth1", "eth2", "gone"}).Draw(t, "place")
			on[name] = append(on[name], a)
		}
		for _, name := range []string{"eth0", "eth1", "eth2"} {
			n.Spec.Interfaces = append(n.Spec.Interfaces, v3.NodeInterface{Name: name, Addresses: on[name]})
		}
		all = append(all, n)
	}
	return all
}

// TestClaimedAddress is about endpoints of one node whose interfaces are not known, and a connection to 10.0.0.1.
func TestClaimedAddress(t *testing.T) {
	open, closed := []string{v3.ProfileDefaultAllow}, []string(nil)
	endpoint := func(name, iface string, profiles []string) *v3.HostEndpoint {
		h := &v3.HostEndpoint{Spec: v3.HostEndpointSpec{Node: "n1", InterfaceName: iface, ExpectedIPs: []string{"10.0.0.1"}, Profiles: profiles}}
		h.Name = name
		return h
	}
	for name, c := range map[string]struct {
		endpoints []*v3.HostEndpoint
		in        string
		want      policy.Verdict
	}{
		"found by address, any interface":            {[]*v3.HostEndpoint{endpoint("a", "", closed)}, "eth0", policy.Unknown},
		"found by address, with a wildcard":          {[]*v3.HostEndpoint{endpoint("a", "", closed), endpoint("w", "*", open)}, "eth0", policy.Unknown},
		"found by address, with a like wildcard":     {[]*v3.HostEndpoint{endpoint("a", "", closed), endpoint("w", "*", closed)}, "eth0", policy.Denied},
		"found by address, before the named one":     {[]*v3.HostEndpoint{endpoint("a", "", closed), endpoint("b", "eth0", open)}, "eth0", policy.Unknown},
		"found by address, after the named one":      {[]*v3.HostEndpoint{endpoint("b", "eth0", open), endpoint("c", "", closed)}, "eth0", policy.Allowed},
		"found by address, beside another interface": {[]*v3.HostEndpoint{endpoint("b", "eth0", open), endpoint("c", "", closed)}, "eth1", policy.Unknown},
		"the one that is found by address":           {[]*v3.HostEndpoint{endpoint("b", "eth0", open), endpoint("c", "", closed)}, "@10.0.0.1", policy.Unknown},
		"what the wildcard governs":                  {[]*v3.HostEndpoint{endpoint("a", "", closed), endpoint("w", "*", open)}, "*", policy.Allowed},
	} {
		t.Run(name, func(t *testing.T) {
			n := &v3.Node{Spec: v3.NodeSpec{Addresses: []v3.NodeAddress{{Address: "10.0.0.1"}}}}
			n.Name = "n1"
			f := policy.Flow{
				From: netip.MustParseAddr("192.0.2.1"), To: netip.MustParseAddr("10.0.0.1"), In: c.in,
				Protocol: v3.Protocol{Name: v3.ProtocolTCP}, Port: new(uint16(80)),
			}
			got, err := policy.New(policy.Snapshot{HostEndpoints: slices.Clone(c.endpoints), Nodes: []*v3.Node{n}}).Trace(f)
			if err != nil || got.Verdict != c.want {
				t.Errorf("%s because %s, want %s (%v)", got.Verdict, got.Decision.Why, c.want, err)
			}
		})
	}
}

// TestSharedAddress is about an address that two nodes have, of which one is open and the other closed.
func TestSharedAddress(t *testing.T) {
	const shared = "10.0.0.100"
	s := policy.Snapshot{}
	for name, address := range map[string]string{"n1": "10.0.0.1", "n2": "10.0.0.2", "n3": "10.0.0.3"} {
		h := &v3.HostEndpoint{Spec: v3.HostEndpointSpec{Node: name, InterfaceName: "*", ExpectedIPs: []string{address, shared}}}
		h.Name = name
		switch name {
		case "n1":
			h.Spec.Profiles = []string{v3.ProfileDefaultAllow}
		case "n3":
			h.Spec.Profiles, h.Spec.ExpectedIPs = []string{v3.ProfileDefaultAllow}, []string{address}
		}
		s.HostEndpoints = append(s.HostEndpoints, h)
	}
	for _, c := range []struct {
		from, to, fromNode, toNode string
		want                       policy.Verdict
	}{
		{"10.0.0.1", shared, "", "", policy.Allowed}, // which does not leave n1
		{"10.0.0.2", shared, "", "", policy.Denied},
		{shared, shared, "", "", policy.Unknown},
		{shared, shared, "n1", "", policy.Allowed},
		{shared, "10.0.0.1", "", "", policy.Unknown},
		{shared, "10.0.0.2", "", "", policy.Denied}, // coming in, whoever sends
		{"192.0.2.1", shared, "", "", policy.Unknown},
		{"192.0.2.1", shared, "", "n1", policy.Allowed},
		{"192.0.2.1", shared, "", "n2", policy.Denied},
		{shared, "192.0.2.1", "", "", policy.Unknown},
		{"10.0.0.3", shared, "", "", policy.Unknown},
		{"10.0.0.3", "10.0.0.1", "", "", policy.Allowed},
	} {
		engine := policy.New(s)
		f := policy.Flow{
			From: netip.MustParseAddr(c.from), To: netip.MustParseAddr(c.to), FromNode: c.fromNode, ToNode: c.toNode,
			Protocol: v3.Protocol{Name: v3.ProtocolUDP}, Port: new(uint16(80)),
		}
		got, err := engine.Trace(f)
		if err != nil || got.Verdict != c.want {
			t.Errorf("%+v: %s because %s (%v)", c, got.Verdict, got.Decision.Why, err)
		}
		spread, err := engine.Spread(f, policy.Ends{From: true}, engine.Space().Set(policy.Box{Sources: []netip.Prefix{netip.PrefixFrom(f.From, 32)}}))
		if known := map[policy.Verdict]policy.Set{policy.Allowed: spread.Allowed, policy.Denied: spread.Denied, policy.Unknown: spread.Unknown}; err != nil ||
			known[c.want].Empty() {
			t.Errorf("%+v: not in the set of its verdict (%v)", c, err)
		}
		if c.fromNode+c.toNode != "" {
			continue
		}
		answers := engine.Asker().Ask(policy.Question{
			From: []netip.Prefix{netip.PrefixFrom(f.From, 32)}, To: []netip.Prefix{netip.PrefixFrom(f.To, 32)},
			Services: []policy.Box{{Protocols: []policy.Range{{First: 17, Last: 17}}, Ports: []policy.Range{{First: 80, Last: 80}}}},
		})
		known := map[policy.Verdict]policy.Set{policy.Allowed: answers[0].Allowed, policy.Denied: answers[0].Denied, policy.Unknown: answers[0].Unknown}
		if known[c.want].Empty() {
			t.Errorf("%+v: the answer to a question is another", c)
		}
	}
}
