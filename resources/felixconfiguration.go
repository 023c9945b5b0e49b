package resources

import (
	"strings"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// nodeConfigPrefix begins the name of a configuration that is meant for one node only.
const nodeConfigPrefix = "node."

// FelixConfiguration is the kind of configurations of the agent on the nodes.
var FelixConfiguration = define(Spec[*v3.FelixConfiguration]{
	Kind: "FelixConfiguration", Plural: "felixconfigurations",
	Aliases: []string{"felixconfiguration", "felixconfigurations", "felixconfig", "felixconfigs"},
	Columns: []Column[*v3.FelixConfiguration]{
		{Header: "NAME", Cell: func(f *v3.FelixConfiguration) string { return f.Name }},
	},
	New:      newOf[v3.FelixConfiguration],
	Default:  defaultFelixConfiguration,
	Validate: validateFelixConfiguration,
	PartOf: func(f *v3.FelixConfiguration) (Ref, bool) {
		node, ok := strings.CutPrefix(f.Name, nodeConfigPrefix)
		return Ref{Kind: "Node", Name: node}, ok
	},
})
