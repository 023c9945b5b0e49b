package resources

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

func validateClusterInformation(c *v3.ClusterInformation) field.ErrorList {
	return validateMetadata("ClusterInformation", &c.ObjectMeta, plainNames, "")
}
