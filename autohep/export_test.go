package autohep

import v3 "github.com/edfb3db0/calicoctl/resources/v3"

// Desired are the endpoints that a node should have, and the problems of the node.
func (p *Planner) Desired(node *v3.Node) ([]*v3.HostEndpoint, []Problem) {
	d := p.look(node, nil)
	return d.endpoints, tidy(d.problems)
}

// Keeps tells whether an automatic endpoint of the node that Desired does not list has to stay as it is.
func (p *Planner) Keeps(node *v3.Node, h *v3.HostEndpoint) bool { return p.look(node, nil).keeps(h) }
