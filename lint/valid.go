package lint

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// invalidObject is an object that breaks rules of its kind.
type invalidObject struct {
	object resources.Object
	stored bool
	errs   field.ErrorList
}

// checkValid reports what Calico does not take.
func (l *linter) checkValid() {
	for _, u := range l.in.Unreadable {
		if u.Partly {
			l.find(Invalid, Place{Key: u.Key}, "a part of the stored object cannot be understood, so it is left out", Proof{Text: u.Why})
			continue
		}
		l.find(Invalid, Place{Key: u.Key}, "the stored object cannot be understood, so Calico leaves it out", Proof{Text: u.Why})
	}
	for _, i := range l.invalid {
		consequence := "calicoctl refuses the object; if something else stores it, Calico drops it"
		if i.stored {
			consequence = "the object is stored all the same, and Calico drops it as if it were not there"
		}
		for _, e := range i.errs {
			at := about(i.object, nil)
			at.Path = e.Field
			if at.Path == specPath.Child("applyOnForward").String() {
				l.find(NoApplyOnForward, at, fmt.Sprintf("the policy is %s and not applyOnForward", stageOf(i.object)),
					Proof{Text: consequence + ": " + e.Detail})
				continue
			}
			l.find(Invalid, at, e.Detail, Proof{Text: consequence})
		}
	}
}

func stageOf(o resources.Object) policy.StageName {
	if p, ok := o.(*v3.GlobalNetworkPolicy); ok && p.Spec.DoNotTrack {
		return policy.StageDoNotTrack
	}
	return policy.StagePreDNAT
}

// checkTypes looks at policies that say nothing about their types. Of those that are asked early, none that has no rule
// for a direction does anything there.
func (l *linter) checkTypes() {
	for _, p := range l.policies {
		stored, untyped := l.untyped[p.Object.Name]
		early := p.Stage == policy.StagePreDNAT || p.Stage == policy.StageDoNotTrack
		if !untyped || early || len(p.Object.Spec.Ingress) > 0 && len(p.Object.Spec.Egress) > 0 {
			continue
		}
		calicoctl, other := policy.Ingress, policy.Egress
		if len(p.Object.Spec.Egress) > 0 {
			calicoctl, other = other, calicoctl
		}
		proof := Proof{Text: fmt.Sprintf("about %s as well, and without a rule for it", other), Endpoints: l.selectedBy(p.Object)}
		at := about(p.Object, specPath)
		if stored {
			l.find(TypesDiffer, at, fmt.Sprintf("the policy is stored without types: agents take it to be about ingress and egress; calicoctl would have stored %s alone", calicoctl), proof)
			continue
		}
		proof.Text = "if kubectl stores it: " + proof.Text
		l.find(TypesDiffer, at, fmt.Sprintf("the policy has no types: calicoctl stores %s, kubectl stores none, and agents take that for both", calicoctl), proof)
		l.mildly(Hint)
	}
}
