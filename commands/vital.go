package commands

import (
	"cmp"
	"context"
	"maps"
	"math"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// IANA numbers of protocols.
const (
	protocolIPIP = 4
	protocolTCP  = 6
	protocolUDP  = 17
)

// Where traffic that keeps a cluster alive comes from or goes to.
const (
	peersAnywhere = "anywhere"
	peersNodes    = "nodes"
	peersMasters  = "control plane"
	peersItself   = "the node itself"
)

// others are the other ends of a flow: what one of the words above stands for, or the networks in place of it.
type others struct {
	who      string
	networks []netip.Prefix
}

// vitalFlow is traffic that keeps a cluster alive.
type vitalFlow struct {
	name, why string
	protocol  uint16
	ports     []policy.Range
	// from are source ports, those of ordinary clients if there are none here.
	from []policy.Range
	// peers are the other ends of connections that the nodes accept, and targets of those that they make;
	// empty for none.
	peers, targets others
	// masters restricts it to the control plane, and node to one node.
	masters bool
	node    string
	// excepted is what the agent lets pass between nodes before it asks normal policies.
	excepted bool
	// ipVersion is the only one that has the flow; 0 for both. broadcast tells that it goes to the broadcast address, too.
	ipVersion int
	broadcast bool
	// used tells whether the cluster has such traffic; nil for always.
	used func(*cluster) bool
}

func ports(all ...uint16) []policy.Range {
	out := make([]policy.Range, len(all))
	for i, p := range all {
		out[i] = policy.Range{First: p, Last: p}
	}
	return out
}

// firstClientPort is the first port that clients get without asking for one.
const firstClientPort = 1024

// clientPorts are the source ports of the flow, none if its protocol has no ports.
func (f *vitalFlow) clientPorts() []policy.Range {
	switch {
	case !(v3.Protocol{Num: uint8(f.protocol)}).HasPorts():
		return nil
	case len(f.from) > 0:
		return f.from
	default:
		return []policy.Range{{First: firstClientPort, Last: math.MaxUint16}}
	}
}

// withoutClients is a box of the flow without its source ports, which go without saying where they are all meant.
func (f *vitalFlow) withoutClients(b policy.Box) policy.Box {
	if slices.Equal(b.SourcePorts, f.clientPorts()) {
		b.SourcePorts = nil
	}
	return b
}

// vitalFlows is the traffic that keeps a cluster alive, in the order of importance.
func vitalFlows() []vitalFlow {
	return slices.Concat(controlPlaneFlows(), networkFlows(), clientFlows())
}

// controlPlaneFlows is what nodes are reached and run by.
func controlPlaneFlows() []vitalFlow {
	return []vitalFlow{
		{name: "SSH", why: "administrators reach the node by it", protocol: protocolTCP, ports: ports(22), peers: others{who: peersAnywhere}},
		{
			name: "API server", why: "kubelets, controllers and this program reach the cluster by it",
			protocol: protocolTCP, ports: ports(6443), peers: others{who: peersNodes}, masters: true,
		},
		{
			name: "API server's local clients", why: "the control plane's own processes reach the API server by it",
			protocol: protocolTCP, ports: ports(6443), peers: others{who: peersItself}, masters: true,
		},
		{
			name: "ways to the API server", why: "a kubelet that cannot reach it lets its node become NotReady",
			protocol: protocolTCP, ports: ports(6443), targets: others{who: peersMasters},
		},
		{name: "kubelet API", why: "logs, exec and metrics come by it", protocol: protocolTCP, ports: ports(10250), peers: others{who: peersNodes}},
		{
			name: "kubelet's local clients", why: "a kubelet that does not answer is restarted",
			protocol: protocolTCP, ports: ports(10248, 10250), peers: others{who: peersItself},
		},
		{
			name: "etcd", why: "members that do not see each other lose the quorum, and with it the cluster",
			protocol: protocolTCP, ports: []policy.Range{{First: 2379, Last: 2380}}, peers: others{who: peersMasters}, targets: others{who: peersMasters}, masters: true,
		},
		{
			name: "etcd's local clients", why: "the API server reaches its datastore by it",
			protocol: protocolTCP, ports: []policy.Range{{First: 2379, Last: 2381}}, peers: others{who: peersItself}, masters: true,
		},
		{
			name: "scheduler's health", why: "the kubelet restarts a scheduler that does not answer",
			protocol: protocolTCP, ports: ports(10251, 10259), peers: others{who: peersItself}, masters: true,
		},
		{
			name: "controller manager's health", why: "the kubelet restarts a controller manager that does not answer",
			protocol: protocolTCP, ports: ports(10252, 10257), peers: others{who: peersItself}, masters: true,
		},
		{
			name: "calico-node's health", why: "the kubelet restarts a calico-node that does not answer, and policy stands still there",
			protocol: protocolTCP, ports: ports(9099), peers: others{who: peersItself},
		},
	}
}

// networkFlows is what pods reach each other by.
func networkFlows() []vitalFlow {
	return []vitalFlow{
		{name: "Typha", why: "calico-node gets its policy by it", protocol: protocolTCP, ports: ports(5473), peers: others{who: peersNodes}, targets: others{who: peersNodes}},
		{
			name: "BGP", why: "routes to pods are exchanged by it", protocol: protocolTCP, ports: ports(179),
			peers: others{who: peersNodes}, targets: others{who: peersNodes}, used: (*cluster).hasBGP,
		},
		{
			name: "VXLAN", why: "pods of different nodes reach each other by it", protocol: protocolUDP, ports: ports(4789),
			peers: others{who: peersNodes}, targets: others{who: peersNodes}, used: (*cluster).hasVXLAN, excepted: true,
		},
		{
			name: "IP-in-IP", why: "pods of different nodes reach each other by it", protocol: protocolIPIP,
			peers: others{who: peersNodes}, targets: others{who: peersNodes}, used: (*cluster).hasIPIP, excepted: true,
		},
		{
			name: "WireGuard", why: "pods of different nodes reach each other by it", protocol: protocolUDP, ports: ports(51820, 51821),
			peers: others{who: peersNodes}, targets: others{who: peersNodes}, used: (*cluster).hasWireguard, excepted: true,
		},
	}
}

// clientFlows is what nodes ask of others.
func clientFlows() []vitalFlow {
	return []vitalFlow{
		{name: "DNS", why: "names cannot be resolved without it", protocol: protocolUDP, ports: ports(53), targets: others{who: peersAnywhere}},
		{name: "DNS over TCP", why: "long answers come by it", protocol: protocolTCP, ports: ports(53), targets: others{who: peersAnywhere}},
		{
			name: "DHCP requests", why: "the node loses its address without it", protocol: protocolUDP, ports: ports(67), from: ports(68),
			targets: others{who: peersAnywhere}, ipVersion: 4, broadcast: true,
		},
		{
			name: "DHCP answers", why: "the node loses its address without it", protocol: protocolUDP, ports: ports(68), from: ports(67),
			peers: others{who: peersAnywhere}, ipVersion: 4,
		},
		{name: "NTP", why: "certificates are refused when the clock is wrong", protocol: protocolUDP, ports: ports(123), targets: others{who: peersAnywhere}},
	}
}

// telling are the packets from or to addresses that a stranger may have. What is lost to others alone, such as multicast or
// the metadata of a cloud, is no loss.
func (f *vitalFlow) telling(path policy.Path) []policy.Box {
	addresses := without(everywhere(), noStrangers())
	if f.broadcast {
		addresses = append(addresses, netip.MustParsePrefix("255.255.255.255/32"))
	}
	if path == policy.Output {
		return []policy.Box{{Destinations: addresses}}
	}
	return []policy.Box{{Sources: addresses}}
}

// noStrangers are this network, loopback, link-local, multicast and reserved addresses with that of broadcast.
func noStrangers() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
		netip.MustParsePrefix("224.0.0.0/3"), netip.MustParsePrefix("::/127"), netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8"),
	}
}

