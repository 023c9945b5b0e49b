package resources

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Annotations of a Kubernetes node that hold what a Calico node has and it has not.
const (
	annotationPrefix      = "projectcalico.org/"
	annotationLabels      = annotationPrefix + "labels"
	annotationAnnotations = annotationPrefix + "annotations"
	annotationKubeLabels  = annotationPrefix + "kube-labels"
	annotationInterfaces  = annotationPrefix + "Interfaces"

	annotationASNumber                = annotationPrefix + "ASNumber"
	annotationIPv4Address             = annotationPrefix + "IPv4Address"
	annotationIPv6Address             = annotationPrefix + "IPv6Address"
	annotationIPv4IPIPTunnelAddr      = annotationPrefix + "IPv4IPIPTunnelAddr"
	annotationRouteReflectorClusterID = annotationPrefix + "RouteReflectorClusterID"
	annotationIPv4VXLANTunnelAddr     = annotationPrefix + "IPv4VXLANTunnelAddr"
	annotationIPv6VXLANTunnelAddr     = annotationPrefix + "IPv6VXLANTunnelAddr"
	annotationVXLANTunnelMACAddr      = annotationPrefix + "VXLANTunnelMACAddr"
	annotationVXLANTunnelMACAddrV6    = annotationPrefix + "VXLANTunnelMACAddrV6"
	annotationIPv4WireguardAddr       = annotationPrefix + "IPv4WireguardInterfaceAddr"
	annotationIPv6WireguardAddr       = annotationPrefix + "IPv6WireguardInterfaceAddr"
	annotationWireguardPublicKey      = annotationPrefix + "WireguardPublicKey"
	annotationWireguardPublicKeyV6    = annotationPrefix + "WireguardPublicKeyV6"
)

// orchestratorKubernetes is what a node's reference says of a node from Kubernetes.
const orchestratorKubernetes = "k8s"

// KubernetesNode is as much of a Kubernetes node (apiVersion v1) as a Calico node is
// made from. Whoever decodes one must let pass the fields that are not here.
type KubernetesNode struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec   KubernetesNodeSpec   `json:"spec"`
	Status KubernetesNodeStatus `json:"status"`
}

// KubernetesNodeSpec holds the ranges that the node's pods have their addresses from.
type KubernetesNodeSpec struct {
	PodCIDR  string   `json:"podCIDR,omitempty"`
	PodCIDRs []string `json:"podCIDRs,omitempty"`
}

// KubernetesNodeStatus holds the addresses that the cluster knows the node by.
type KubernetesNodeStatus struct {
	Addresses []KubernetesNodeAddress `json:"addresses,omitempty"`
}

// KubernetesNodeAddress is an address, or a host name, as Type says.
type KubernetesNodeAddress struct {
	Type    string `json:"type"`
	Address string `json:"address"`
}

// KubernetesNodeOptions change how a Kubernetes node is read.
type KubernetesNodeOptions struct {
	// UsePodCIDR takes the tunnel address from the node's pod range, whatever the
	// annotation says. It is for clusters whose nodes hand out pod addresses themselves.
	UsePodCIDR bool
}

// NodeFromKubernetes makes the Calico node that a Kubernetes node stands for. Texts go
// over as they are written. What cannot be understood is left out of the Calico node,
// and each such thing is one of the sentences that come back.
//
// The name, uid, resource version, creation time and labels are those of the
// Kubernetes node; its annotations stay behind. Labels in the annotation
// projectcalico.org/labels come on top where Kubernetes has none of that key. The
// annotation projectcalico.org/kube-labels tells which labels are from Kubernetes.
func NodeFromKubernetes(in *KubernetesNode, options KubernetesNodeOptions) (*v3.Node, []string) {
	r := nodeReader{in: in, options: options}
	out := Node.New().(*v3.Node)
	r.metadata(out)
	r.bgp(out)
	r.tunnels(out)
	out.Spec.OrchRefs = []v3.OrchRef{{NodeName: in.Name, Orchestrator: orchestratorKubernetes}}
	r.addresses(out)
	r.interfaces(out)
	out.Status.PodCIDRs = append(out.Status.PodCIDRs, in.Spec.PodCIDRs...)
	return out, r.ignored
}

