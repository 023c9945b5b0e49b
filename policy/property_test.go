package policy_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/test/random"
)

// checks runs a property on 100 x n examples, a tenth of them with -short.
func checks(t *testing.T, n int, property func(t *rapid.T)) {
	if testing.Short() {
		n = (n + 9) / 10
	}
	for i := range n {
		t.Run(fmt.Sprint(i), func(t *testing.T) { rapid.Check(t, property) })
	}
}

// TestEngineAgreesWithNaive compares the engine with the slow evaluator, packet by
// packet: what it traces, what it judges, and what its sets say.
func TestEngineAgreesWithNaive(t *testing.T) {
	checks(t, 10, func(t *rapid.T) {
		s := random.Snapshot(t)
		engine, slow := policy.New(s), naive{s}
		for range 100 {
			f := random.Flow(t)
			want := slow.judge(f)
			got, err := engine.Trace(f)
			if err != nil {
				t.Fatal(err)
			}
			if got.Verdict != want {
				text, _ := json.Marshal(f)
				t.Fatalf("%s: %s by %+v, want %s", text, got.Verdict, got.Decision, want)
			}
			checkViews(t, engine, f, got)
		}
	})
}

// checkViews holds the other views of an engine against a trace.
func checkViews(t *rapid.T, engine *policy.Engine, f policy.Flow, want policy.Trace) {
	judged, err := engine.Judge(f)
	if err != nil || judged.Verdict != want.Verdict || judged.Decision.Why != want.Decision.Why || judged.Decision.By != want.Decision.By {
		t.Fatalf("judged %s by %+v, traced %s by %+v", judged.Verdict, judged.Decision, want.Verdict, want.Decision)
	}
	if f.Path == policy.DNATForward || f.Path == policy.DNATLocal {
		return
	}
	sets, err := engine.Traffic(f.Node, f.Path, f.In, f.Out)
	if err != nil {
		t.Fatal(err)
	}
	p := packetOf(f)
	for _, v := range []struct {
		verdict policy.Verdict
		set     policy.Set
	}{{policy.Allowed, sets.Allowed}, {policy.Denied, sets.Denied}, {policy.Unknown, sets.Unknown}} {
		if v.set.Contains(p) != (v.verdict == want.Verdict) {
			t.Fatalf("%+v in the set of what is %s: %v; traced %s", p, v.verdict, v.set.Contains(p), want.Verdict)
		}
	}
}

func packetOf(f policy.Flow) policy.Packet {
	p := policy.Packet{From: f.From, To: f.To, Protocol: f.Protocol.Number()}
	if f.Port != nil {
		p.Port, p.SourcePort = *f.Port, *f.SourcePort
	}
	if f.ICMPType != nil {
		p.ICMPType, p.ICMPCode = *f.ICMPType, *f.ICMPCode
	}
	return p
}
