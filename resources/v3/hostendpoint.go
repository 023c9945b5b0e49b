package v3

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// AllInterfaces is the interfaceName of a host endpoint that stands for every
// interface of its node that no other host endpoint names.
const AllInterfaces = "*"

// HostEndpoint stands for one or all network interfaces of a node, so that policy
// can select them.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,path=hostendpoints,shortName={hep,heps}
// +kubebuilder:printcolumn:name="Node",type=string,JSONPath=`.spec.node`
// +kubebuilder:printcolumn:name="Interface",type=string,JSONPath=`.spec.interfaceName`
type HostEndpoint struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec HostEndpointSpec `json:"spec,omitempty"`
}

// HostEndpointSpec says which interface is meant and what governs it beside policy.
//
// +kubebuilder:validation:XValidation:rule="has(self.interfaceName) && size(self.interfaceName) > 0 || has(self.expectedIPs) && size(self.expectedIPs) > 0",message="at least one of interfaceName or expectedIPs must be specified"
type HostEndpointSpec struct {
	// Node is the name of the Calico node that has the interface.
	// +kubebuilder:validation:MinLength=1
	Node string `json:"node,omitempty"`
	// InterfaceName is "*" for all interfaces, a name of at most 15 bytes, or empty
	// when ExpectedIPs finds the interface.
	// +kubebuilder:validation:MaxLength=15
	InterfaceName string `json:"interfaceName,omitempty"`
	// ExpectedIPs are plain addresses, never networks. Rule selectors that mean this
	// endpoint match by them.
	// +listType=set
	ExpectedIPs []string `json:"expectedIPs,omitempty"`
	// Profiles are consulted in order after all policy.
	// +listType=set
	Profiles []string `json:"profiles,omitempty"`
	// Ports names ports of the endpoint, for rules that refer to ports by name.
	Ports []EndpointPort `json:"ports,omitempty"`
}

// EndpointPort is a named port of a host endpoint.
type EndpointPort struct {
	Name     string   `json:"name"`
	Protocol Protocol `json:"protocol"`
	// +kubebuilder:validation:Minimum=1
	Port uint16 `json:"port"`
}
