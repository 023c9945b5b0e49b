package policy_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// inspected has a policy in two tiers, one at another stage, and a node with failsafe ports of its own.
func inspected() policy.Snapshot {
	host := func(name, role, address string) *v3.HostEndpoint {
		h := &v3.HostEndpoint{Spec: v3.HostEndpointSpec{Node: name, InterfaceName: "eth0", Profiles: []string{v3.ProfileDefaultAllow}}}
		h.Name, h.Labels = name, map[string]string{"role": role}
		if address != "" {
			h.Spec.ExpectedIPs = []string{address}
		}
		return h
	}
	gnp := func(name, selector, tier string, change func(*v3.GlobalNetworkPolicySpec)) *v3.GlobalNetworkPolicy {
		p := &v3.GlobalNetworkPolicy{Spec: v3.GlobalNetworkPolicySpec{Selector: selector, Tier: tier, Types: []v3.PolicyType{v3.PolicyTypeIngress}}}
		p.Name = name
		change(&p.Spec)
		return p
	}
	tcp := v3.Protocol{Name: v3.ProtocolTCP}
	felix := &v3.FelixConfiguration{Spec: v3.FelixConfigurationSpec{FailsafeInboundHostPorts: &[]v3.ProtoPort{
		{Protocol: "UDP", Port: 7}, {Protocol: "SCTP", Port: 8},
	}}}
	felix.Name = "node.b"
	return policy.Snapshot{
		HostEndpoints: []*v3.HostEndpoint{host("a", "web", "10.0.0.1"), host("b", "db", "")},
		GlobalNetworkPolicies: []*v3.GlobalNetworkPolicy{
			gnp("last", "has(role)", "", func(s *v3.GlobalNetworkPolicySpec) {
				s.ApplyOnForward = true
				s.Ingress = []v3.Rule{{
					Action: v3.Allow, Protocol: &tcp, Source: v3.EntityRule{Selector: "role == 'web'"},
					HTTP: &v3.HTTPMatch{Methods: []string{"GET"}},
				}}
			}),
			gnp("first", "role == 'web'", v3.TierKubeAdmin, func(*v3.GlobalNetworkPolicySpec) {}),
			gnp("early", "role == 'web'", "", func(s *v3.GlobalNetworkPolicySpec) { s.DoNotTrack, s.ApplyOnForward = true, true }),
		},
		FelixConfigurations: []*v3.FelixConfiguration{felix},
	}
}

func TestPolicies(t *testing.T) {
	engine := policy.New(inspected())
	type place struct {
		name    string
		stage   policy.StageName
		forward bool
	}
	var got []place
	for _, p := range engine.Policies() {
		got = append(got, place{p.Object.Name, p.Stage, p.Forward})
		if !p.Governs(policy.Ingress) || p.Governs(policy.Egress) {
			t.Errorf("%s governs egress, or not ingress", p.Object.Name)
		}
	}
	want := []place{{"first", policy.StageNormal, false}, {"early", policy.StageDoNotTrack, false}, {"last", policy.StageNormal, true}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(place{})); diff != "" {
		t.Error(diff)
	}
}

func TestRulesOfPolicy(t *testing.T) {
	engine := policy.New(inspected())
	p := engine.Policies()[2]
	rules := p.Rules(policy.Ingress)
	if len(rules) != 1 || len(p.Rules(policy.Egress)) != 0 {
		t.Fatal(rules)
	}
	r := rules[0]
	if want := (policy.RuleRef{Object: p.Object, Direction: policy.Ingress, Action: v3.Allow}); r.RuleRef != want {
		t.Errorf("the rule is %+v", r.RuleRef)
	}
	upper := engine.Space().Set(policy.Box{Protocols: []policy.Range{{First: 6, Last: 6}}, Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}})
	if !r.Sure.Empty() || !r.Upper.Equal(upper) {
		t.Errorf("it matches %v for certain, and perhaps %v", r.Sure.Boxes(), r.Upper.Boxes())
	}
	var fields []string
	for _, c := range r.Criteria {
		fields = append(fields, c.Field)
	}
	if diff := cmp.Diff([]string{"protocol", "source.selector", "http"}, fields); diff != "" {
		t.Error(diff)
	}
	written := p.Object.Spec.Ingress[0].DeepCopy()
	written.HTTP = nil
	if m := engine.Match(written); !m.Sure.Equal(upper) || !m.Upper.Equal(upper) {
		t.Errorf("without HTTP it matches %v", m.Sure.Boxes())
	}
}

