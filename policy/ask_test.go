package policy_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/random"
)

// TestAskAgreesWithTrace holds the answers about whole sets against traces of single packets.
func TestAskAgreesWithTrace(t *testing.T) {
	answered, lost := 0, 0
	checks(t, 3, func(t *rapid.T) {
		s := random.Snapshot(t)
		untracked := rapid.Bool().Draw(t, "requests are not tracked")
		if untracked {
			addUntracked(&s)
		}
		for range 30 {
			f := random.Flow(t)
			if untracked && rapid.Bool().Draw(t, "a request") {
				f = policy.Flow{
					From: netip.MustParseAddr("192.0.2.1"), To: netip.MustParseAddr("10.0.0.2"), Path: policy.Input,
					Protocol: v3.Protocol{Name: "TCP"}, Port: new(uint16(80)), SourcePort: new(uint16(40000)),
				}
			}
			engine := policy.New(s)
			f, q := askedAbout(f)
			answers := engine.Asker().Ask(q)
			want, err := engine.Trace(f)
			if err != nil || len(answers) == 0 {
				if f.Path == "" && (err == nil) != (len(answers) > 0) {
					t.Fatalf("%+v: %d answers, and the trace says %v", f, len(answers), err)
				}
				continue
			}
			answered++
			p := packetOf(f)
			got := policy.Unknown
			switch {
			case answers[0].Allowed.Contains(p):
				got = policy.Allowed
			case answers[0].Denied.Contains(p):
				got = policy.Denied
			}
			if got != want.Verdict && (got != policy.Unknown || !sharedLocal(want)) {
				t.Fatalf("%+v: the sets say %s, the trace %s because %+v", f, got, want.Verdict, want.Decision)
			}
			local := slices.ContainsFunc(want.Hosts, func(h policy.HostTrace) bool { return h.Path == policy.Local || h.Path == policy.Forward })
			if local || f.ICMPType != nil { // of which the sets say nothing
				continue
			}
			if drops := want.Return != nil && want.Return.Verdict == policy.Denied; answers[0].Unanswered.Contains(p) != drops {
				t.Fatalf("%+v: the trace says of the answer %+v, and the sets that it is lost: %v", f, want.Return, !drops)
			}
			if want.Return != nil {
				lost++
			}
		}
	})
	if answered == 0 || lost == 0 {
		t.Errorf("%d questions had an answer, and %d packets had none", answered, lost)
	}
}

// askedAbout is a flow and a question that are about the same packet.
func askedAbout(f policy.Flow) (policy.Flow, policy.Question) {
	q := policy.Question{
		Path: f.Path, From: []netip.Prefix{netip.PrefixFrom(f.From, f.From.BitLen())},
		To: []netip.Prefix{netip.PrefixFrom(f.To, f.To.BitLen())},
	}
	if f.Path == policy.Forward {
		f.In, f.Out = "", ""
		q.Nodes = func(name string) bool { return name == f.Node }
		return f, q
	}
	q.Path = ""
	return policy.Flow{
		From: f.From, To: f.To, Protocol: f.Protocol, Port: f.Port, SourcePort: f.SourcePort,
		ICMPType: f.ICMPType, ICMPCode: f.ICMPCode,
	}, q
}

// addUntracked adds a policy that lets every packet in without tracking, and an endpoint of which many an answer is then lost.
func addUntracked(s *policy.Snapshot) {
	p := &v3.GlobalNetworkPolicy{Spec: v3.GlobalNetworkPolicySpec{
		Order: new(float64(0)), Selector: "all()", DoNotTrack: true, ApplyOnForward: true,
		Types: []v3.PolicyType{v3.PolicyTypeIngress}, Ingress: []v3.Rule{{Action: v3.Allow}},
	}}
	p.Name = "requests-untracked"
	h := &v3.HostEndpoint{Spec: v3.HostEndpointSpec{Node: "n2", InterfaceName: "eth0"}}
	h.Name = "answers"
	s.GlobalNetworkPolicies, s.HostEndpoints = append(s.GlobalNetworkPolicies, p), append(s.HostEndpoints, h)
}

// sharedLocal tells that a node sends the packet to itself, and another has one of its addresses too.
func sharedLocal(trace policy.Trace) bool {
	local, others := false, false
	for _, h := range trace.Hosts {
		local = local || h.Path == policy.Local
		others = others || h.Node != trace.Hosts[0].Node
	}
	return local && others
}

// TestAskOfManyNodes asks about each of many nodes and about what each sends itself, which is to stay within the limit.
func TestAskOfManyNodes(t *testing.T) {
	var s policy.Snapshot
	ssh := netip.MustParseAddr("10.0.0.1")
	for i := range 8_000 {
		h := &v3.HostEndpoint{Spec: v3.HostEndpointSpec{
			Node: fmt.Sprintf("node%05d", i), InterfaceName: v3.AllInterfaces, ExpectedIPs: []string{ssh.String()},
		}}
		h.Name = h.Spec.Node + "-auto-hep"
		s.HostEndpoints = append(s.HostEndpoints, h)
		ssh = ssh.Next()
	}
	engine := policy.NewWithin(policy.Limit{Steps: 200_000_000}, s)
	asker := engine.Asker()
	tcp := []policy.Box{{Protocols: []policy.Range{{First: 6, Last: 6}}, Ports: []policy.Range{{First: 80, Last: 80}}}}
	for range 3 {
		answers := asker.Ask(policy.Question{Path: policy.Local, Services: tcp, Nodes: func(string) bool { return true }})
		if len(answers) != 1 || len(answers[0].Nodes) != 8_000 || answers[0].Denied.Empty() {
			t.Fatalf("%d answers", len(answers))
		}
	}
	udp := []policy.Box{{Protocols: []policy.Range{{First: 17, Last: 17}}}}
	if !asker.Asked(policy.Vital{Path: policy.Local, Boxes: tcp}) || asker.Asked(policy.Vital{Path: policy.Local, Boxes: udp}) {
		t.Error("what has been asked about is not known")
	}
	if err := engine.Err(); err != nil {
		t.Error(err)
	}
}
