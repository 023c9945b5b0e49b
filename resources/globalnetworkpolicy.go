package resources

import (
	"maps"
	"strconv"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// GlobalNetworkPolicy is the kind of cluster-wide policies.
var GlobalNetworkPolicy = define(Spec[*v3.GlobalNetworkPolicy]{
	Kind: "GlobalNetworkPolicy", Plural: "globalnetworkpolicies",
	Aliases: []string{"globalnetworkpolicy", "globalnetworkpolicies", "gnp", "gnps"},
	Columns: []Column[*v3.GlobalNetworkPolicy]{
		{Header: "NAME", Cell: func(p *v3.GlobalNetworkPolicy) string { return p.Name }},
		{Header: "TIER", Cell: func(p *v3.GlobalNetworkPolicy) string { return p.Spec.Tier }},
		{Header: "ORDER", Wide: true, Cell: func(p *v3.GlobalNetworkPolicy) string { return orderCell(p.Spec.Order) }},
		{Header: "SELECTOR", Wide: true, Cell: func(p *v3.GlobalNetworkPolicy) string { return p.Spec.Selector }},
	},
	New: newOf[v3.GlobalNetworkPolicy],
	Default: func(p *v3.GlobalNetworkPolicy) {
		defaultPolicySpec(&p.Spec)
		p.Labels = withTierLabel(p.Labels, p.Spec.Tier)
	},
	Validate: validateGlobalNetworkPolicy,
	Needs: Link[*v3.GlobalNetworkPolicy]{
		Kind: "Tier", Name: func(p *v3.GlobalNetworkPolicy) string { return p.Spec.Tier },
	},
})

func defaultPolicySpec(s *v3.GlobalNetworkPolicySpec) {
	if s.Tier == "" {
		s.Tier = v3.TierDefault
	}
	if len(s.Types) > 0 {
		return
	}
	switch {
	case len(s.Egress) == 0:
		s.Types = []v3.PolicyType{v3.PolicyTypeIngress}
	case len(s.Ingress) == 0:
		s.Types = []v3.PolicyType{v3.PolicyTypeEgress}
	default:
		s.Types = []v3.PolicyType{v3.PolicyTypeIngress, v3.PolicyTypeEgress}
	}
}

// withTierLabel leaves the map that it is given alone, since callers may share it.
func withTierLabel(labels map[string]string, tier string) map[string]string {
	if labels[v3.LabelTier] == tier {
		return labels
	}
	out := maps.Clone(labels)
	if out == nil {
		out = map[string]string{}
	}
	out[v3.LabelTier] = tier
	return out
}

func orderCell(order *float64) string {
	if order == nil {
		return "<none>"
	}
	return strconv.FormatFloat(*order, 'f', -1, 64)
}