// vital gives the flows for the engine, with the flow that each stands for.
func (c *cluster) vital(flows []vitalFlow) (vital []policy.Vital, meant []vitalFlow) {
	add := func(f vitalFlow, path policy.Path, box policy.Box, with others) {
		v := policy.Vital{Name: f.name, Why: f.why, Path: path, Boxes: []policy.Box{box}}
		v.Early = f.excepted && with.who == peersNodes
		if len(with.networks) == 0 {
			v.Boxes[0].IPVersion = cmp.Or(f.ipVersion, c.family())
		}
		if with.who == peersAnywhere {
			v.Telling = f.telling(path)
		}
		switch {
		case f.node != "":
			v.Nodes = func(name string) bool { return name == f.node }
		case f.masters && len(c.masters) > 0:
			v.Nodes = func(name string) bool { return c.masters[name] }
		}
		vital, meant = append(vital, v), append(meant, f)
	}
	for _, f := range flows {
		if f.used != nil && !f.used(c) || f.ipVersion+c.family() == 4+6 {
			continue
		}
		box := policy.Box{
			Protocols: []policy.Range{{First: f.protocol, Last: f.protocol}}, Ports: f.ports, SourcePorts: f.clientPorts(),
		}
		if f.peers.who == peersItself {
			add(f, policy.Local, box, f.peers)
		} else if addresses, ok := c.peers(f.peers); ok {
			in := box
			in.Sources = addresses
			add(f, policy.Input, in, f.peers)
		}
		if addresses, ok := c.peers(f.targets); ok {
			out := box
			out.Destinations = addresses
			add(f, policy.Output, out, f.targets)
		}
	}
	return vital, meant
}

