package policy_test

import (
	"maps"
	"net/netip"
	"slices"
	"sort"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/selector"
)

// naive judges one packet at a time, slowly and by the letter: it looks at every object
// again for each rule. It shares nothing with the engine.
type naive struct{ policy.Snapshot }

// fate is what may become of a packet: more than one thing where it cannot be known.
type fate uint8

const (
	lives fate = 1 << iota
	dies
)

func (f fate) verdict() policy.Verdict {
	switch f {
	case lives:
		return policy.Allowed
	case dies:
		return policy.Denied
	}
	return policy.Unknown
}

// fully is a flow of which everything is given, but DNAT.
func (w naive) judge(f policy.Flow) policy.Verdict {
	after := f
	if f.DNATTo.IsValid() {
		after.To = f.DNATTo
	}
	if f.DNATPort != nil {
		after.Port = f.DNATPort
	}
	switch f.Path {
	case policy.Input, policy.DNATLocal:
		return w.input(f, after, f.In).verdict()
	case policy.Output:
		return w.output(f, f.Out).verdict()
	case policy.Local:
		return both(w.output(f, "lo"), func() fate { return w.input(f, after, "lo") }).verdict()
	}
	return w.forward(f, after).verdict()
}

func both(first fate, second func() fate) fate {
	if first&lives == 0 {
		return first
	}
	return first&dies | second()
}

func live() fate { return lives }
func die() fate  { return dies }

func (w naive) input(f, after policy.Flow, iface string) fate {
	hep := w.governs(f.Node, iface)
	if hep == nil {
		return lives
	}
	if w.broken(hep) {
		return lives | dies
	}
	return w.early(hep, "untracked", "Ingress", f, live, func() fate {
		return w.early(hep, "preDNAT", "Ingress", f, live, func() fate {
			return w.normal(hep, "Ingress", after)
		})
	})
}

func (w naive) output(f policy.Flow, iface string) fate {
	hep := w.governs(f.Node, iface)
	if hep == nil {
		return lives
	}
	if w.broken(hep) {
		return lives | dies
	}
	return w.early(hep, "untracked", "Egress", f, live, func() fate {
		return w.normal(hep, "Egress", f)
	})
}

func (w naive) forward(f, after policy.Flow) fate {
	egress := func() fate {
		hep := w.governs(f.Node, f.Out)
		if hep == nil {
			return lives
		}
		if w.broken(hep) {
			return lives | dies
		}
		return w.tiers(w.selecting(hep, "forward", "Egress"), "Egress", after, false, live, live)
	}
	hep := w.governs(f.Node, f.In)
	if hep == nil {
		return egress()
	}
	if w.broken(hep) {
		return both(lives|dies, egress)
	}
	return w.early(hep, "untracked", "Ingress", f, live, func() fate {
		return w.early(hep, "preDNAT", "Ingress", f, egress, func() fate {
			return w.tiers(w.selecting(hep, "forward", "Ingress"), "Ingress", after, false, egress, egress)
		})
	})
}

// early is the doNotTrack or the preDNAT stage.
func (w naive) early(hep *v3.HostEndpoint, stage, dir string, f policy.Flow, allowed, rest func() fate) fate {
	policies := w.selecting(hep, stage, dir)
	if len(policies) == 0 || w.failsafe(hep, dir, f) {
		return rest()
	}
	return w.tiers(policies, dir, f, true, allowed, rest)
}

func (w naive) normal(hep *v3.HostEndpoint, dir string, f policy.Flow) fate {
	if w.failsafe(hep, dir, f) {
		return lives
	}
	return w.tiers(w.selecting(hep, "normal", dir), dir, f, false, live, func() fate {
		return w.profiles(hep.Spec.Profiles, dir, f)
	})
}

func (w naive) profiles(names []string, dir string, f policy.Flow) fate {
	if len(names) == 0 {
		return dies
	}
	rest := func() fate { return w.profiles(names[1:], dir, f) }
	var rules []v3.Rule
	if names[0] == "projectcalico-default-allow" {
		rules = []v3.Rule{{Action: "Allow"}}
	}
	for _, p := range w.Profiles {
		if p.Name == names[0] {
			rules = p.Spec.Ingress
			if dir == "Egress" {
				rules = p.Spec.Egress
			}
		}
	}
	return w.rules(rules, f, live, rest, rest)
}

// tiers goes through policies that are in order, tier by tier.
func (w naive) tiers(policies []*v3.GlobalNetworkPolicy, dir string, f policy.Flow, early bool, allowed, after func() fate) fate {
	if len(policies) == 0 {
		return after()
	}
	name := tierOf(policies[0])
	var rules []v3.Rule
	n := 0
	for ; n < len(policies) && tierOf(policies[n]) == name; n++ {
		if dir == "Ingress" {
			rules = append(rules, policies[n].Spec.Ingress...)
		} else {
			rules = append(rules, policies[n].Spec.Egress...)
		}
	}
	nextTier := func() fate { return w.tiers(policies[n:], dir, f, early, allowed, after) }
	end := die
	if early || w.passes(name) {
		end = nextTier
	}
	return w.rules(rules, f, allowed, nextTier, end)
}

