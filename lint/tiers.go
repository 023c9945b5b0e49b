package lint

import (
	"cmp"
	"fmt"
	"slices"

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