func TestFailsafesOfNode(t *testing.T) {
	s := inspected()
	engine := policy.New(s)
	if got := engine.Failsafes("a", policy.Ingress); len(got) != 9 || got[0].Object != nil {
		t.Errorf("node a has %d failsafe ports", len(got))
	}
	got := engine.Failsafes("b", policy.Ingress)
	want := engine.Space().Set(policy.Box{Protocols: []policy.Range{{First: 17, Last: 17}}, Ports: []policy.Range{{First: 7, Last: 7}}})
	if len(got) != 1 || got[0].Object != s.FelixConfigurations[0] || !got[0].Sure.Equal(want) {
		t.Errorf("node b has %+v", got)
	}
}

func TestDoubtOfRuns(t *testing.T) {
	h := &v3.HostEndpoint{Spec: v3.HostEndpointSpec{Node: "a", InterfaceName: "*"}}
	h.Name, h.Labels = "a", map[string]string{"role": "x"}
	sure, unsure := &v3.GlobalNetworkPolicy{}, &v3.GlobalNetworkPolicy{Spec: v3.GlobalNetworkPolicySpec{Selector: "role =="}}
	sure.Name, unsure.Name = "sure", "unsure"
	for _, p := range []*v3.GlobalNetworkPolicy{sure, unsure} {
		p.Spec.Types = []v3.PolicyType{v3.PolicyTypeIngress}
	}
	engine := policy.New(policy.Snapshot{HostEndpoints: []*v3.HostEndpoint{h}, GlobalNetworkPolicies: []*v3.GlobalNetworkPolicy{sure, unsure}})
	plan, err := engine.Plan("a")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range plan.Rest.Runs(policy.StageNormal, policy.Ingress) {
		for _, p := range r.Policies {
			got[p.Object.Name] = p.Doubt
		}
	}
	if diff := cmp.Diff(map[string]string{"sure": "", "unsure": "the selector of the policy cannot be read"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestRunsOfClass(t *testing.T) {
	engine := policy.New(inspected())
	type run struct {
		Tier   string
		Denies bool
		Names  []string
	}
	got := map[string][]run{}
	for _, c := range engine.Classes() {
		name := "open"
		if !c.Open() {
			name = c.Endpoints[0].Name
		}
		for _, s := range []policy.StageName{policy.StageDoNotTrack, policy.StagePreDNAT, policy.StageNormal, policy.StageForward} {
			for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
				for _, r := range c.Runs(s, d) {
					own := run{Tier: r.Tier, Denies: r.Denies}
					for _, p := range r.Policies {
						own.Names = append(own.Names, p.Object.Name)
					}
					key := name + " " + string(s) + " " + string(d)
					got[key] = append(got[key], own)
				}
			}
		}
	}
	want := map[string][]run{
		"a doNotTrack ingress": {{"default", false, []string{"early"}}},
		"a normal ingress":     {{v3.TierKubeAdmin, false, []string{"first"}}, {"default", true, []string{"last"}}},
		"a forward ingress":    {{"default", true, []string{"last"}}},
		"b normal ingress":     {{"default", true, []string{"last"}}},
		"b forward ingress":    {{"default", true, []string{"last"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMembers(t *testing.T) {
	s := inspected()
	s.GlobalNetworkSets = []*v3.GlobalNetworkSet{{Spec: v3.GlobalNetworkSetSpec{Nets: []string{"192.0.2.0/24"}}}}
	s.GlobalNetworkSets[0].Name, s.GlobalNetworkSets[0].Labels = "office", map[string]string{"place": "office"}
	engine := policy.New(s)
	office := policy.Member{Labels: map[string]string{"place": "office"}, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	a := policy.Member{Labels: map[string]string{"role": "web"}, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}, Endpoint: s.HostEndpoints[0]}
	b := policy.Member{Labels: map[string]string{"role": "db"}, Endpoint: s.HostEndpoints[1]}
	same := cmp.Comparer(func(x, y netip.Prefix) bool { return x == y })
	if diff := cmp.Diff([]policy.Member{a, b, office}, engine.Members(), same); diff != "" {
		t.Error(diff)
	}
	got, ok := engine.Matching("role != 'web'")
	if diff := cmp.Diff([]policy.Member{b, office}, got, same); !ok || diff != "" {
		t.Error(ok, diff)
	}
	if _, ok := engine.Matching("role ="); ok {
		t.Error("a selector that cannot be read selects")
	}
}
