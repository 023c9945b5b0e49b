package policy_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// TestAnswersThatBeginNone asks about the answers to untracked requests of a node, which an ingress policy allows: the
// kernel lets those come in that may begin a connection, and drops the others as invalid.
func TestAnswersThatBeginNone(t *testing.T) {
	h := &v3.HostEndpoint{Spec: v3.HostEndpointSpec{Node: "n1", InterfaceName: "eth0", Profiles: []string{v3.ProfileDefaultAllow}}}
	h.Name = "n1-eth0"
	p := &v3.GlobalNetworkPolicy{Spec: v3.GlobalNetworkPolicySpec{
		DoNotTrack: true, ApplyOnForward: true, Types: []v3.PolicyType{v3.PolicyTypeEgress}, Egress: []v3.Rule{{Action: v3.Allow}},
	}}
	p.Name = "untracked"
	engine := policy.New(policy.Snapshot{HostEndpoints: []*v3.HostEndpoint{h}, GlobalNetworkPolicies: []*v3.GlobalNetworkPolicy{p}})
	for _, c := range []struct {
		protocol   string
		icmp, code *uint8
		lost       bool
	}{
		{protocol: "TCP", lost: true},
		{protocol: "UDP"},
		{protocol: "ICMP", icmp: new(uint8(8)), code: new(uint8(0)), lost: true},
	} {
		f := policy.Flow{
			Node: "n1", Path: policy.Output, Out: "eth0", From: netip.MustParseAddr("10.0.0.1"), To: netip.MustParseAddr("10.0.0.2"),
			Protocol: v3.Protocol{Name: c.protocol}, ICMPType: c.icmp, ICMPCode: c.code,
		}
		if c.icmp == nil {
			f.Port, f.SourcePort = new(uint16(80)), new(uint16(40000))
		}
		got, err := engine.Trace(f)
		if err != nil {
			t.Fatal(err)
		}
		if got.Verdict != policy.Allowed || (got.Return != nil && got.Return.Verdict == policy.Denied) != c.lost {
			t.Errorf("%s: %s, and the answer is %+v; lost: %v wanted", c.protocol, got.Verdict, got.Return, c.lost)
		}
	}
}

// oneWay is a node on which a doNotTrack policy lets everything in by eth0 and out by nothing, and all other interfaces
// let everything pass.
func oneWay() policy.Snapshot {
	endpoint := func(name, door string) *v3.HostEndpoint {
		h := &v3.HostEndpoint{Spec: v3.HostEndpointSpec{
			Node: "n", InterfaceName: door, ExpectedIPs: []string{"10.0.0.1"}, Profiles: []string{v3.ProfileDefaultAllow},
		}}
		h.Name, h.Labels = name, map[string]string{"door": name}
		return h
	}
	p := &v3.GlobalNetworkPolicy{Spec: v3.GlobalNetworkPolicySpec{
		Selector: "door == 'first'", DoNotTrack: true, ApplyOnForward: true,
		Types:   []v3.PolicyType{v3.PolicyTypeIngress, v3.PolicyTypeEgress},
		Ingress: []v3.Rule{{Action: v3.Allow}}, Egress: []v3.Rule{{Action: v3.Deny}},
	}}
	p.Name = "one-way"
	return policy.Snapshot{
		HostEndpoints:         []*v3.HostEndpoint{endpoint("first", "eth0"), endpoint("others", v3.AllInterfaces)},
		GlobalNetworkPolicies: []*v3.GlobalNetworkPolicy{p},
	}
}

// TestAnswerDependsOnWhatIsNotSaid leaves the interface open, and the type or code of an ICMP message.
func TestAnswerDependsOnWhatIsNotSaid(t *testing.T) {
	engine := policy.New(oneWay())
	zero, echo, port := uint8(0), uint8(8), uint16(8080)
	tcp, icmp := v3.Protocol{Name: v3.ProtocolTCP}, v3.Protocol{Name: v3.ProtocolICMP}
	for name, test := range map[string]struct {
		flow policy.Flow
		want policy.Verdict // of the answer; Allowed where nothing drops it
	}{
		"eth0":             {policy.Flow{In: "eth0", Protocol: tcp, Port: &port}, policy.Denied},
		"another":          {policy.Flow{In: "eth9", Protocol: tcp, Port: &port}, policy.Allowed},
		"any interface":    {policy.Flow{Protocol: tcp, Port: &port}, policy.Unknown},
		"echo request":     {policy.Flow{In: "eth0", Protocol: icmp, ICMPType: &echo, ICMPCode: &zero}, policy.Denied},
		"echo of any code": {policy.Flow{In: "eth0", Protocol: icmp, ICMPType: &echo}, policy.Denied},
		"ICMP of any type": {policy.Flow{In: "eth0", Protocol: icmp}, policy.Denied},
		"echo reply":       {policy.Flow{In: "eth0", Protocol: icmp, ICMPType: &zero}, policy.Allowed},
	} {
		f := test.flow
		f.Node, f.Path, f.From, f.To = "n", policy.Input, netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("10.0.0.1")
		trace, err := engine.Trace(f)
		if err != nil {
			t.Fatal(err)
		}
		got := policy.Allowed
		if trace.Return != nil {
			got = trace.Return.Verdict
		}
		if diff := cmp.Diff([]policy.Verdict{policy.Allowed, test.want}, []policy.Verdict{trace.Verdict, got}); diff != "" {
			t.Errorf("%s: the packet and its answer (-want +got):\n%s", name, diff)
		}
	}
}
