package policy_test

import (
	"encoding/json"
	"testing"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/verdicts"
)

// TestVerdicts holds the engine to every packet of every recorded set.
func TestVerdicts(t *testing.T) {
	probes, sets, err := verdicts.Read("../testdata/verdicts")
	if err != nil {
		t.Fatal(err)
	}
	packets := 0
	for _, set := range sets {
		packets += len(set.Verdicts)
		t.Run(set.Name, func(t *testing.T) { checkSet(t, set, probes) })
	}
	t.Logf("%d sets, %d packets", len(sets), packets)
	if len(sets) != 253 || packets != 253*278 {
		t.Errorf("read %d sets and %d packets, want 253 and 253 x 278", len(sets), packets)
	}
}

func checkSet(t *testing.T, set verdicts.Set, probes []policy.Flow) {
	engine := policy.New(set.Snapshot)
	for i, flow := range probes {
		want := policy.Allowed
		if set.Verdicts[i] == 'd' {
			want = policy.Denied
		}
		got, err := engine.Trace(flow)
		if err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		if got.Verdict != want {
			text, _ := json.Marshal(flow)
			t.Errorf("packet %d %s: %s (%+v), want %s", i, text, got.Verdict, got.Decision, want)
		}
		// Answers of other protocols were not recognised as such by the kernel, which tells nothing about policy.
		if name := flow.Protocol.Name; (name == v3.ProtocolTCP || name == v3.ProtocolUDP) && want == policy.Allowed {
			if lost := set.Verdicts[i] == 'n'; lost != (got.Return != nil && got.Return.Verdict == policy.Denied) {
				text, _ := json.Marshal(flow)
				t.Errorf("packet %d %s: the answer is lost: %v, but told is %+v", i, text, lost, got.Return)
			}
		}
	}
}
