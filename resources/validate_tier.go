package resources

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

func validateTier(t *v3.Tier) field.ErrorList {
	errs := validateMetadata("Tier", &t.ObjectMeta, tierNames, "")
	if action := t.Spec.DefaultAction; action != nil && *action != v3.Pass && *action != v3.Deny {
		errs = append(errs, unsupported(specPath.Child("defaultAction"), *action, v3.Pass, v3.Deny))
	}
	switch t.Name {
	case v3.TierDefault:
		errs = append(errs, validateBuiltinTier(t, OrderTierDefault, v3.Deny)...)
	case v3.TierKubeAdmin:
		errs = append(errs, validateBuiltinTier(t, OrderTierKubeAdmin, v3.Pass)...)
	case v3.TierKubeBaseline:
		errs = append(errs, validateBuiltinTier(t, OrderTierKubeBaseline, v3.Pass)...)
	}
	return errs
}

// validateBuiltinTier checks that a tier on whose place others rely is where it belongs.
func validateBuiltinTier(t *v3.Tier, order int, action v3.Action) field.ErrorList {
	var errs field.ErrorList
	if o := t.Spec.Order; o == nil || *o != float64(order) {
		errs = append(errs, field.Invalid(specPath.Child("order"), o, fmt.Sprintf("%s tier order must be %d", t.Name, order)))
	}
	if a := t.Spec.DefaultAction; a == nil || *a != action && (*a == v3.Pass || *a == v3.Deny) {
		errs = append(errs, field.Invalid(specPath.Child("defaultAction"), a,
			fmt.Sprintf("The '%s' tier must have default action '%s'", t.Name, action)))
	}
	return errs
}
