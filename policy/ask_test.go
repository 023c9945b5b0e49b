package policy_test

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/policy"
)

// TestAskAgreesWithTrace holds the answers about whole sets against traces of single packets.
func TestAskAgreesWithTrace(t *testing.T) {
	answered := 0
	checks(t, 3, func(t *rapid.T) {
		s := drawSnapshot(t)
		for range 30 {
			f := drawFlow(t)
			engine := policy.New(s)
			q := policy.Question{
				Path: f.Path, From: []netip.Prefix{netip.PrefixFrom(f.From, f.From.BitLen())},
				To: []netip.Prefix{netip.PrefixFrom(f.To, f.To.BitLen())},
			}
			if f.Path == policy.Forward {
				f.In, f.Out = "", ""
				q.Nodes = func(name string) bool { return name == f.Node }
			} else {
				f = policy.Flow{
					From: f.From, To: f.To, Protocol: f.Protocol, Port: f.Port, SourcePort: f.SourcePort,
					ICMPType: f.ICMPType, ICMPCode: f.ICMPCode,
				}
				q.Path = ""
			}
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
		}
	})
	if answered == 0 {
		t.Error("no question had an answer")
	}
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
