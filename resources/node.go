package resources

import v3 "github.com/edfb3db0/calicoctl/resources/v3"

// DefaultASNumber is the AS number of nodes that have none of their own.
const DefaultASNumber = "64512"

// Node is the kind of nodes.
var Node = define(Spec[*v3.Node]{
	Kind: "Node", Plural: "nodes",
	Aliases: []string{"node", "nodes", "no", "nos"},
	Columns: []Column[*v3.Node]{
		{Header: "NAME", Cell: func(n *v3.Node) string { return n.Name }},
		{Header: "ASN", Wide: true, Cell: asnCell},
		{Header: "IPV4", Wide: true, Cell: func(n *v3.Node) string { return bgp(n).IPv4Address }},
		{Header: "IPV6", Wide: true, Cell: func(n *v3.Node) string { return bgp(n).IPv6Address }},
	},
	New:      newOf[v3.Node],
	Validate: validateNode,
})

// asnCell is blank for a node without a routing identity, and the default in
// parentheses for one that has no number of its own.
func asnCell(n *v3.Node) string {
	switch {
	case n.Spec.BGP == nil:
		return ""
	case n.Spec.BGP.ASNumber == nil:
		return "(" + DefaultASNumber + ")"
	default:
		return n.Spec.BGP.ASNumber.String()
	}
}

func bgp(n *v3.Node) v3.NodeBGPSpec {
	if n.Spec.BGP == nil {
		return v3.NodeBGPSpec{}
	}
	return *n.Spec.BGP
}
