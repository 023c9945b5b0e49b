package resources

import (
	"strings"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// HostEndpoint is the kind of host endpoints.
var HostEndpoint = define(Spec[*v3.HostEndpoint]{
	Kind: "HostEndpoint", Plural: "hostendpoints",
	Aliases: []string{"hostendpoint", "hostendpoints", "hep", "heps"},
	Columns: []Column[*v3.HostEndpoint]{
		{Header: "NAME", Cell: func(h *v3.HostEndpoint) string { return h.Name }},
		{Header: "NODE", Cell: func(h *v3.HostEndpoint) string { return h.Spec.Node }},
		{Header: "INTERFACE", Wide: true, Cell: func(h *v3.HostEndpoint) string { return h.Spec.InterfaceName }},
		{Header: "IPS", Wide: true, Cell: func(h *v3.HostEndpoint) string { return strings.Join(h.Spec.ExpectedIPs, ",") }},
		{Header: "PROFILES", Wide: true, Cell: func(h *v3.HostEndpoint) string { return strings.Join(h.Spec.Profiles, ",") }},
	},
	New:      newOf[v3.HostEndpoint],
	Validate: validateHostEndpoint,
	PartOf: Link[*v3.HostEndpoint]{
		Kind: "Node", Name: func(h *v3.HostEndpoint) string { return h.Spec.Node },
	},
})
