package lint

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// portAPI is where an API server listens.
const portAPI = 6443

// checkMasters looks at the nodes of the control plane.
func (l *linter) checkMasters() {
	of := map[string][]*policy.Class{}
	for i := range l.classes {
		for _, node := range l.classes[i].Nodes {
			of[node] = append(of[node], &l.classes[i])
		}
	}
	addresses := l.addresses()
	for _, m := range l.masters() {
		classes := slices.DeleteFunc(of[m.node], inside)
		l.masterOpen(m, classes)
		l.masterClosed(m, classes, addresses)
	}
}

// masterOpen looks for endpoints of a master that no policy protects.
func (l *linter) masterOpen(m master, classes []*policy.Class) {
	var governing, unasked []*policy.Class
	for _, c := range classes {
		if c.Open() {
			continue
		}
		governing = append(governing, c)
		if !hasIngress(c) {
			unasked = append(unasked, c)
		}
	}
	if len(governing) == 0 {
		l.find(MasterWithoutPolicy, m.place, fmt.Sprintf("the node %s is of the control plane, and no host endpoint governs an interface by which others reach it", m.node),
			Proof{Text: "everything is allowed", Path: policy.Input, Traffic: l.engine.Space().All()})
		return
	}
	text := fmt.Sprintf("the node %s is of the control plane, and no policy is about what comes in", m.node)
	if len(unasked) < len(governing) {
		text += " by some of its endpoints"
	}
	if proof := allowedAt(unasked, m.node); len(proof) > 0 {
		l.find(MasterWithoutPolicy, m.place, text, proof...)
	}
}

func hasIngress(c *policy.Class) bool {
	for _, s := range []policy.StageName{policy.StageDoNotTrack, policy.StagePreDNAT, policy.StageNormal} {
		if len(c.Runs(s, policy.Ingress)) > 0 {
			return true
		}
	}
	return false
}

// allowedAt is what classes let in.
func allowedAt(classes []*policy.Class, node string) []Proof {
	var list []Proof
	for _, c := range classes {
		if allowed := c.Traffic(policy.Input).Allowed; !allowed.Empty() {
			list = append(list, Proof{Text: "allowed", Endpoints: endpointsAt(c, node), Traffic: allowed, Path: policy.Input})
		}
	}
	return list
}

func endpointNames(c *policy.Class) []string {
	list := make([]string, len(c.Endpoints))
	for i, h := range c.Endpoints {
		list[i] = h.Name
	}
	return list
}

// endpointsAt are the names of the endpoints of a class that are on a node.
func endpointsAt(c *policy.Class, node string) []string {
	var list []string
	for _, h := range c.Endpoints {
		if h.Spec.Node == node {
			list = append(list, h.Name)
		}
	}
	return list
}

// master is a node of the control plane, and the object that says so.
type master struct {
	node  string
	place Place
}

// masters are by name; their label may be on the node or on its host endpoint.
func (l *linter) masters() []master {
	places := map[string]Place{}
	for _, h := range l.snapshot.HostEndpoints {
		if _, ok := places[h.Spec.Node]; !ok && hasRole(h.Labels) {
			places[h.Spec.Node] = about(h, nil)
		}
	}
	for _, n := range l.snapshot.Nodes {
		if hasRole(n.Labels) {
			places[n.Name] = about(n, nil)
		}
	}
	var list []master
	for node, place := range places {
		list = append(list, master{node, place})
	}
	slices.SortFunc(list, func(a, b master) int { return compareNatural(a.node, b.node) })
	return list
}

func hasRole(labels map[string]string) bool {
	return slices.ContainsFunc(roles, func(role string) bool { _, ok := labels[role]; return ok })
}

// addresses are those of each node by which others reach it.
func (l *linter) addresses() map[string][]netip.Prefix {
	all := map[string][]netip.Prefix{}
	add := func(node string, a netip.Addr) {
		if p := netip.PrefixFrom(a, a.BitLen()); !slices.Contains(all[node], p) {
			all[node] = append(all[node], p)
		}
	}
	tunnels := map[string][]netip.Addr{}
	for _, n := range l.snapshot.Nodes {
		tunnels[n.Name] = policy.TunnelAddresses(n)
		for _, a := range policy.NodeAddresses(n) {
			if !slices.Contains(tunnels[n.Name], a) {
				add(n.Name, a)
			}
		}
	}
	for _, m := range l.engine.Members() {
		for _, p := range m.Addresses {
			if m.Endpoint != nil && !slices.Contains(tunnels[m.Endpoint.Spec.Node], p.Addr()) {
				add(m.Endpoint.Spec.Node, p.Addr())
			}
		}
	}
	return all
}

// masterClosed looks for other nodes that a master does not let reach its API server.
func (l *linter) masterClosed(m master, classes []*policy.Class, addresses map[string][]netip.Prefix) {
	var peers []netip.Prefix
	for node, own := range addresses {
		if node != m.node {
			peers = append(peers, own...)
		}
	}
	slices.SortFunc(peers, netip.Prefix.Compare)
	if len(peers) == 0 || len(classes) == 0 {
		return
	}
	var proof []Proof
	for _, own := range addresses[m.node] {
		wanted := l.engine.Space().Set(policy.Box{
			Protocols: []policy.Range{{First: 6, Last: 6}}, Ports: []policy.Range{{First: portAPI, Last: portAPI}},
			Sources: peers, Destinations: []netip.Prefix{own},
		})
		judges := having(classes, m.node, own)
		for _, c := range judges {
			wanted = wanted.Intersect(c.Traffic(policy.Input).Denied)
		}
		if packet, ok := wanted.Example(); ok {
			port := packet.Port
			proof = append(proof, Proof{
				Text: "denied", Endpoints: endpointsAt(judges[0], m.node), Traffic: wanted, Path: policy.Input,
				Flow: &policy.Flow{
					Node: m.node, Path: policy.Input, From: packet.From, To: packet.To, In: outside(judges[0]),
					Protocol: v3.Protocol{Name: v3.ProtocolTCP}, Port: &port,
				},
			})
		}
	}
	if len(proof) > 0 {
		l.find(MasterClosed, m.place, fmt.Sprintf("the node %s is of the control plane, and does not take TCP %d from all other nodes", m.node, portAPI), proof...)
	}
}

// loopbackInterface is where a node reaches itself.
const loopbackInterface = "lo"

// inside tells of a class by whose interface nothing comes from others.
func inside(c *policy.Class) bool { return slices.Equal(c.Interfaces, []string{loopbackInterface}) }

// having are the classes of the interface that has an address: those of endpoints of the node that expect it, or all of
// the node's, since it may be any.
func having(classes []*policy.Class, node string, own netip.Prefix) []*policy.Class {
	list := slices.DeleteFunc(slices.Clone(classes), func(c *policy.Class) bool {
		return !slices.ContainsFunc(c.Endpoints, func(h *v3.HostEndpoint) bool {
			return h.Spec.Node == node && slices.ContainsFunc(h.Spec.ExpectedIPs, func(text string) bool {
				a, err := netip.ParseAddr(text)
				return err == nil && a.Unmap() == own.Addr()
			})
		})
	})
	if len(list) == 0 {
		return classes
	}
	return list
}

// outside is an interface of a class by which others come.
func outside(c *policy.Class) string {
	for _, name := range c.Interfaces {
		if name != loopbackInterface {
			return name
		}
	}
	return ""
}
