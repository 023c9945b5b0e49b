package lint

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// TestProofs tries out what findings claim, on all sets of objects whose verdicts were recorded: a rule that never
// decides can go, a policy that only logs is missed when it goes, and a tie decides otherwise the other way round.
func TestProofs(t *testing.T) {
	files, err := filepath.Glob("../testdata/verdicts/[0-9]*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	tried := map[string]int{}
	for _, file := range files {
		l := newLinter(recorded(t, file))
		before := policy.New(l.snapshot)
		for _, f := range Run(l.in).Findings {
			p, ok := find(l.snapshot.GlobalNetworkPolicies, f.Place.Name)
			if !ok || f.Place.Kind != resources.GlobalNetworkPolicy {
				continue
			}
			same := true
			next := l.snapshot
			next.GlobalNetworkPolicies = slices.Clone(next.GlobalNetworkPolicies)
			i := slices.Index(next.GlobalNetworkPolicies, p)
			switch f.Code.ID {
			case NeverMatches, Shadowed:
				next.GlobalNetworkPolicies[i] = withoutRule(p, f.Place.Path)
			case LogOnly:
				same = false
				next.GlobalNetworkPolicies[i] = without(p, policy.Direction(strings.TrimPrefix(f.Place.Path, "spec.")))
				if len(next.GlobalNetworkPolicies[i].Spec.Types) == 0 {
					next.GlobalNetworkPolicies = slices.Delete(next.GlobalNetworkPolicies, i, i+1)
				}
			case TieDecides:
				same = false
				changed := p.DeepCopy()
				first, _ := find(l.snapshot.GlobalNetworkPolicies, f.Proof[0].At.Name)
				order := orderOf(first) - 1e-9
				if first.Spec.Order == nil {
					order = 1e300
				}
				changed.Spec.Order = &order
				next.GlobalNetworkPolicies[i] = changed
			default:
				continue
			}
			tried[f.Code.ID]++
			if got := len(policy.Diff(before, before.Next(next))) == 0; got != same {
				t.Errorf("%s: %s %s: %s: traffic stays the same: %v", filepath.Base(file), f.Code.ID, f.Place, f.Text, got)
			}
		}
	}
	t.Log(tried)
	for _, id := range []string{NeverMatches, Shadowed, LogOnly, TieDecides} {
		if tried[id] == 0 {
			t.Errorf("nothing was tried for %s", id)
		}
	}
}

// checkProfileRule holds that traffic stays the same without a rule of a profile of which nothing is left, or that matches
// nothing.
func checkProfileRule(t *testing.T, l *linter, before *policy.Engine, f Finding) {
	t.Helper()
	next := l.snapshot
	next.Profiles = slices.Clone(next.Profiles)
	i := slices.IndexFunc(next.Profiles, func(p *v3.Profile) bool { return p.Name == f.Place.Name })
	p := next.Profiles[i].DeepCopy()
	p.Spec.Ingress, p.Spec.Egress = withoutRuleIn(f.Place.Path, p.Spec.Ingress, p.Spec.Egress)
	next.Profiles[i] = p
	if len(policy.Diff(before, before.Next(next))) > 0 {
		t.Errorf("%s %s: %s: traffic does not stay the same", f.Code.ID, f.Place, f.Text)
	}
}

// TestProofPackets asks the engine about one packet of each proof, at the first endpoint that it names.
func TestProofPackets(t *testing.T) {
	files, err := filepath.Glob("../testdata/verdicts/[0-9]*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	want := map[string]policy.Verdict{
		NoProfile: policy.Denied, LogOnly: policy.Denied, DenyOnFailsafe: policy.Allowed, FailsafeOpen: policy.Allowed, MasterClosed: policy.Denied,
	}
	tried := map[string]int{}
	for _, file := range files {
		in := recorded(t, file)
		result := Run(in)
		for _, f := range result.Findings {
			if _, asked := want[f.Code.ID]; !asked || strings.Contains(f.Text, "forwarded") {
				continue
			}
			for _, p := range f.Proof {
				names := p.Endpoints
				if f.Code.ID == NoProfile {
					names = []string{f.Place.Name}
				}
				packet, ok := p.Traffic.Example()
				if !ok {
					continue
				}
				flow := flowAt(in, names[0], p.Path, packet)
				if p.Flow != nil {
					flow = *p.Flow
				}
				trace, err := result.Engine.Judge(flow)
				if err != nil {
					t.Fatal(err)
				}
				tried[f.Code.ID]++
				if trace.Verdict != want[f.Code.ID] {
					t.Errorf("%s: %s %s: %s: %+v is %s, because of %+v", filepath.Base(file), f.Code.ID, f.Place, p.Text, flow, trace.Verdict, trace.Decision)
				}
			}
		}
	}
	t.Log(tried)
	for id := range want {
		if tried[id] == 0 {
			t.Errorf("nothing was tried for %s", id)
		}
	}
}

// flowAt is a packet at an endpoint.
func flowAt(in Input, endpoint string, path policy.Path, p policy.Packet) policy.Flow {
	f := policy.Flow{Path: path, From: p.From, To: p.To, Protocol: v3.Protocol{Num: p.Protocol}}
	if f.Protocol.HasPorts() {
		f.Port, f.SourcePort = &p.Port, &p.SourcePort
	}
	if p.Protocol == 1 && p.From.Is4() || p.Protocol == 58 && p.From.Is6() {
		f.ICMPType, f.ICMPCode = &p.ICMPType, &p.ICMPCode
	}
	for _, s := range in.Sources {
		if h, ok := s.Object.(*v3.HostEndpoint); ok && h.Name == endpoint {
			f.Node = h.Spec.Node
			if path == policy.Output {
				f.Out = h.Spec.InterfaceName
			} else {
				f.In = h.Spec.InterfaceName
			}
		}
	}
	return f
}

func find(list []*v3.GlobalNetworkPolicy, name string) (*v3.GlobalNetworkPolicy, bool) {
	i := slices.IndexFunc(list, func(p *v3.GlobalNetworkPolicy) bool { return p.Name == name })
	if i < 0 {
		return nil, false
	}
	return list[i], true
}

// withoutRule is a policy without the rule, or the list of rules, that a path names.
func withoutRule(p *v3.GlobalNetworkPolicy, path string) *v3.GlobalNetworkPolicy {
	p = p.DeepCopy()
	p.Spec.Ingress, p.Spec.Egress = withoutRuleIn(path, p.Spec.Ingress, p.Spec.Egress)
	return p
}

func withoutRuleIn(path string, ingress, egress []v3.Rule) (in, out []v3.Rule) {
	rules := &ingress
	if strings.HasPrefix(path, "spec.egress") {
		rules = &egress
	}
	_, rest, ok := strings.Cut(path, "[")
	if !ok {
		*rules = nil
		return ingress, egress
	}
	i, _ := strconv.Atoi(strings.TrimSuffix(rest, "]"))
	*rules = slices.Delete(*rules, i, i+1)
	return ingress, egress
}

// recorded is a recorded set as input.
func recorded(t *testing.T, file string) Input {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Objects []json.RawMessage }
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatal(err)
	}
	var in Input
	for _, raw := range set.Objects {
		var head struct{ Kind string }
		if err := json.Unmarshal(raw, &head); err != nil {
			t.Fatal(err)
		}
		kind, ok := resources.ByName(head.Kind)
		if !ok { // such as namespaced policies
			continue
		}
		o := kind.New()
		if err := json.Unmarshal(raw, o); err != nil {
			t.Fatal(err)
		}
		in.Sources = append(in.Sources, Source{Object: o})
	}
	return in
}