// nodeReader takes one Kubernetes node apart.
type nodeReader struct {
	in      *KubernetesNode
	options KubernetesNodeOptions
	ignored []string
}

func (r *nodeReader) ignore(annotation, why string, args ...any) {
	r.ignored = append(r.ignored, fmt.Sprintf("annotation %s of Kubernetes node %q is ignored: %s",
		annotation, r.in.Name, fmt.Sprintf(why, args...)))
}

func (r *nodeReader) metadata(out *v3.Node) {
	out.Name = r.in.Name
	out.UID = r.in.UID
	out.ResourceVersion = r.in.ResourceVersion
	out.CreationTimestamp = r.in.CreationTimestamp
	out.Labels = r.stringMap(annotationLabels)
	if out.Labels == nil && len(r.in.Labels) > 0 {
		out.Labels = make(map[string]string, len(r.in.Labels))
	}
	maps.Copy(out.Labels, r.in.Labels)
	out.Annotations = r.stringMap(annotationAnnotations)
	if out.Annotations == nil {
		out.Annotations = make(map[string]string, 1)
	}
	out.Annotations[annotationKubeLabels] = labelsJSON(r.in.Labels)
}

// labelsJSON is an object even if there are no labels.
func labelsJSON(labels map[string]string) string {
	if len(labels) == 0 {
		return "{}"
	}
	// A map of strings always has a JSON form.
	text, _ := json.Marshal(labels)
	return string(text)
}