// peers are addresses, none for all; ok is false if there is nobody.
func (c *cluster) peers(o others) (addresses []netip.Prefix, ok bool) {
	switch {
	case len(o.networks) > 0:
		return o.networks, true
	case o.who == "":
		return nil, false
	case o.who == peersAnywhere:
		return nil, true
	}
	addresses = c.reached().of(o.who == peersMasters && len(c.masters) > 0)
	return addresses, len(addresses) > 0
}

// connectionFlows are the connections of this command to its datastore, where a node accepts or makes them.
func (c *cluster) connectionFlows(ctx context.Context, endpoints []string) []vitalFlow {
	var flows []vitalFlow
	for _, endpoint := range endpoints {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "udp", endpoint) // sends nothing, but finds the way
		if err != nil {
			continue
		}
		local, remote := addrPort(conn.LocalAddr()), addrPort(conn.RemoteAddr())
		_ = conn.Close()
		flows = append(flows, c.connectionOf(local.Addr(), remote.Addr(), remote.Port())...)
	}
	return flows
}

func (c *cluster) connectionOf(local, remote netip.Addr, port uint16) []vitalFlow {
	from, to := netip.PrefixFrom(local, local.BitLen()), netip.PrefixFrom(remote, remote.BitLen())
	var flows []vitalFlow
	for _, node := range slices.Sorted(maps.Keys(c.addresses)) {
		f := vitalFlow{
			name: "the connection of this command", why: "what is written could not be taken back from here without it",
			protocol: protocolTCP, ports: ports(port), node: node,
		}
		makes, accepts := slices.Contains(c.addresses[node], from), slices.Contains(c.addresses[node], to)
		switch {
		case makes && accepts:
			f.peers.who = peersItself
		case accepts:
			f.peers.networks = []netip.Prefix{from}
		case makes:
			f.targets.networks = []netip.Prefix{to}
		default:
			continue
		}
		flows = append(flows, f)
	}
	return flows
}

func addrPort(a net.Addr) netip.AddrPort {
	p := a.(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap().WithZone(""), p.Port())
}
