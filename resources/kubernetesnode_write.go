package resources

import (
	"encoding/json"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// KubernetesNodeAnnotations gives the annotations that a Kubernetes node must have to stand for node. before is the
// Calico node that it stands for now: what node has as before stays as it is written. Labels that Kubernetes
// has are not among those that are stored in an annotation.
func KubernetesNodeAnnotations(in *KubernetesNode, before, node *v3.Node) map[string]string {
	annotations := maps.Clone(in.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	w := nodeWriter(annotations)
	was, is := withAllParts(before), withAllParts(node)
	for _, t := range nodeTexts() {
		if text := *t.of(is); text != *t.of(was) {
			w.set(t.annotation, text)
		}
	}
	if number := is.Spec.BGP.ASNumber; !equality.Semantic.DeepEqual(number, was.Spec.BGP.ASNumber) {
		text := ""
		if number != nil {
			text = number.String()
		}
		w.set(annotationASNumber, text)
	}
	if !equality.Semantic.DeepEqual(is.Spec.Interfaces, was.Spec.Interfaces) {
		text := ""
		if len(is.Spec.Interfaces) > 0 {
			plain, _ := json.Marshal(is.Spec.Interfaces) // plain data has a JSON form
			text = string(plain)
		}
		w.set(annotationInterfaces, text)
	}
	own := maps.Clone(node.Annotations)
	delete(own, annotationKubeLabels)
	w.setMap(annotationAnnotations, own)
	labels := maps.Clone(node.Labels)
	maps.DeleteFunc(labels, func(key, _ string) bool { _, kubernetes := in.Labels[key]; return kubernetes })
	w.setMap(annotationLabels, labels)
	return annotations
}

type nodeWriter map[string]string

// set stores a value, or removes the annotation if there is none.
func (w nodeWriter) set(annotation, value string) {
	if value == "" {
		delete(w, annotation)
		return
	}
	w[annotation] = value
}

func (w nodeWriter) setMap(annotation string, values map[string]string) {
	text := ""
	if len(values) > 0 {
		text = labelsJSON(values)
	}
	w.set(annotation, text)
}

// nodeText is a text of a Calico node that an annotation of the Kubernetes node holds.
type nodeText struct {
	annotation string
	field      string
	// of is where a node that has all parts has it.
	of func(*v3.Node) *string
	// users tells that users write it; the others are written by the nodes themselves.
	users bool
}

func nodeTexts() []nodeText {
	return []nodeText{
		{annotationIPv4Address, "spec.bgp.ipv4Address", func(n *v3.Node) *string { return &n.Spec.BGP.IPv4Address }, true},
		{annotationIPv6Address, "spec.bgp.ipv6Address", func(n *v3.Node) *string { return &n.Spec.BGP.IPv6Address }, true},
		{
			annotationRouteReflectorClusterID, "spec.bgp.routeReflectorClusterID",
			func(n *v3.Node) *string { return &n.Spec.BGP.RouteReflectorClusterID }, true,
		},
		{annotationIPv4IPIPTunnelAddr, FieldIPIPTunnelAddress, func(n *v3.Node) *string { return &n.Spec.BGP.IPv4IPIPTunnelAddr }, false},
		{annotationIPv4VXLANTunnelAddr, "spec.ipv4VXLANTunnelAddr", func(n *v3.Node) *string { return &n.Spec.IPv4VXLANTunnelAddr }, false},
		{annotationIPv6VXLANTunnelAddr, "spec.ipv6VXLANTunnelAddr", func(n *v3.Node) *string { return &n.Spec.IPv6VXLANTunnelAddr }, false},
		{annotationVXLANTunnelMACAddr, "spec.vxlanTunnelMACAddr", func(n *v3.Node) *string { return &n.Spec.VXLANTunnelMACAddr }, false},
		{annotationVXLANTunnelMACAddrV6, "spec.vxlanTunnelMACAddrV6", func(n *v3.Node) *string { return &n.Spec.VXLANTunnelMACAddrV6 }, false},
		{annotationIPv4WireguardAddr, FieldWireguardAddress, func(n *v3.Node) *string { return &n.Spec.Wireguard.InterfaceIPv4Address }, false},
		{
			annotationIPv6WireguardAddr, "spec.wireguard.interfaceIPv6Address",
			func(n *v3.Node) *string { return &n.Spec.Wireguard.InterfaceIPv6Address }, false,
		},
		{annotationWireguardPublicKey, "status.wireguardPublicKey", func(n *v3.Node) *string { return &n.Status.WireguardPublicKey }, false},
		{annotationWireguardPublicKeyV6, "status.wireguardPublicKeyV6", func(n *v3.Node) *string { return &n.Status.WireguardPublicKeyV6 }, false},
	}
}

// withAllParts copies a node, with empty parts where it has none.
func withAllParts(node *v3.Node) *v3.Node {
	out := node.DeepCopy()
	if out.Spec.BGP == nil {
		out.Spec.BGP = &v3.NodeBGPSpec{}
	}
	if out.Spec.Wireguard == nil {
		out.Spec.Wireguard = &v3.NodeWireguardSpec{}
	}
	return out
}

// Fields of a Calico node that, on Kubernetes, follow from something else. The texts of them
// do so only if the tunnel addresses are taken from the pod range.
const (
	FieldAddresses         = "spec.addresses"
	FieldOrchRefs          = "spec.orchRefs"
	FieldPodCIDRs          = "status.podCIDRs"
	FieldIPIPTunnelAddress = "spec.bgp.ipv4IPIPTunnelAddr"
	FieldWireguardAddress  = "spec.wireguard.interfaceIPv4Address"
	FieldKubeLabels        = "metadata.annotations[" + annotationKubeLabels + "]"
	FieldFinalizers        = "metadata.finalizers"
	FieldOwnerReferences   = "metadata.ownerReferences"
)

// LostNodeFields are the fields that node has otherwise than before and that are not stored so: got is what is read
// after node has been written.
func LostNodeFields(before, node, got *v3.Node) (lost []string) {
	note := func(field string, of func(*v3.Node) any) {
		is := of(node)
		if !equality.Semantic.DeepEqual(is, of(before)) && !equality.Semantic.DeepEqual(is, of(got)) {
			lost = append(lost, field)
		}
	}
	note(FieldKubeLabels, func(n *v3.Node) any { return n.Annotations[annotationKubeLabels] })
	note(FieldFinalizers, func(n *v3.Node) any { return n.Finalizers })
	note(FieldOwnerReferences, func(n *v3.Node) any { return n.OwnerReferences })
	note(FieldAddresses, func(n *v3.Node) any { return n.Spec.Addresses })
	note(FieldOrchRefs, func(n *v3.Node) any { return n.Spec.OrchRefs })
	note(FieldPodCIDRs, func(n *v3.Node) any { return n.Status.PodCIDRs })
	for _, t := range nodeTexts() {
		note(t.field, func(n *v3.Node) any { return *t.of(withAllParts(n)) })
	}
	return lost
}

// CompleteNode gives the Calico node that is read after a user has written out given to replace stored.
// Tunnel addresses, WireGuard keys and interfaces are written by the nodes themselves: where given leaves them out
// they stay, and so do Kubernetes' own labels. ignored are the fields of given that cannot be stored as it has them.
func CompleteNode(stored, given *v3.Node, options KubernetesNodeOptions) (completed *v3.Node, ignored []string) {
	full, was := withAllParts(given), withAllParts(stored)
	for _, t := range nodeTexts() {
		if text := t.of(full); *text == "" && !t.users {
			*text = *t.of(was)
		}
	}
	if len(full.Spec.Interfaces) == 0 {
		full.Spec.Interfaces = was.Spec.Interfaces
	}
	in := kubernetesNodeOf(stored)
	changed := *in
	changed.Annotations = KubernetesNodeAnnotations(in, stored, full)
	got, _ := NodeFromKubernetes(&changed, options)
	completed = given.DeepCopy()
	completed.Labels, completed.Annotations = got.Labels, got.Annotations
	completed.Spec, completed.Status = got.Spec, got.Status
	return completed, ignoredNodeFields(stored, full, got)
}

// ignoredNodeFields are the fields that given asks for and neither stored nor got has. A list asks for what is in it.
func ignoredNodeFields(stored, given, got *v3.Node) (ignored []string) {
	for _, a := range given.Spec.Addresses {
		if !slices.ContainsFunc(slices.Concat(stored.Spec.Addresses, got.Spec.Addresses), func(has v3.NodeAddress) bool {
			return has.Address == a.Address && (has.Type == a.Type || a.Type == "")
		}) {
			ignored = append(ignored, FieldAddresses)
			break
		}
	}
	if !hasAll(got.Spec.OrchRefs, given.Spec.OrchRefs) {
		ignored = append(ignored, FieldOrchRefs)
	}
	if !hasAll(got.Status.PodCIDRs, given.Status.PodCIDRs) {
		ignored = append(ignored, FieldPodCIDRs)
	}
	was, is, then := withAllParts(stored), withAllParts(given), withAllParts(got)
	for _, t := range nodeTexts() {
		if text := *t.of(is); text != *t.of(was) && text != *t.of(then) {
			ignored = append(ignored, t.field)
		}
	}
	return ignored
}

func hasAll[T comparable](all, some []T) bool {
	return !slices.ContainsFunc(some, func(one T) bool { return !slices.Contains(all, one) })
}

// kubernetesNodeOf is as much of the Kubernetes node as node, which was read from it, tells.
func kubernetesNodeOf(node *v3.Node) *KubernetesNode {
	in := &KubernetesNode{ObjectMeta: node.ObjectMeta}
	in.Labels, in.Annotations = KubernetesLabels(node), nil
	in.Spec.PodCIDRs = node.Status.PodCIDRs
	if len(in.Spec.PodCIDRs) > 0 {
		in.Spec.PodCIDR = in.Spec.PodCIDRs[0]
	}
	for _, a := range node.Spec.Addresses {
		if a.Type != v3.CalicoNodeIP {
			in.Status.Addresses = append(in.Status.Addresses, KubernetesNodeAddress{Type: a.Type, Address: a.Address})
		}
	}
	in.Annotations = KubernetesNodeAnnotations(in, &v3.Node{}, node)
	return in
}

// KubernetesLabels are those labels of a Calico node that Kubernetes had when it was read; none if it was not read.
func KubernetesLabels(node *v3.Node) map[string]string {
	var labels map[string]string
	if json.Unmarshal([]byte(node.Annotations[annotationKubeLabels]), &labels) != nil {
		return nil
	}
	return labels
}
