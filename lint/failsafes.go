package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// checkDenyOnFailsafe looks for Deny rules about ports that stay open. A rule that denies all ports is none: it is
// about the others.
func (l *linter) checkDenyOnFailsafe() {
	nodes := map[string]string{}
	for _, h := range l.snapshot.HostEndpoints {
		nodes[h.Name] = h.Spec.Node
	}
	for _, p := range l.policies {
		for _, d := range directions {
			if !p.Governs(d) || !slices.ContainsFunc(rawRules(p.Object, d), deniesPorts) {
				continue
			}
			lists := l.failsafeLists(l.selectedBy(p.Object), nodes, d)
			for i, r := range l.rulesOf(p, d) {
				if deniesPorts(rawRules(p.Object, d)[i]) {
					l.denyOnFailsafe(r, lists)
				}
			}
		}
	}
}

func deniesPorts(r v3.Rule) bool { return r.Action == v3.Deny && len(r.Destination.Ports) > 0 }

// failsafeList is the failsafe ports of some endpoints.
type failsafeList struct {
	ports     []policy.RuleMatch
	endpoints []string
}

// failsafeLists are the failsafe ports of endpoints, those of nodes with the same list together.
func (l *linter) failsafeLists(endpoints []string, nodes map[string]string, d policy.Direction) []*failsafeList {
	var lists []*failsafeList
	of := map[resources.Object]*failsafeList{}
	for _, name := range endpoints {
		ports := l.engine.Failsafes(nodes[name], d)
		if len(ports) == 0 {
			continue
		}
		owner := ports[0].Object
		if of[owner] == nil {
			of[owner] = &failsafeList{ports: ports}
			lists = append(lists, of[owner])
		}
		of[owner].endpoints = append(of[owner].endpoints, name)
	}
	return lists
}

func (l *linter) denyOnFailsafe(r policy.RuleMatch, lists []*failsafeList) {
	var proof []Proof
	for _, list := range lists {
		for _, port := range list.ports {
			if both := r.Upper.Intersect(port.Sure); !both.Empty() {
				p := Proof{Text: "a failsafe port has this open", Traffic: both, Path: pathOf(r.Direction), Endpoints: list.endpoints}
				if port.Object != nil {
					at := rulePlace(port.RuleRef)
					p.At = &at
				} else {
					p.Text = "a built-in failsafe port has this open"
				}
				proof = append(proof, p)
			}
		}
	}
	if len(proof) > 0 {
		l.find(DenyOnFailsafe, rulePlace(r.RuleRef), "the rule denies failsafe ports, which stay open to and from the host", proof...)
	}
}

// checkFailsafeProtocols looks for failsafe ports for which an agent refuses its configuration.
func (l *linter) checkFailsafeProtocols() {
	for _, c := range l.snapshot.FelixConfigurations {
		for _, d := range directions {
			list := c.Spec.FailsafeInboundHostPorts
			if d == policy.Egress {
				list = c.Spec.FailsafeOutboundHostPorts
			}
			if list == nil {
				continue
			}
			for i, port := range *list {
				if name := strings.ToLower(port.Protocol); name == "" || name == "tcp" || name == "udp" {
					continue
				}
				l.find(FailsafeProtocol, about(c, specPath.Child(failsafeFields[d]).Index(i)), fmt.Sprintf("the protocol of the failsafe port is %s", port.Protocol),
					Proof{Text: "the agent takes TCP and UDP alone; it refuses its whole configuration for this one, and programs nothing any more", Endpoints: l.endpointsOf(c)})
			}
		}
	}
}

// endpointsOf are the endpoints whose agents read a configuration.
func (l *linter) endpointsOf(c *v3.FelixConfiguration) []string {
	var list []string
	node, one := strings.CutPrefix(c.Name, "node.")
	for _, h := range l.snapshot.HostEndpoints {
		if !one && c.Name == v3.DefaultName || one && h.Spec.Node == node {
			list = append(list, h.Name)
		}
	}
	return list
}

// checkFailsafes looks for inbound failsafe ports that let everybody in where policies do not.
func (l *linter) checkFailsafes(lanes []*lane) {
	type open struct {
		port      policy.RuleMatch
		endpoints []string
	}
	owners := map[resources.Object][]*open{}
	var order []resources.Object
	for _, n := range lanes {
		if n.stage != policy.StageNormal || n.direction != policy.Ingress || !n.denies() {
			continue
		}
		for _, c := range n.classes {
			ports := l.engine.Failsafes(c.Endpoints[0].Spec.Node, policy.Ingress)
			for i, port := range ports {
				if owners[port.Object] == nil {
					owners[port.Object] = make([]*open, len(ports))
					order = append(order, port.Object)
				}
				needed := n.allowed.Union(n.undecided).Intersect(port.Sure)
				if !needed.Empty() || !everybody(port) {
					continue
				}
				if owners[port.Object][i] == nil {
					owners[port.Object][i] = &open{port: port}
				}
				for _, h := range c.Endpoints {
					owners[port.Object][i].endpoints = append(owners[port.Object][i].endpoints, h.Name)
				}
			}
		}
	}
	for _, owner := range order {
		at := rulePlace(policy.RuleRef{Object: owner, Direction: policy.Ingress})
		at.Path = specPath.Child(failsafeFields[policy.Ingress]).String()
		var proof []Proof
		for _, o := range owners[owner] {
			if o != nil {
				slices.Sort(o.endpoints)
				proof = append(proof, Proof{Text: "open to everybody, and no policy allows any of it", Traffic: o.port.Sure, Path: policy.Input, Endpoints: slices.Compact(o.endpoints)})
			}
		}
		if len(proof) > 0 {
			l.find(FailsafeOpen, at, fmt.Sprintf("%s open to the world that no policy allows; give them a net, or leave them out", count(len(proof), "failsafe port")+isAre(len(proof))), proof...)
		}
	}
}

// everybody tells whether a failsafe port is open whoever asks, in one of the families.
func everybody(port policy.RuleMatch) bool {
	return !slices.ContainsFunc(port.Criteria, func(c policy.Criterion) bool { return c.Field == "net" }) ||
		slices.ContainsFunc(port.Sure.Boxes(), func(b policy.Box) bool { return len(b.Sources) == 0 })
}
