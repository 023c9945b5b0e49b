package resources

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

func validateGlobalNetworkSet(s *v3.GlobalNetworkSet) field.ErrorList {
	errs := validateMetadata("GlobalNetworkSet", &s.ObjectMeta, plainNames, "")
	return append(errs, validateSet(specPath, "nets", s.Spec.Nets, 0, checkAddressOrNetwork)...)
}
