package resources

import v3 "github.com/edfb3db0/calicoctl/resources/v3"

// StagedGlobalNetworkPolicy is the kind of policies that wait to be committed.
var StagedGlobalNetworkPolicy = define(Spec[*v3.StagedGlobalNetworkPolicy]{
	Kind: "StagedGlobalNetworkPolicy", Plural: "stagedglobalnetworkpolicies",
	Aliases: []string{"stagedglobalnetworkpolicy", "stagedglobalnetworkpolicies", "sgnp", "sgnps"},
	Columns: []Column[*v3.StagedGlobalNetworkPolicy]{
		{Header: "NAME", Cell: func(p *v3.StagedGlobalNetworkPolicy) string { return p.Name }},
		{Header: "TIER", Cell: func(p *v3.StagedGlobalNetworkPolicy) string { return p.Spec.Tier }},
		{Header: "ORDER", Wide: true, Cell: func(p *v3.StagedGlobalNetworkPolicy) string { return orderCell(p.Spec.Order) }},
		{Header: "SELECTOR", Wide: true, Cell: func(p *v3.StagedGlobalNetworkPolicy) string { return p.Spec.Selector }},
	},
	New: newOf[v3.StagedGlobalNetworkPolicy],
	Default: func(p *v3.StagedGlobalNetworkPolicy) {
		if p.Spec.StagedAction == "" {
			p.Spec.StagedAction = v3.StagedActionSet
		}
		defaultPolicySpec(&p.Spec.GlobalNetworkPolicySpec)
		p.Labels = withTierLabel(p.Labels, p.Spec.Tier)
	},
	Validate: validateStagedGlobalNetworkPolicy,
	Needs: Link[*v3.StagedGlobalNetworkPolicy]{
		Kind: "Tier", Name: func(p *v3.StagedGlobalNetworkPolicy) string { return p.Spec.Tier },
	},
})
