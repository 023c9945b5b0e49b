package lint

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// checkTiers looks for policies in tiers that are not there.
func (l *linter) checkTiers() {
	tiers := []string{v3.TierKubeAdmin, v3.TierDefault, v3.TierKubeBaseline}
	for _, t := range l.snapshot.Tiers {
		tiers = append(tiers, t.Name)
	}
	slices.Sort(tiers)
	tiers = slices.Compact(tiers)
	for _, p := range l.policies {
		name := cmp.Or(p.Object.Spec.Tier, v3.TierDefault)
		if slices.Contains(tiers, name) {
			continue
		}
		text := fmt.Sprintf("there is no tier %q", name)
		if near, ok := resources.Nearest(name, tiers); ok {
			text += fmt.Sprintf("; did you mean %q?", near)
		}
		l.find(MissingTier, about(p.Object, specPath.Child("tier")), text,
			Proof{Text: "calicoctl refuses to create the policy; where it is stored, it is asked after all tiers, and what it does not allow is denied", Endpoints: l.selectedBy(p.Object)})
	}
}

// checkTierTies looks for tiers of one order whose names decide about traffic. They are tried out the other way round.
// Tiers without policies decide nothing.
func (l *linter) checkTierTies() {
	asked := map[string]bool{}
	for _, p := range l.policies {
		asked[cmp.Or(p.Object.Spec.Tier, v3.TierDefault)] = true
	}
	var tiers []*v3.Tier
	for _, t := range l.snapshot.Tiers {
		if asked[t.Name] {
			tiers = append(tiers, t)
		}
	}
	slices.SortFunc(tiers, func(a, b *v3.Tier) int {
		return cmp.Or(cmp.Compare(orderValue(a.Spec.Order), orderValue(b.Spec.Order)), cmp.Compare(a.Name, b.Name))
	})
	begin, trials := 0, 0
	for i, second := range tiers {
		if orderValue(tiers[begin].Spec.Order) != orderValue(second.Spec.Order) {
			begin = i
		}
		for k := i - 1; k >= begin && trials < mostTrials; k-- {
			trials++
			if l.tierTie(tiers[begin:k], tiers[k], second) {
				break // Whatever comes before that one, it may be this one that makes the difference.
			}
		}
	}
}

// tierTie tries out a tier just before another of the same order. Those of that order in front stay there.
func (l *linter) tierTie(front []*v3.Tier, first, second *v3.Tier) bool {
	order := before(second.Spec.Order)
	turned := l.snapshot
	turned.Tiers = slices.Clone(turned.Tiers)
	for i, t := range turned.Tiers {
		switch {
		case t == second:
			turned.Tiers[i] = withOrder(t, order)
		case slices.Contains(front, t):
			turned.Tiers[i] = withOrder(t, before(order))
		}
	}
	changes := policy.Diff(l.engine, l.engine.Next(turned))
	if len(changes) == 0 {
		return false
	}
	at := about(first, nil)
	c := changes[0]
	l.find(TieDecides, about(second, specPath.Child("order")), fmt.Sprintf("the tier and Tier(%s) have the same order, and their policies decide otherwise about some traffic: the one whose name comes first decides", first.Name),
		Proof{Text: fmt.Sprintf("comes first, and decides on %s", quoted(slices.Clone(c.Nodes))), At: &at, Traffic: c.Denied.Union(c.Allowed).Union(c.Unknown), Path: c.Path})
	return true
}

func withOrder(t *v3.Tier, order *float64) *v3.Tier {
	t = t.DeepCopy()
	t.Spec.Order = order
	return t
}

// orderValue is an order as a number: none comes last.
func orderValue(order *float64) float64 {
	if order == nil {
		return math.Inf(1)
	}
	return *order
}

// before is an order that comes just before another.
func before(order *float64) *float64 {
	return new(math.Nextafter(math.Min(orderValue(order), math.MaxFloat64), math.Inf(-1)))
}
