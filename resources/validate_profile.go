package resources

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

func validateProfile(p *v3.Profile) field.ErrorList {
	errs := validateMetadata("Profile", &p.ObjectMeta, plainNames, "")
	errs = append(errs, validateRules(specPath, ingress, p.Spec.Ingress)...)
	errs = append(errs, validateRules(specPath, egress, p.Spec.Egress)...)
	return append(errs, validateLabels(specPath, "labelsToApply", p.Spec.LabelsToApply, "")...)
}
