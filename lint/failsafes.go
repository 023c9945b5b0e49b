package lint

import (
	"fmt"
	"net/netip"
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
	for _, o := range l.ruled {
		for _, d := range directions {
			if !o.governs(d) || !slices.ContainsFunc(o.raw[d], deniesPorts) {
				continue
			}
			lists := l.failsafeLists(o.endpoints(), nodes, d)
			for i, r := range o.rules(d) {
				if deniesPorts(o.raw[d][i]) {
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
		ports := l.failsafesOf(nodes[name], d)
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
		if c.Name != v3.DefaultName && !strings.HasPrefix(c.Name, nodePrefix) {
			continue // which no agent reads
		}
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

// nodePrefix begins the name of the FelixConfiguration of one node.
const nodePrefix = "node."

// endpointsOf are the endpoints whose agents read a configuration.
func (l *linter) endpointsOf(c *v3.FelixConfiguration) []string {
	var list []string
	node, one := strings.CutPrefix(c.Name, nodePrefix)
	for _, h := range l.snapshot.HostEndpoints {
		if !one || h.Spec.Node == node {
			list = append(list, h.Name)
		}
	}
	slices.Sort(list)
	return list
}

// loopback is where nothing comes in from outside.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// openPort is a failsafe port that lets everybody in at some endpoints, where policies do not.
type openPort struct {
	port policy.RuleMatch
	// needed is what policies allow of it.
	needed    policy.Set
	endpoints []string
}

// checkFailsafes looks for inbound failsafe ports that let everybody in where policies do not.
func (l *linter) checkFailsafes(lanes []*lane) {
	owners := map[resources.Object][]*openPort{}
	var order []resources.Object
	addresses := l.addresses()
	for _, n := range lanes {
		if !n.incoming() {
			continue
		}
		for _, c := range n.classes {
			ports := l.failsafesOf(c.Endpoints[0].Spec.Node, policy.Ingress)
			if len(ports) == 0 || inside(c) {
				continue
			}
			owner := ports[0].Object
			if _, ok := owners[owner]; !ok {
				order = append(order, owner)
			}
			owners[owner] = append(owners[owner], l.openPorts(n, c, ports, addresses)...)
		}
	}
	for _, owner := range order {
		at := rulePlace(policy.RuleRef{Object: owner, Direction: policy.Ingress})
		at.Path = specPath.Child(failsafeFields[policy.Ingress]).String()
		if proof := openProof(owners[owner]); len(proof) > 0 {
			l.find(FailsafeOpen, at, "failsafe ports are open to the world, which no policy allows; give them a net, or leave them out", proof...)
		}
	}
}

// openPorts are the ports of which a lane does not allow all. What it does with packets to others than the hosts, which
// come through failsafe ports to none of them, does not count, nor does a port of which it cannot be told.
func (l *linter) openPorts(n *lane, c *policy.Class, ports []policy.RuleMatch, addresses map[string][]netip.Prefix) []*openPort {
	var list []*openPort
	allowed := n.allowed.Union(n.undecided)
	local, own := l.engine.Space().Set(policy.Box{Destinations: loopback}), l.toHosts(c, addresses)
	for _, port := range ports {
		outside := port.Sure.Subtract(local)
		wanted := outside.Intersect(own)
		if !everybody(port) || wanted.Subtract(allowed).Empty() || !wanted.Intersect(n.unsure).Empty() {
			continue
		}
		needed := allowed.Intersect(outside)
		if needed.Intersect(wanted).Empty() {
			needed = policy.Set{}
		}
		list = append(list, &openPort{port, needed, endpointNames(c)})
	}
	return list
}

// toHosts is all packets to the nodes of a class, or to anywhere if the addresses of one are not known.
func (l *linter) toHosts(c *policy.Class, addresses map[string][]netip.Prefix) policy.Set {
	var own []netip.Prefix
	for _, h := range c.Endpoints {
		if len(addresses[h.Spec.Node]) == 0 {
			return l.engine.Space().All()
		}
		own = append(own, addresses[h.Spec.Node]...)
	}
	return l.engine.Space().Set(policy.Box{Destinations: own})
}

// everybody tells whether a failsafe port is open whoever asks, in one of the families.
func everybody(port policy.RuleMatch) bool {
	return slices.ContainsFunc(port.Sure.Boxes(), func(b policy.Box) bool { return len(b.Sources) == 0 })
}

// openProof has one fact for all ports that are open at the same endpoints without need, and one for each group of
// ports of which policies allow the same to the same peers.
func openProof(ports []*openPort) []Proof {
	var list []Proof
	of := map[string]int{}
	peers := map[policy.Set]string{}
	for _, o := range ports {
		text, traffic := "open to everybody, and no policy allows any of it", o.port.Sure
		if !o.needed.Empty() {
			text, traffic = "open to everybody, and policies allow no more of it than", o.needed
			if _, ok := peers[o.needed]; !ok {
				peers[o.needed] = peersOf(o.needed)
			}
		}
		id := text + "\n" + peers[o.needed] + "\n" + strings.Join(o.endpoints, "\n")
		i, ok := of[id]
		if !ok {
			i = len(list)
			of[id] = i
			list = append(list, Proof{Text: text, Path: policy.Input, Endpoints: o.endpoints})
		}
		list[i].Traffic = list[i].Traffic.Union(traffic)
	}
	return joined(list)
}

// peersOf is who may send the packets of a set, in one form.
func peersOf(s policy.Set) string {
	var list []string
	for _, b := range s.Boxes() {
		list = append(list, fmt.Sprint(b.IPVersion, b.Sources, b.Destinations))
	}
	return strings.Join(list, "\n")
}

// joined makes one fact of those that say the same of the same traffic, and sorts their endpoints. Sets of one engine
// are the same value when they are equal.
func joined(list []Proof) []Proof {
	type said struct {
		text    string
		traffic policy.Set
	}
	var out []Proof
	of := map[said]int{}
	for _, p := range list {
		i, ok := of[said{p.Text, p.Traffic}]
		if !ok {
			of[said{p.Text, p.Traffic}] = len(out)
			out = append(out, p)
			continue
		}
		out[i].Endpoints = append(slices.Clip(out[i].Endpoints), p.Endpoints...)
	}
	for i := range out {
		slices.Sort(out[i].Endpoints)
		out[i].Endpoints = slices.Compact(out[i].Endpoints)
	}
	return out
}
