package commands

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// cluster is what the nodes of a world tell about it.
type cluster struct {
	nodes   []*v3.Node
	sets    []*v3.GlobalNetworkSet
	masters map[string]bool
	// addresses are those of each node.
	addresses map[string][]netip.Prefix
	// tunnels are those of them that only packets in tunnels have.
	tunnels map[string][]netip.Prefix
}

// roleLabels mark the nodes of the control plane.
var roleLabels = []string{"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"}

func newCluster(w *world) *cluster {
	c := &cluster{
		nodes: ofKind[*v3.Node](w, resources.Node), sets: ofKind[*v3.GlobalNetworkSet](w, resources.GlobalNetworkSet),
		masters:   map[string]bool{},
		addresses: map[string][]netip.Prefix{}, tunnels: map[string][]netip.Prefix{},
	}
	c.noteAll(w, func(string) bool { return true })
	return c
}

// clusterOf is the cluster of a world with the roles and addresses that its nodes had in an earlier one: what takes
// a role or an address away does not take away what the node needs.
func clusterOf(before, after *world) *cluster {
	c := newCluster(after)
	c.noteAll(before, func(node string) bool {
		key := resources.Node.Key(node)
		_, was := before.objects[key]
		_, is := after.objects[key]
		return is || !was // which is not gone with its node
	})
	return c
}

// noteAll adds the roles and addresses that a world has of nodes.
func (c *cluster) noteAll(w *world, wanted func(node string) bool) {
	for _, node := range ofKind[*v3.Node](w, resources.Node) {
		if wanted(node.Name) {
			c.noteRole(node.Name, node.Labels)
			noteAddresses(c.addresses, node.Name, policy.NodeAddresses(node)...)
			noteAddresses(c.tunnels, node.Name, policy.TunnelAddresses(node)...)
		}
	}
	for _, h := range ofKind[*v3.HostEndpoint](w, resources.HostEndpoint) {
		if wanted(h.Spec.Node) {
			c.noteRole(h.Spec.Node, h.Labels)
			c.note(h.Spec.Node, h.Spec.ExpectedIPs...)
		}
	}
}

func (c *cluster) noteRole(node string, labels map[string]string) {
	for _, label := range roleLabels {
		if _, ok := labels[label]; ok {
			c.masters[node] = true
		}
	}
}

// note adds addresses, which may have the length of a network behind them.
func (c *cluster) note(node string, texts ...string) {
	for _, text := range texts {
		bare, _, _ := strings.Cut(text, "/")
		if a, err := netip.ParseAddr(bare); err == nil {
			noteAddresses(c.addresses, node, a.Unmap().WithZone(""))
		}
	}
}

func noteAddresses(of map[string][]netip.Prefix, node string, addresses ...netip.Addr) {
	for _, a := range addresses {
		if p := netip.PrefixFrom(a, a.BitLen()); !slices.Contains(of[node], p) {
			of[node] = append(of[node], p)
		}
	}
}

// reached is the cluster with the addresses alone that nodes reach each other at.
func (c *cluster) reached() *cluster {
	out := *c
	out.addresses = map[string][]netip.Prefix{}
	for node, addresses := range c.addresses {
		out.addresses[node] = slices.DeleteFunc(slices.Clone(addresses), func(p netip.Prefix) bool {
			return slices.Contains(c.tunnels[node], p)
		})
	}
	return &out
}

// of are the addresses of all nodes, or of the control plane.
func (c *cluster) of(masters bool) []netip.Prefix {
	var all []netip.Prefix
	for node, addresses := range c.addresses {
		if !masters || c.masters[node] {
			all = append(all, addresses...)
		}
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	return slices.Compact(all)
}

// family is the IP version of all nodes, 0 if they have both or it is not known.
func (c *cluster) family() int {
	return commonFamily(slices.Concat(slices.Collect(maps.Values(c.addresses))...))
}

// commonFamily is the IP version of all addresses, 0 if they have both, or there are none.
func commonFamily(addresses []netip.Prefix) int {
	version := 0
	for _, p := range addresses {
		own := familyOf(p.Addr())
		if version != 0 && own != version {
			return 0
		}
		version = own
	}
	return version
}

func (c *cluster) any(has func(*v3.Node) bool) bool { return slices.ContainsFunc(c.nodes, has) }

func (c *cluster) hasBGP() bool {
	return c.any(func(n *v3.Node) bool { return n.Spec.BGP != nil && n.Spec.BGP.IPv4Address+n.Spec.BGP.IPv6Address != "" })
}

func (c *cluster) hasVXLAN() bool {
	return c.any(func(n *v3.Node) bool { return n.Spec.IPv4VXLANTunnelAddr+n.Spec.IPv6VXLANTunnelAddr != "" })
}

func (c *cluster) hasIPIP() bool {
	return c.any(func(n *v3.Node) bool { return n.Spec.BGP != nil && n.Spec.BGP.IPv4IPIPTunnelAddr != "" })
}

func (c *cluster) hasWireguard() bool {
	return c.any(func(n *v3.Node) bool {
		return n.Spec.Wireguard != nil || n.Status.WireguardPublicKey+n.Status.WireguardPublicKeyV6 != ""
	})
}
