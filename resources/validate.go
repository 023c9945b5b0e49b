package resources

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

func defaultFelixConfiguration(*v3.FelixConfiguration)                                {}
func validateHostEndpoint(*v3.HostEndpoint) field.ErrorList                           { return nil }
func validateGlobalNetworkPolicy(*v3.GlobalNetworkPolicy) field.ErrorList             { return nil }
func validateStagedGlobalNetworkPolicy(*v3.StagedGlobalNetworkPolicy) field.ErrorList { return nil }
func validateTier(*v3.Tier) field.ErrorList                                           { return nil }
func validateProfile(*v3.Profile) field.ErrorList                                     { return nil }
func validateGlobalNetworkSet(*v3.GlobalNetworkSet) field.ErrorList                   { return nil }
func validateClusterInformation(*v3.ClusterInformation) field.ErrorList               { return nil }
func validateFelixConfiguration(*v3.FelixConfiguration) field.ErrorList               { return nil }
func validateNode(*v3.Node) field.ErrorList                                           { return nil }
func validateKubeControllersConfiguration(*v3.KubeControllersConfiguration) field.ErrorList {
	return nil
}
