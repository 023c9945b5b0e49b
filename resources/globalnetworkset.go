package resources

import (
	"strings"

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
