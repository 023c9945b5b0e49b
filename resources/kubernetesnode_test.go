package resources_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/edfb3db0/calicoctl/resources"
)

func TestNodeFromKubernetes(t *testing.T) {
	tests := []struct {
		name, in, want string
		options        resources.KubernetesNodeOptions
		ignored        []string
	}{
		{
			name: "everything",
			in: `
apiVersion: v1
kind: Node
metadata:
  name: n1
  uid: 6d4b
  resourceVersion: "12"
  generation: 4
  creationTimestamp: "2026-01-02T03:04:05Z"
  labels: {both: kubernetes, kubernetes.io/hostname: n1}
  finalizers: [f]
  annotations:
    other: x
    projectcalico.org/labels: '{"both":"calico","mine":"1"}'
    projectcalico.org/annotations: '{"note":"text","projectcalico.org/kube-labels":"old"}'
    projectcalico.org/ASNumber: "1.10"
    projectcalico.org/IPv4Address: 10.0.0.1/24
    projectcalico.org/IPv6Address: fd00:0::1/64
    projectcalico.org/IPv4IPIPTunnelAddr: 192.168.0.1
    projectcalico.org/RouteReflectorClusterID: 224.0.0.1
    projectcalico.org/IPv4VXLANTunnelAddr: 192.168.0.2/32
    projectcalico.org/IPv6VXLANTunnelAddr: fd00::2
    projectcalico.org/VXLANTunnelMACAddr: 66:48:f6:56:dc:f1
    projectcalico.org/VXLANTunnelMACAddrV6: 66:48:f6:56:dc:f2
    projectcalico.org/IPv4WireguardInterfaceAddr: 192.168.0.3
    projectcalico.org/IPv6WireguardInterfaceAddr: fd00::3
    projectcalico.org/WireguardPublicKey: jlkVyQYooZYzI2wFfNhSZez5eWh44yfq1wKVjLvSXgY=
    projectcalico.org/WireguardPublicKeyV6: not checked
    projectcalico.org/Interfaces: '[{"Name":"eth0","ADDRESSES":["10.0.0.1","fe80::1/64"],"mtu":1},{"name":"lo"}]'
spec:
  podCIDR: 10.244.0.0/24
  podCIDRs: [10.244.0.0/24, "fd00:244::/64"]
  unschedulable: true
status:
  addresses:
  - {type: Hostname, address: n1}
  - {type: InternalIP, address: anything}
  - {type: ExternalIP, address: 203.0.113.1}
  - {type: InternalIP, address: "fd00::9"}
`,
			want: `
apiVersion: projectcalico.org/v3
kind: Node
metadata:
  name: n1
  uid: 6d4b
  resourceVersion: "12"
  creationTimestamp: "2026-01-02T03:04:05Z"
  labels: {both: kubernetes, kubernetes.io/hostname: n1, mine: "1"}
  annotations:
    note: text
    projectcalico.org/kube-labels: '{"both":"kubernetes","kubernetes.io/hostname":"n1"}'
spec:
  bgp: {asNumber: 65546, ipv4Address: 10.0.0.1/24, ipv6Address: "fd00:0::1/64", ipv4IPIPTunnelAddr: 192.168.0.1, routeReflectorClusterID: 224.0.0.1}
  ipv4VXLANTunnelAddr: 192.168.0.2/32
  ipv6VXLANTunnelAddr: fd00::2
  vxlanTunnelMACAddr: 66:48:f6:56:dc:f1
  vxlanTunnelMACAddrV6: 66:48:f6:56:dc:f2
  orchRefs: [{nodeName: n1, orchestrator: k8s}]
  wireguard: {interfaceIPv4Address: 192.168.0.3, interfaceIPv6Address: "fd00::3"}
  addresses:
  - {type: CalicoNodeIP, address: 10.0.0.1/24}
  - {type: CalicoNodeIP, address: "fd00:0::1/64"}
  - {type: InternalIP, address: anything}
  - {type: ExternalIP, address: 203.0.113.1}
  - {type: InternalIP, address: "fd00::9"}
  interfaces:
  - {name: eth0, addresses: [10.0.0.1, "fe80::1/64"]}
  - {name: lo}
status:
  wireguardPublicKey: jlkVyQYooZYzI2wFfNhSZez5eWh44yfq1wKVjLvSXgY=
  wireguardPublicKeyV6: not checked
  podCIDRs: [10.244.0.0/24, "fd00:244::/64"]
`,
		},
		{
			name: "nothing",
			in:   `metadata: {name: n1}`,
			want: `
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n1, annotations: {projectcalico.org/kube-labels: '{}'}}
spec: {orchRefs: [{nodeName: n1, orchestrator: k8s}]}
`,
		},
		{
			name: "what cannot be understood",
			in: `
metadata:
  name: n1
  labels: {a: b}
  annotations:
    projectcalico.org/labels: '{"c":1}'
    projectcalico.org/annotations: '[]'
    projectcalico.org/ASNumber: many
    projectcalico.org/IPv4Address: fd00::1/64
    projectcalico.org/IPv6Address: ::ffff:10.0.0.1
    projectcalico.org/IPv4IPIPTunnelAddr: 192.168.0.1/24
    projectcalico.org/IPv4VXLANTunnelAddr: x
    projectcalico.org/IPv6VXLANTunnelAddr: fe80::1%eth0
    projectcalico.org/IPv4WireguardInterfaceAddr: 192.168.0.0/24
    projectcalico.org/Interfaces: '[{"name":"eth0","addresses":["x","10.0.0.1","y"]}]'
`,
			want: `
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n1, labels: {a: b}, annotations: {projectcalico.org/kube-labels: '{"a":"b"}'}}
spec:
  orchRefs: [{nodeName: n1, orchestrator: k8s}]
  wireguard: {interfaceIPv4Address: 192.168.0.0/24}
  interfaces: [{name: eth0, addresses: [10.0.0.1]}]
`,
			ignored: []string{
				`annotation projectcalico.org/labels of Kubernetes node "n1" is ignored: it is no JSON object of strings (`,
				`annotation projectcalico.org/annotations of Kubernetes node "n1" is ignored: it is no JSON object of strings (`,
				`annotation projectcalico.org/IPv4Address of Kubernetes node "n1" is ignored: "fd00::1/64" is no IPv4 address`,
				`annotation projectcalico.org/IPv6Address of Kubernetes node "n1" is ignored: "::ffff:10.0.0.1" is no IPv6 address`,
				`annotation projectcalico.org/IPv4IPIPTunnelAddr of Kubernetes node "n1" is ignored: "192.168.0.1/24" has bits after its prefix length`,
				`annotation projectcalico.org/ASNumber of Kubernetes node "n1" is ignored: "many" is no AS number`,
				`annotation projectcalico.org/IPv4VXLANTunnelAddr of Kubernetes node "n1" is ignored: "x" is no IP address`,
				`annotation projectcalico.org/IPv6VXLANTunnelAddr of Kubernetes node "n1" is ignored: "fe80::1%eth0" is no IP address`,
				`address "x" of interface "eth0" in annotation projectcalico.org/Interfaces of Kubernetes node "n1" is ignored: it is no IP address`,
				`address "y" of interface "eth0"`,
			},
		},
		{
			name:    "interfaces of another shape",
			in:      `metadata: {name: n1, annotations: {projectcalico.org/Interfaces: '{"name":"eth0"}'}}`,
			want:    `{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: n1, annotations: {projectcalico.org/kube-labels: '{}'}}, spec: {orchRefs: [{nodeName: n1, orchestrator: k8s}]}}`,
			ignored: []string{`annotation projectcalico.org/Interfaces of Kubernetes node "n1" is ignored: it is no JSON list of interfaces (`},
		},
		{
			name: "tunnel addresses from the pod range",
			in: `
metadata:
  name: n1
  annotations:
    projectcalico.org/IPv4IPIPTunnelAddr: 192.168.0.1
    projectcalico.org/IPv4WireguardInterfaceAddr: 192.168.0.3
    projectcalico.org/WireguardPublicKey: key
spec: {podCIDR: 10.244.7.9/24}
`,
			options: resources.KubernetesNodeOptions{UsePodCIDR: true},
			want: `
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n1, annotations: {projectcalico.org/kube-labels: '{}'}}
spec:
  bgp: {ipv4IPIPTunnelAddr: 10.244.7.1}
  orchRefs: [{nodeName: n1, orchestrator: k8s}]
  wireguard: {interfaceIPv4Address: 10.244.7.1}
status: {wireguardPublicKey: key}
`,
		},
		{
			name: "no pod range to take them from",
			in: `
metadata:
  name: n1
  annotations:
    projectcalico.org/IPv4IPIPTunnelAddr: 192.168.0.1
    projectcalico.org/IPv4WireguardInterfaceAddr: 192.168.0.3
    projectcalico.org/WireguardPublicKey: key
`,
			options: resources.KubernetesNodeOptions{UsePodCIDR: true},
			want: `
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n1, annotations: {projectcalico.org/kube-labels: '{}'}}
spec:
  bgp: {ipv4IPIPTunnelAddr: 192.168.0.1}
  orchRefs: [{nodeName: n1, orchestrator: k8s}]
  wireguard: {interfaceIPv4Address: 192.168.0.3}
status: {wireguardPublicKey: key}
`,
		},
		{
			name:    "a pod range of the other family",
			in:      `{metadata: {name: n1}, spec: {podCIDR: "fd00::/64"}}`,
			options: resources.KubernetesNodeOptions{UsePodCIDR: true},
			want:    `{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: n1, annotations: {projectcalico.org/kube-labels: '{}'}}, spec: {orchRefs: [{nodeName: n1, orchestrator: k8s}]}}`,
			ignored: []string{`podCIDR "fd00::/64" of Kubernetes node "n1" gives no tunnel address: it is no IPv4 network`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var in resources.KubernetesNode
			if err := yaml.Unmarshal([]byte(tt.in), &in); err != nil {
				t.Fatal(err)
			}
			got, ignored := resources.NodeFromKubernetes(&in, tt.options)
			want := resources.Node.New()
			if err := yaml.UnmarshalStrict([]byte(tt.want), want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, resources.Object(got)); diff != "" {
				t.Errorf("node (-want +got):\n%s", diff)
			}
			for i := range max(len(ignored), len(tt.ignored)) {
				if i >= len(ignored) || i >= len(tt.ignored) || !strings.HasPrefix(ignored[i], tt.ignored[i]) {
					t.Fatalf("ignored:\n%s\nwant:\n%s", strings.Join(ignored, "\n"), strings.Join(tt.ignored, "\n"))
				}
			}
		})
	}
}

// TestNodeFromKubernetesOwnsItsParts changes the one and looks at the other.
func TestNodeFromKubernetesOwnsItsParts(t *testing.T) {
	in := resources.KubernetesNode{Spec: resources.KubernetesNodeSpec{PodCIDRs: []string{"10.0.0.0/24"}}}
	in.Labels = map[string]string{"a": "b"}
	before, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out, _ := resources.NodeFromKubernetes(&in, resources.KubernetesNodeOptions{})
	out.Labels["a"] = "c"
	out.Status.PodCIDRs[0] = "10.0.1.0/24"
	after, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(before), string(after)); diff != "" {
		t.Errorf("the Kubernetes node has changed:\n%s", diff)
	}
}
