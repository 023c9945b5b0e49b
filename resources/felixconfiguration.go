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

// defaultFelixConfiguration fills in the fields that have a default in the API itself;
// all others stay unset and take the agent's own default.
func defaultFelixConfiguration(f *v3.FelixConfiguration) {
	s := &f.Spec
	setDefault(&s.NFTablesMode, "Auto")
	setDefault(&s.NFTablesFlowTableOffload, v3.Disabled)
	setDefault(&s.BPFLogLevel, "")
	setDefault(&s.BPFConnectTimeLoadBalancing, "TCP")
	setDefault(&s.BPFHostNetworkedNATWithoutCTLB, v3.Enabled)
	setDefault(&s.FloatingIPs, v3.Disabled)
}

func setDefault[T any](p **T, value T) {
	if *p == nil {
		*p = &value
	}
}
