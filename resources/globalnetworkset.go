package resources

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// GlobalNetworkSet is the kind of labelled lists of networks.
var GlobalNetworkSet = define(Spec[*v3.GlobalNetworkSet]{
	Kind: "GlobalNetworkSet", Plural: "globalnetworksets",
	Aliases: []string{"globalnetworkset", "globalnetworksets", "gnetsets"},
	Columns: []Column[*v3.GlobalNetworkSet]{
		{Header: "NAME", Cell: func(s *v3.GlobalNetworkSet) string { return s.Name }},
		{Header: "NETS", Wide: true, Cell: func(s *v3.GlobalNetworkSet) string { return strings.Join(s.Spec.Nets, ",") }},
	},
	New:      newOf[v3.GlobalNetworkSet],
	Validate: validateGlobalNetworkSet,
})

func validateGlobalNetworkSet(s *v3.GlobalNetworkSet) field.ErrorList {
	errs := validateMetadata("GlobalNetworkSet", &s.ObjectMeta, plainNames, "")
	return append(errs, validateSet(specPath, "nets", s.Spec.Nets, 0, checkAddressOrNetwork)...)
}
