package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/render"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

func TestMain(m *testing.M) {
	if status, done, err := asRoot(context.Background()); done {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
		os.Exit(status)
	}
	os.Exit(m.Run())
}

// skipWithoutLab skips a test where no kernel can be asked. `make test` says so, too.
func skipWithoutLab(t *testing.T) {
	t.Helper()
	if err := lacking(t.Context()); err != nil {
		t.Skip("SKIPPED, not passed: ", err)
	}
}

const recorded = "../../testdata/verdicts"

// TestProof makes a share of the proof that `make prove` makes whole.
func TestProof(t *testing.T) {
	skipWithoutLab(t)
	o := options{folder: recorded, every: 8, drawn: 40, seed: 1, labs: runtime.NumCPU()}
	c, err := o.prove(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range c.disagreements() {
		t.Error(d)
	}
	if c.recorded.sets != 32 || c.recorded.packets != 32*278 || c.drawn.sets != 40 ||
		c.recorded.answers == 0 || c.recorded.met == 0 || c.drawn.answers == 0 || c.drawn.met == 0 {
		t.Errorf("not the proof that was meant: %+v, %+v", c.recorded, c.drawn)
	}
}

// TestMistakesAreFound breaks rulesets, each in one way, and wants the proof to fail.
func TestMistakesAreFound(t *testing.T) {
	skipWithoutLab(t)
	trials, err := recordedTrials(recorded, 1)
	if err != nil {
		t.Fatal(err)
	}
	find := func(name string) *trial {
		i := slices.IndexFunc(trials, func(t *trial) bool { return t.name == name })
		if i < 0 {
			t.Fatalf("no set %s", name)
		}
		return trials[i]
	}
	for _, c := range []struct{ set, old, new string }{
		{"docs-master-1234", `drop comment "end of tier default"`, `accept comment "end of tier default"`},
		{"srcsel-eq", "ip saddr", "ip daddr"},
		{"srcsel-eq", "ip6 saddr", "ip6 daddr"},
		{"types-egress-only-noprof", "hook output priority filter", "hook forward priority filter"},
		{"docs-master-1234", "ct state established,related accept", ""},
		{"docs-master-1234", "ingress[0] Allow", "ingress[1] Allow"}, // with which every verdict is right, and no reason
		{"prednat-deny-nodeport", "priority mangle", "priority filter"},
		{"dnt-named-allow", "notrack ", ""},
		{"dnt-named-denyall", "jump failsafe-answers-out", ""},
		{"dnt-named-ingress-only", "priority raw", "priority mangle - 1"},
		{"aof-deny-all", "hook forward", "hook input"},
		{"tier-pass-to-default", "counter return", "counter accept"},
		{"random-047", "meta mark & 0x20000000 != 0 goto forward-out", "meta mark & 0x20000000 != 0 accept"},
	} {
		broken := *find(c.set)
		before := broken.rules
		if broken.rules = strings.ReplaceAll(before, c.old, c.new); broken.rules == before {
			t.Errorf("%s has no %q", c.set, c.old)
			continue
		}
		for _, s := range []struct {
			trial *trial
			wrong bool
		}{{find(c.set), false}, {&broken, true}} {
			wrong, err := runAlone(t.Context(), s.trial)
			if err != nil || (len(wrong) > 0) != s.wrong {
				t.Errorf("%s with %q for %q: disagreements are %q (%v); wanted some: %v", c.set, c.new, c.old, wrong, err, s.wrong)
			}
		}
	}
}

// runAlone runs a trial in a lab of its own.
func runAlone(ctx context.Context, t *trial) (wrong []string, err error) {
	done := make(chan struct{})
	go func() { // whose thread ends with it
		defer close(done)
		var l *lab
		if l, err = newLab(ctx); err == nil {
			defer l.close()
			wrong, err = l.run(t, 1)
		}
	}()
	<-done
	return wrong, err
}

// TestLabsCloseAll runs labs, one of which does not come to be, and wants no open file of theirs left: each would keep a
// namespace.
func TestLabsCloseAll(t *testing.T) {
	skipWithoutLab(t)
	open := func() int {
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(files)
	}
	before := open()
	if _, err := runAlone(t.Context(), &trial{name: "no rules"}); err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := runAlone(ended, &trial{name: "no rules"}); err == nil {
		t.Error("a lab has come to be whose context has ended")
	}
	if err := lacking(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := proveTrials(t.Context(), []*trial{{name: "no rules"}}, 2); err != nil {
		t.Error(err)
	}
	if after := open(); after != before {
		t.Errorf("%d files are open, and %d were", after, before)
	}
}

// TestSecondRunsAreTold wants the certificate to name a set that had disagreements only once.
func TestSecondRunsAreTold(t *testing.T) {
	c := certificate{recorded: &tally{}, drawn: &tally{}}
	for name, runs := range map[string][][]string{
		"good":  {nil},
		"late":  {{"late: packet 1"}, nil},
		"wrong": {{"wrong: packet 1"}, {"wrong: packet 2"}},
	} {
		left := runs
		if err := c.recorded.hear(&trial{name: name}, func() ([]string, error) {
			wrong := left[0]
			left = left[1:]
			return wrong, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"wrong: packet 2"}, c.disagreements()); diff != "" {
		t.Error(diff)
	}
	var b strings.Builder
	if err := c.print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"disagreements:   1; sets that agreed only when run again: 1\n", "\nThere are 1 DISAGREEMENTS. Only when run again: late.\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}

// TestNamesLoad loads rulesets with names that no validation would let through.
func TestNamesLoad(t *testing.T) {
	skipWithoutLab(t)
	for _, name := range []string{
		"plain", "accept", "a\n}\nflush ruleset\n", "a\"; drop", `a\`, "$x", "@a", "a b", "é", "#", "*", strings.Repeat("x", 300), "\x00",
	} {
		h := &v3.HostEndpoint{Spec: v3.HostEndpointSpec{Node: node, InterfaceName: "eth0", Profiles: []string{name}, ExpectedIPs: []string{"10.0.0.1"}}}
		h.Spec.Ports = []v3.EndpointPort{{Name: name, Protocol: v3.Protocol{Name: "TCP"}, Port: 80}}
		h.Labels = map[string]string{"a": "b"}
		p := &v3.GlobalNetworkPolicy{Spec: v3.GlobalNetworkPolicySpec{Tier: name, Ingress: []v3.Rule{{
			Action: v3.Allow, Source: v3.EntityRule{Selector: "a == 'b'"}, Destination: v3.EntityRule{Ports: []v3.Port{{Name: name}}},
		}}}}
		profile := &v3.Profile{Spec: v3.ProfileSpec{Ingress: []v3.Rule{{Action: v3.Allow}}}}
		h.Name, p.Name, profile.Name = name, name, name
		result, err := render.Nft(policy.Snapshot{
			HostEndpoints: []*v3.HostEndpoint{h}, GlobalNetworkPolicies: []*v3.GlobalNetworkPolicy{p}, Profiles: []*v3.Profile{profile},
		}, node)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := runAlone(t.Context(), &trial{name: name, rules: result.Text}); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}
