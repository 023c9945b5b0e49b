package resources

import (
	"cmp"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Orders of the tiers that every datastore has.
const (
	OrderTierKubeAdmin    = 1_000
	OrderTierDefault      = 1_000_000
	OrderTierKubeBaseline = 10_000_000
)

// Tier is the kind of tiers.
var Tier = define(Spec[*v3.Tier]{
	Kind: "Tier", Plural: "tiers",
	Aliases: []string{"tier", "tiers"},
	Columns: []Column[*v3.Tier]{
		{Header: "NAME", Cell: func(t *v3.Tier) string { return t.Name }},
		{Header: "ORDER", Cell: func(t *v3.Tier) string { return orderCell(t.Spec.Order) }},
	},
	New:       newOf[v3.Tier],
	Default:   defaultTier,
	Validate:  validateTier,
	Compare:   compareTiers,
	Permanent: []string{v3.TierDefault, v3.TierKubeAdmin, v3.TierKubeBaseline},
})

func defaultTier(t *v3.Tier) {
	if t.Spec.Order == nil && t.Name != v3.TierDefault { // whose order must be written out
		order := float64(OrderTierDefault)
		t.Spec.Order = &order
	}
	if t.Spec.DefaultAction == nil {
		action := v3.Deny
		t.Spec.DefaultAction = &action
	}
}

func compareTiers(a, b *v3.Tier) int {
	switch {
	case a.Spec.Order == nil && b.Spec.Order != nil:
		return 1
	case a.Spec.Order != nil && b.Spec.Order == nil:
		return -1
	case a.Spec.Order != nil:
		if c := cmp.Compare(*a.Spec.Order, *b.Spec.Order); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.Name, b.Name)
}
