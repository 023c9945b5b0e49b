package policy_test

import (
	"net/netip"
	"testing"

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
