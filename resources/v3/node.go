package v3

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Node is a machine that Calico runs on. It is no custom resource: in Kubernetes it is
// the Kubernetes node itself.
//
// +kubebuilder:object:root=true
type Node struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   NodeSpec   `json:"spec"`
	Status NodeStatus `json:"status"`
}

// NodeSpec holds the addresses of a node.
type NodeSpec struct {
	BGP *NodeBGPSpec `json:"bgp,omitempty"`

	IPv4VXLANTunnelAddr  string `json:"ipv4VXLANTunnelAddr,omitempty"`
	VXLANTunnelMACAddr   string `json:"vxlanTunnelMACAddr,omitempty"`
	IPv6VXLANTunnelAddr  string `json:"ipv6VXLANTunnelAddr,omitempty"`
	VXLANTunnelMACAddrV6 string `json:"vxlanTunnelMACAddrV6,omitempty"`

	// OrchRefs say which orchestrator's node this is.
	OrchRefs  []OrchRef          `json:"orchRefs,omitempty"`
	Wireguard *NodeWireguardSpec `json:"wireguard,omitempty"`
	// Addresses are all addresses by which the node is known.
	Addresses []NodeAddress `json:"addresses,omitempty"`
	// Interfaces are the node's own interfaces, without those of workloads.
	Interfaces []NodeInterface `json:"interfaces,omitempty"`
}

// NodeBGPSpec holds a node's routing identity.
type NodeBGPSpec struct {
	ASNumber *ASNumber `json:"asNumber,omitempty"`
	// IPv4Address is an address, or an address with its prefix length.
	IPv4Address             string `json:"ipv4Address,omitempty"`
	IPv6Address             string `json:"ipv6Address,omitempty"`
	IPv4IPIPTunnelAddr      string `json:"ipv4IPIPTunnelAddr,omitempty"`
	RouteReflectorClusterID string `json:"routeReflectorClusterID,omitempty"`
}

// OrchRef is a reference to the node in an orchestrator, "k8s" for Kubernetes.
type OrchRef struct {
	NodeName     string `json:"nodeName,omitempty"`
	Orchestrator string `json:"orchestrator"`
}

// NodeWireguardSpec holds the addresses of the encrypting interfaces.
type NodeWireguardSpec struct {
	InterfaceIPv4Address string `json:"interfaceIPv4Address,omitempty"`
	InterfaceIPv6Address string `json:"interfaceIPv6Address,omitempty"`
}

// Kinds of node addresses.
const (
	CalicoNodeIP = "CalicoNodeIP"
	InternalIP   = "InternalIP"
	ExternalIP   = "ExternalIP"
)

// NodeAddress is one address of a node and where it comes from.
type NodeAddress struct {
	// Address is an address, or an address with its prefix length for CalicoNodeIP.
	Address string `json:"address"`
	Type    string `json:"type,omitempty"`
}

// NodeInterface is one interface of a node and its addresses.
type NodeInterface struct {
	Name      string   `json:"name,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
}

// NodeStatus holds what components report of a node.
type NodeStatus struct {
	WireguardPublicKey   string   `json:"wireguardPublicKey,omitempty"`
	WireguardPublicKeyV6 string   `json:"wireguardPublicKeyV6,omitempty"`
	PodCIDRs             []string `json:"podCIDRs,omitempty"`
}
