package v3

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GlobalNetworkSet gives labels to a list of networks, so that rule selectors can mean them.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,path=globalnetworksets
type GlobalNetworkSet struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec GlobalNetworkSetSpec `json:"spec,omitempty"`
}

// GlobalNetworkSetSpec is the list.
type GlobalNetworkSetSpec struct {
	// Nets are addresses or networks in CIDR form; host bits are ignored.
	// +listType=set
	Nets []string `json:"nets,omitempty"`
}
