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
func (l *linter) checkTierTies() {
	tiers := slices.SortedFunc(slices.Values(l.snapshot.Tiers), func(a, b *v3.Tier) int {
		return cmp.Or(cmp.Compare(orderValue(a.Spec.Order), orderValue(b.Spec.Order)), cmp.Compare(a.Name, b.Name))
	})
	for i, trials := 1, 0; i < len(tiers) && trials < mostTrials; i++ {
		first, second := tiers[i-1], tiers[i]
		if orderValue(first.Spec.Order) != orderValue(second.Spec.Order) {
			continue
		}
		trials++
		turned := l.snapshot
		changed := second.DeepCopy()
		changed.Spec.Order = before(second.Spec.Order)
		turned.Tiers = slices.Clone(turned.Tiers)
		turned.Tiers[slices.Index(turned.Tiers, second)] = changed
		changes := policy.Diff(l.engine, l.engine.Next(turned))
		if len(changes) == 0 {
			continue
		}
		at := about(first, nil)
		c := changes[0]
		l.find(TieDecides, about(second, specPath.Child("order")), fmt.Sprintf("the tier and Tier(%s) have the same order, and their policies decide otherwise about some traffic: the one whose name comes first decides", first.Name),
			Proof{Text: fmt.Sprintf("comes first, and decides on %s", quoted(slices.Clone(c.Nodes))), At: &at, Traffic: c.Denied.Union(c.Allowed).Union(c.Unknown), Path: c.Path})
	}
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
