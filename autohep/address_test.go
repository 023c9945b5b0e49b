package autohep_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/edfb3db0/calicoctl/autohep"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

func TestExpectedIPs(t *testing.T) {
	tests := []struct {
		name     string
		spec     v3.NodeSpec
		want     []string
		problems []string
	}{
		{
			name: "every source, in order",
			spec: v3.NodeSpec{
				Interfaces: []v3.NodeInterface{{Name: "eth0", Addresses: list("10.0.0.9", "fe80::9")}, {Name: "lo", Addresses: list("127.0.0.1")}},
				Addresses: []v3.NodeAddress{
					{Address: "10.0.0.1/24", Type: v3.CalicoNodeIP},
					{Address: "10.0.0.8", Type: v3.InternalIP},
					{Address: "203.0.113.1", Type: v3.ExternalIP},
					{Address: "10.0.0.10"},
				},
				Wireguard:           &v3.NodeWireguardSpec{InterfaceIPv4Address: "10.0.0.6", InterfaceIPv6Address: "fd00::7"},
				IPv6VXLANTunnelAddr: "fd00::5",
				IPv4VXLANTunnelAddr: "10.0.0.4",
				BGP:                 &v3.NodeBGPSpec{IPv4Address: "10.0.0.1/24", IPv6Address: "fd00::2/64", IPv4IPIPTunnelAddr: "10.0.0.3"},
			},
			want: list("10.0.0.1", "fd00::2", "10.0.0.3", "10.0.0.4", "fd00::5", "10.0.0.6", "fd00::7", "10.0.0.8", "10.0.0.9", "fe80::9", "127.0.0.1"),
		},
		{
			name: "routing addresses are canonical, others as written",
			spec: v3.NodeSpec{
				BGP:                 &v3.NodeBGPSpec{IPv4Address: "::ffff:10.0.0.1", IPv6Address: "fd00:0:0::2/64"},
				IPv6VXLANTunnelAddr: "fd00:0:0::5",
			},
			want: list("10.0.0.1", "fd00::2", "fd00:0:0::5"),
		},
		{
			name: "the first spelling of an address stays",
			spec: v3.NodeSpec{
				BGP:                 &v3.NodeBGPSpec{IPv4IPIPTunnelAddr: "10.0.0.3"},
				IPv4VXLANTunnelAddr: "10.0.0.3",
				Wireguard:           &v3.NodeWireguardSpec{InterfaceIPv4Address: "::ffff:10.0.0.3"},
				Addresses:           []v3.NodeAddress{{Address: "fd00:0::1", Type: v3.InternalIP}, {Address: "fd00::1", Type: v3.InternalIP}},
			},
			want: list("10.0.0.3", "fd00:0::1"),
		},
		{
			name: "a prefix length where none belongs",
			spec: v3.NodeSpec{
				IPv4VXLANTunnelAddr: "10.0.0.4/32",
				Interfaces:          []v3.NodeInterface{{Name: "eth0", Addresses: list("fd00:0::1/64")}},
			},
			want: list("10.0.0.4", "fd00::1"),
			problems: list(
				`Node "n": spec.interfaces[0].addresses[0] is "fd00:0::1/64", where an address without prefix length belongs. Its host endpoints use fd00::1.`,
				`Node "n": spec.ipv4VXLANTunnelAddr is "10.0.0.4/32", where an address without prefix length belongs. Its host endpoints use 10.0.0.4.`),
		},
		{
			name: "what is no address",
			spec: v3.NodeSpec{
				BGP: &v3.NodeBGPSpec{IPv4Address: "10.0.0.300/24"},
				Addresses: []v3.NodeAddress{
					{Address: "fe80::1%eth0", Type: v3.InternalIP},
					{Address: "010.0.0.1", Type: v3.InternalIP},
					{Address: "host\n1", Type: v3.InternalIP},
					{Address: "10.0.0.8", Type: v3.InternalIP},
				},
			},
			want: list("10.0.0.8"),
			problems: list(
				`Node "n": spec.addresses[0] is "fe80::1%eth0", which is no IP address, and is left out of its host endpoints.`,
				`Node "n": spec.addresses[1] is "010.0.0.1", which`,
				`Node "n": spec.addresses[2] is "host\n1", which`,
				`Node "n": spec.bgp.ipv4Address is "10.0.0.300/24", which`),
		},
		{name: "no addresses"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			node := host("n")
			node.Spec = tt.spec
			planner, _ := autohep.NewPlanner(everything())
			got, problems := planner.Desired(node)
			want := list(endpoint("n-auto-hep", "n", "*", tt.want...))
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("endpoints (-want +got):\n%s", diff)
			}
			wantProblems(t, tt.problems, problems)
		})
	}
}
