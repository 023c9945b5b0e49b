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

// TestSpreadAgreesWithTrace asks about a flow from or to any of several addresses, and then about each of them.
func TestSpreadAgreesWithTrace(t *testing.T) {
	strangers := map[bool][]string{false: {"10.0.0.9", "10.1.0.77", "192.0.2.1", "192.0.2.9", "10.9.9.9"}, true: {"2001:db8::1", "2001:db8::2", "fd00::9"}}
	checks(t, 10, func(t *rapid.T) {
		s := random.Snapshot(t)
		for _, h := range s.HostEndpoints { // so that the addresses are nobody's
			h.Spec.ExpectedIPs = h.Spec.ExpectedIPs[:0]
		}
		engine := policy.New(s)
		for range 20 {
			f := random.Flow(t)
			f.Path = rapid.SampledFrom([]policy.Path{policy.Input, policy.Output, policy.Forward, policy.DNATForward}).Draw(t, "way")
			if rapid.Bool().Draw(t, "any source port") {
				f.SourcePort = nil
			}
			open := policy.Ends{From: f.Path != policy.Output, To: f.Path == policy.Output || f.Path == policy.Forward && rapid.Bool().Draw(t, "both")}
			if f.Path == policy.DNATForward && !f.DNATTo.IsValid() {
				f.DNATTo = f.To
			}
			var box policy.Box
			for _, text := range strangers[f.From.Is6()] {
				a := netip.MustParseAddr(text)
				network := netip.PrefixFrom(a, a.BitLen())
				if open.From {
					box.Sources, f.From = append(box.Sources, network), a
				}
				if open.To {
					box.Destinations, f.To = append(box.Destinations, network), a
				}
			}
			got, err := engine.Spread(f, open, engine.Space().Set(box))
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range strangers[f.From.Is6()] {
				one := f
				if open.From {
					one.From = netip.MustParseAddr(text)
				}
				if open.To {
					one.To = netip.MustParseAddr(text)
				}
				want := verdictOf(t, engine, one, true)
				p := policy.Packet{From: one.From, To: one.To, Protocol: one.Protocol.Number()}
				for verdict, set := range map[policy.Verdict]policy.Set{policy.Allowed: got.Allowed, policy.Denied: got.Denied, policy.Unknown: got.Unknown} {
					if set.Contains(p) != (verdict == want) {
						text, _ := json.Marshal(one)
						t.Fatalf("%s is %s, and the set of what is %s has it: %v", text, want, verdict, set.Contains(p))
					}
				}
			}
		}
	})
}

// TestSpreadOfManyPorts has a rule of many ports on both sides and many networks, which is one diagram for each address
// and not one for each pair of ports.
func TestSpreadOfManyPorts(t *testing.T) {
	h := &v3.HostEndpoint{Spec: v3.HostEndpointSpec{Node: "n", InterfaceName: v3.AllInterfaces, ExpectedIPs: []string{"10.0.0.1"}}}
	h.Name, h.Labels = "n", map[string]string{"is": "host"}
	set := &v3.GlobalNetworkSet{}
	set.Name, set.Labels = "many", map[string]string{"is": "many"}
	network := netip.MustParseAddr("192.0.0.1")
	for range 5_000 {
		set.Spec.Nets = append(set.Spec.Nets, network.String())
		network = network.Next().Next()
	}
	sctp := v3.Protocol{Name: v3.ProtocolSCTP} // of which no port is failsafe
	var ports []v3.Port
	for i := range uint16(80) {
		ports = append(ports, v3.Port{Min: 2 * i, Max: 2 * i})
	}
	p := &v3.GlobalNetworkPolicy{Spec: v3.GlobalNetworkPolicySpec{
		Selector: "is == 'host'", Types: []v3.PolicyType{v3.PolicyTypeIngress}, Ingress: []v3.Rule{{
			Action: v3.Allow, Protocol: &sctp, Source: v3.EntityRule{Selector: "is == 'many'", Ports: ports}, Destination: v3.EntityRule{Ports: ports},
		}},
	}}
	p.Name = "many"
	engine := policy.NewWithin(policy.Limit{Steps: 3_000_000}, policy.Snapshot{
		HostEndpoints: []*v3.HostEndpoint{h}, GlobalNetworkSets: []*v3.GlobalNetworkSet{set}, GlobalNetworkPolicies: []*v3.GlobalNetworkPolicy{p},
	})
	f := policy.Flow{From: netip.MustParseAddr("198.51.100.1"), To: netip.MustParseAddr("10.0.0.1"), Protocol: sctp}
	region := engine.Space().Set(policy.Box{Sources: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("128.0.0.0/1")}})
	got, err := engine.Spread(f, policy.Ends{From: true}, region)
	if err != nil {
		t.Fatal(err)
	}
	if want := []bool{true, false, false}; !slices.Equal(want, []bool{got.Allowed.Empty(), got.Denied.Empty(), got.Unknown.Empty()}) {
		t.Errorf("what is allowed, denied and unknown: %v, %v, %v", got.Allowed.Boxes(), got.Denied.Boxes(), got.Unknown.Boxes())
	}
}