// stringMap reads an annotation that is a JSON object of strings; nil if it is absent,
// empty or something else.
func (r *nodeReader) stringMap(annotation string) map[string]string {
	text := r.in.Annotations[annotation]
	if text == "" {
		return nil
	}
	var m map[string]string
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		r.ignore(annotation, "it is no JSON object of strings (%v)", err)
		return nil
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

func (r *nodeReader) bgp(out *v3.Node) {
	bgp := v3.NodeBGPSpec{
		IPv4Address:             r.routingAddress(annotationIPv4Address, "IPv4", netip.Addr.Is4),
		IPv6Address:             r.routingAddress(annotationIPv6Address, "IPv6", netip.Addr.Is6),
		IPv4IPIPTunnelAddr:      r.ipipTunnelAddress(),
		RouteReflectorClusterID: r.in.Annotations[annotationRouteReflectorClusterID],
	}
	if text := r.in.Annotations[annotationASNumber]; text != "" {
		quoted, _ := json.Marshal(text) // A string always has a JSON form.
		var number v3.ASNumber
		if err := number.UnmarshalJSON(quoted); err != nil {
			r.ignore(annotationASNumber, "%v", err)
		} else {
			bgp.ASNumber = &number
		}
	}
	if bgp != (v3.NodeBGPSpec{}) {
		out.Spec.BGP = &bgp
	}
}

// routingAddress reads an annotation that is an address of one family, with the prefix
// length of its network or without.
func (r *nodeReader) routingAddress(annotation, family string, right func(netip.Addr) bool) string {
	text := r.in.Annotations[annotation]
	if text == "" {
		return ""
	}
	if addr, _, ok := addressOf(text); !ok || !right(addr.Unmap()) {
		r.ignore(annotation, "%q is no %s address", text, family)
		return ""
	}
	return text
}

// tunnelAddress reads an annotation that is an address or a network. An address with
// the prefix length of a bigger network is neither.
func (r *nodeReader) tunnelAddress(annotation string) string {
	text := r.in.Annotations[annotation]
	if text == "" {
		return ""
	}
	switch addr, network, ok := addressOf(text); {
	case !ok:
		r.ignore(annotation, "%q is no IP address", text)
	case network.IsValid() && network.Masked().Addr() != addr:
		r.ignore(annotation, "%q has bits after its prefix length; write the address alone", text)
	default:
		return text
	}
	return ""
}

// ipipTunnelAddress is the first address after the pod range's own, if the options ask
// for it and there is a range; otherwise it is what the annotation says.
func (r *nodeReader) ipipTunnelAddress() string {
	if !r.options.UsePodCIDR || r.in.Spec.PodCIDR == "" {
		return r.tunnelAddress(annotationIPv4IPIPTunnelAddr)
	}
	network, err := netip.ParsePrefix(r.in.Spec.PodCIDR)
	first := network.Masked().Addr().Next()
	if err != nil || !first.Is4() {
		r.ignored = append(r.ignored, fmt.Sprintf(
			"podCIDR %q of Kubernetes node %q gives no tunnel address: it is no IPv4 network", r.in.Spec.PodCIDR, r.in.Name))
		return ""
	}
	return first.String()
}

func (r *nodeReader) tunnels(out *v3.Node) {
	a, spec := r.in.Annotations, &out.Spec
	spec.IPv4VXLANTunnelAddr = r.tunnelAddress(annotationIPv4VXLANTunnelAddr)
	spec.IPv6VXLANTunnelAddr = r.tunnelAddress(annotationIPv6VXLANTunnelAddr)
	spec.VXLANTunnelMACAddr = a[annotationVXLANTunnelMACAddr]
	spec.VXLANTunnelMACAddrV6 = a[annotationVXLANTunnelMACAddrV6]
	out.Status.WireguardPublicKey = a[annotationWireguardPublicKey]
	out.Status.WireguardPublicKeyV6 = a[annotationWireguardPublicKeyV6]

	wireguard := v3.NodeWireguardSpec{
		InterfaceIPv4Address: r.tunnelAddress(annotationIPv4WireguardAddr),
		InterfaceIPv6Address: r.tunnelAddress(annotationIPv6WireguardAddr),
	}
	fromRange := r.options.UsePodCIDR && r.in.Spec.PodCIDR != ""
	if fromRange && out.Status.WireguardPublicKey != "" && spec.BGP != nil {
		wireguard.InterfaceIPv4Address = spec.BGP.IPv4IPIPTunnelAddr
	}
	if wireguard != (v3.NodeWireguardSpec{}) {
		spec.Wireguard = &wireguard
	}
}

// addresses lists the routing addresses first, then those of the cluster in its order.
func (r *nodeReader) addresses(out *v3.Node) {
	add := func(address, kind string) {
		if address != "" {
			out.Spec.Addresses = append(out.Spec.Addresses, v3.NodeAddress{Address: address, Type: kind})
		}
	}
	if out.Spec.BGP != nil {
		add(out.Spec.BGP.IPv4Address, v3.CalicoNodeIP)
		add(out.Spec.BGP.IPv6Address, v3.CalicoNodeIP)
	}
	for _, a := range r.in.Status.Addresses {
		if a.Type == v3.InternalIP || a.Type == v3.ExternalIP {
			add(a.Address, a.Type)
		}
	}
}

func (r *nodeReader) interfaces(out *v3.Node) {
	text := r.in.Annotations[annotationInterfaces]
	if text == "" {
		return
	}
	var interfaces []v3.NodeInterface
	if err := json.Unmarshal([]byte(text), &interfaces); err != nil {
		r.ignore(annotationInterfaces, "it is no JSON list of interfaces (%v)", err)
		return
	}
	for _, i := range interfaces {
		var good []string
		for _, address := range i.Addresses {
			if _, _, ok := addressOf(address); !ok {
				r.ignored = append(r.ignored, fmt.Sprintf(
					"address %q of interface %q in annotation %s of Kubernetes node %q is ignored: it is no IP address",
					address, i.Name, annotationInterfaces, r.in.Name))
				continue
			}
			good = append(good, address)
		}
		out.Spec.Interfaces = append(out.Spec.Interfaces, v3.NodeInterface{Name: i.Name, Addresses: good})
	}
}

// addressOf reads an address, with the prefix length of its network (then the network
// is valid, though not masked) or without. An address with a zone is none: it means
// nothing away from its machine.
func addressOf(text string) (addr netip.Addr, network netip.Prefix, ok bool) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr, netip.Prefix{}, addr.Zone() == ""
	}
	network, err := netip.ParsePrefix(text)
	return network.Addr(), network, err == nil
}
