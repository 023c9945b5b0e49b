package resources

import (
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// ClusterInformation is the kind of the object that describes the cluster.
var ClusterInformation = define(Spec[*v3.ClusterInformation]{
	Kind: "ClusterInformation", Plural: "clusterinformations",
	Aliases: []string{"clusterinformation", "clusterinformations", "clusterinfo", "clusterinfos"},
	Columns: []Column[*v3.ClusterInformation]{
		{Header: "NAME", Cell: func(c *v3.ClusterInformation) string { return c.Name }},
		{Header: "CLUSTERGUID", Cell: func(c *v3.ClusterInformation) string { return c.Spec.ClusterGUID }},
		{Header: "CLUSTERTYPE", Cell: func(c *v3.ClusterInformation) string { return c.Spec.ClusterType }},
		{Header: "CALICOVERSION", Cell: func(c *v3.ClusterInformation) string { return c.Spec.CalicoVersion }},
		{Header: "DATASTOREREADY", Cell: func(c *v3.ClusterInformation) string {
			if c.Spec.DatastoreReady == nil {
				return ""
			}
			return strconv.FormatBool(*c.Spec.DatastoreReady)
		}},
	},
	New:      newOf[v3.ClusterInformation],
	Validate: validateClusterInformation,
	ReadOnly: "resource is readonly",
})

func validateClusterInformation(c *v3.ClusterInformation) field.ErrorList {
	return validateMetadata("ClusterInformation", &c.ObjectMeta, plainNames, "")
}
