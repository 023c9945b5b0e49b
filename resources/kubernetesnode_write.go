package resources

import (
	"encoding/json"
	"maps"
	"slices"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// KubernetesNodeAnnotations gives the annotations that a Kubernetes node must have to stand for a
// Calico node: those that it has, with what node says laid over them. Labels that
// Kubernetes has are not among those that are stored in an annotation.
//
// Tunnel addresses, WireGuard keys and interfaces are written by the nodes themselves: where node leaves them
// out, they stay. Kubernetes' own labels can only be changed in Kubernetes: the names of those that node has with
// another value are returned.
func KubernetesNodeAnnotations(in *KubernetesNode, node *v3.Node) (annotations map[string]string, foreign []string) {
	annotations = maps.Clone(in.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	w := nodeWriter(annotations)
	bgp, wireguard := v3.NodeBGPSpec{}, v3.NodeWireguardSpec{}
	if node.Spec.BGP != nil {
		bgp = *node.Spec.BGP
	}
	if node.Spec.Wireguard != nil {
		wireguard = *node.Spec.Wireguard
	}
	number := ""
	if bgp.ASNumber != nil {
		number = bgp.ASNumber.String()
	}
	w.set(annotationIPv4Address, bgp.IPv4Address)
	w.set(annotationIPv6Address, bgp.IPv6Address)
	w.set(annotationASNumber, number)
	w.set(annotationRouteReflectorClusterID, bgp.RouteReflectorClusterID)
	for annotation, value := range map[string]string{
		annotationIPv4IPIPTunnelAddr:   bgp.IPv4IPIPTunnelAddr,
		annotationIPv4VXLANTunnelAddr:  node.Spec.IPv4VXLANTunnelAddr,
		annotationIPv6VXLANTunnelAddr:  node.Spec.IPv6VXLANTunnelAddr,
		annotationVXLANTunnelMACAddr:   node.Spec.VXLANTunnelMACAddr,
		annotationVXLANTunnelMACAddrV6: node.Spec.VXLANTunnelMACAddrV6,
		annotationIPv4WireguardAddr:    wireguard.InterfaceIPv4Address,
		annotationIPv6WireguardAddr:    wireguard.InterfaceIPv6Address,
		annotationWireguardPublicKey:   node.Status.WireguardPublicKey,
		annotationWireguardPublicKeyV6: node.Status.WireguardPublicKeyV6,
	} {
		if value != "" {
			w.set(annotation, value)
		}
	}
	if len(node.Spec.Interfaces) > 0 {
		text, _ := json.Marshal(node.Spec.Interfaces) // plain data has a JSON form
		w.set(annotationInterfaces, string(text))
	}
	own := maps.Clone(node.Annotations)
	delete(own, annotationKubeLabels)
	w.setMap(annotationAnnotations, own)

	labels := maps.Clone(node.Labels)
	for key, value := range in.Labels {
		if given, ok := labels[key]; ok && given != value {
			foreign = append(foreign, key)
		}
		delete(labels, key)
	}
	w.setMap(annotationLabels, labels)
	slices.Sort(foreign)
	return annotations, foreign
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
