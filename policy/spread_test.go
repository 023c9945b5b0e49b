package policy_test

import (
	"encoding/json"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/policy"
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