func (w naive) rules(list []v3.Rule, f policy.Flow, allowed, passed, end func() fate) fate {
	if len(list) == 0 {
		return end()
	}
	rest := func() fate { return w.rules(list[1:], f, allowed, passed, end) }
	yes, no := w.matches(&list[0], f)
	var out fate
	if yes {
		switch list[0].Action {
		case "Allow":
			out |= allowed()
		case "Deny":
			out |= dies
		case "Pass":
			out |= passed()
		case "Log":
			out |= rest()
		}
	}
	if no {
		out |= rest()
	}
	return out
}

func tierOf(p *v3.GlobalNetworkPolicy) string {
	if p.Spec.Tier == "" {
		return "default"
	}
	return p.Spec.Tier
}

// tier finds order and default action; a tier that is not there comes last and denies.
func (w naive) tier(name string) (missing bool, order *float64, passes bool) {
	for _, t := range w.Tiers {
		if t.Name == name {
			return false, t.Spec.Order, t.Spec.DefaultAction != nil && *t.Spec.DefaultAction == "Pass"
		}
	}
	builtin := map[string]float64{"kube-admin": 1000, "default": 1000000, "kube-baseline": 10000000}
	if o, ok := builtin[name]; ok {
		return false, &o, name != "default"
	}
	return true, nil, false
}

func (w naive) passes(name string) bool {
	_, _, passes := w.tier(name)
	return passes
}

func lessOrder(a, b *float64) (less, equal bool) {
	switch {
	case a == nil || b == nil:
		return a != nil && b == nil, a == nil && b == nil
	}
	return *a < *b, *a == *b
}

// selecting is the policies of a stage that apply to an endpoint, in order.
func (w naive) selecting(hep *v3.HostEndpoint, stage, dir string) []*v3.GlobalNetworkPolicy {
	var out []*v3.GlobalNetworkPolicy
	for _, p := range w.GlobalNetworkPolicies {
		s := p.Spec
		belongs := map[string]bool{
			"untracked": s.DoNotTrack && hep.Spec.InterfaceName != "*",
			"preDNAT":   s.PreDNAT,
			"normal":    !s.DoNotTrack && !s.PreDNAT,
			"forward":   !s.DoNotTrack && !s.PreDNAT && s.ApplyOnForward,
		}
		if belongs[stage] && governs(s, dir) && s.NamespaceSelector == "" && s.ServiceAccountSelector == "" &&
			evaluate(s.Selector, w.labels(hep.Labels, hep.Spec.Profiles)) {
			out = append(out, p)
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return w.before(out[i], out[j]) })
	return out
}

func (w naive) before(a, b *v3.GlobalNetworkPolicy) bool {
	missingA, orderA, _ := w.tier(tierOf(a))
	missingB, orderB, _ := w.tier(tierOf(b))
	if missingA != missingB {
		return missingB
	}
	if less, equal := lessOrder(orderA, orderB); !equal {
		return less
	}
	if tierOf(a) != tierOf(b) {
		return tierOf(a) < tierOf(b)
	}
	if less, equal := lessOrder(a.Spec.Order, b.Spec.Order); !equal {
		return less
	}
	return a.Name+"/" < b.Name+"/"
}

func governs(s v3.GlobalNetworkPolicySpec, dir string) bool {
	types := s.Types
	if len(types) == 0 {
		switch {
		case len(s.Egress) == 0:
			types = []v3.PolicyType{"Ingress"}
		case len(s.Ingress) == 0:
			types = []v3.PolicyType{"Egress"}
		default:
			types = []v3.PolicyType{"Ingress", "Egress"}
		}
	}
	return slices.Contains(types, v3.PolicyType(dir))
}

func evaluate(expr string, labels map[string]string) bool {
	parsed, err := selector.Parse(expr)
	if err != nil {
		panic(err)
	}
	return parsed.Matches(labels)
}

// labels are those of an object and what it inherits.
func (w naive) labels(own map[string]string, profiles []string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, own)
	for _, name := range profiles {
		for _, p := range w.Profiles {
			if p.Name != name {
				continue
			}
			for k, v := range p.Spec.LabelsToApply {
				if _, has := out[k]; !has {
					out[k] = v
				}
			}
		}
	}
	return out
}

// governs finds the endpoint of an interface.
func (w naive) governs(node, iface string) *v3.HostEndpoint {
	var on []netip.Addr
	for _, n := range w.Nodes {
		for _, i := range n.Spec.Interfaces {
			if n.Name == node && i.Name == iface {
				for _, a := range i.Addresses {
					on = append(on, netip.MustParseAddr(a))
				}
			}
		}
	}
	if iface == "lo" {
		on = append(on, netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1"))
	}
	var named, wildcard *v3.HostEndpoint
	for _, h := range w.HostEndpoints {
		if h.Spec.Node != node {
			continue
		}
		fits := h.Spec.InterfaceName == iface
		for _, ip := range h.Spec.ExpectedIPs {
			fits = fits || h.Spec.InterfaceName == "" && slices.Contains(on, netip.MustParseAddr(ip))
		}
		if fits && (named == nil || h.Name < named.Name) {
			named = h
		}
		if h.Spec.InterfaceName == "*" && (wildcard == nil || h.Name < wildcard.Name) {
			wildcard = h
		}
	}
	if named != nil {
		return named
	}
	return wildcard
}
