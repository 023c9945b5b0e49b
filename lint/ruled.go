package lint

import (
	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// ruled is what has rules: a policy, or a profile.
type ruled struct {
	object resources.Object
	raw    map[policy.Direction][]v3.Rule
	// governs tells whether the rules of a direction are ever asked.
	governs func(policy.Direction) bool
	// rules are those of a direction, compiled.
	rules func(policy.Direction) []policy.RuleMatch
	// endpoints are the names of those whose packets the rules are asked about.
	endpoints func() []string
}

// allRuled are all policies, in the order of evaluation, and then all profiles.
func (l *linter) allRuled() []ruled {
	list := make([]ruled, 0, len(l.policies)+len(l.snapshot.Profiles))
	for _, p := range l.policies {
		list = append(list, ruled{
			object:    p.Object,
			raw:       bothWays(p.Object.Spec.Ingress, p.Object.Spec.Egress),
			governs:   p.Governs,
			rules:     func(d policy.Direction) []policy.RuleMatch { return l.rulesOf(p, d) },
			endpoints: func() []string { return l.selectedBy(p.Object) },
		})
	}
	having := map[string][]string{}
	for _, h := range l.snapshot.HostEndpoints {
		for _, name := range h.Spec.Profiles {
			having[name] = append(having[name], h.Name)
		}
	}
	for _, p := range l.snapshot.Profiles {
		list = append(list, ruled{
			object:    p,
			raw:       bothWays(p.Spec.Ingress, p.Spec.Egress),
			governs:   func(policy.Direction) bool { return true },
			rules:     func(d policy.Direction) []policy.RuleMatch { return l.profileRules(p.Name, d) },
			endpoints: func() []string { return having[p.Name] },
		})
	}
	return list
}

func bothWays(ingress, egress []v3.Rule) map[policy.Direction][]v3.Rule {
	return map[policy.Direction][]v3.Rule{policy.Ingress: ingress, policy.Egress: egress}
}

// profileRules are the rules of a profile, compiled; none if there is no such profile.
func (l *linter) profileRules(name string, d policy.Direction) []policy.RuleMatch {
	key := ruleList{name, d}
	list, ok := l.profiled[key]
	if !ok {
		list = l.engine.ProfileRules(name, d)
		l.profiled[key] = list
	}
	return list
}
