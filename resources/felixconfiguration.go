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
	PartOf: Link[*v3.FelixConfiguration]{
		Kind: "Node",
		Name: func(f *v3.FelixConfiguration) string {
			node, ok := strings.CutPrefix(f.Name, nodeConfigPrefix)
			if !ok {
				return ""
			}
			return node
		},
	},
})
