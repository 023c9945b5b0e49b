package v3

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FelixConfiguration configures the agent on the nodes.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,path=felixconfigurations
type FelixConfiguration struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec FelixConfigurationSpec `json:"spec,omitempty"`
}

// FelixConfigurationSpec holds the agent's parameters; nil and empty mean its default.
type FelixConfigurationSpec struct {
	// +listType=atomic
	FailsafeInboundHostPorts *[]ProtoPort `json:"failsafeInboundHostPorts,omitempty"`
}

// ProtoPort is a port that stays open whatever policy says.
type ProtoPort struct {
	Protocol string `json:"protocol,omitempty"`
	Port     uint16 `json:"port"`
	Net      string `json:"net,omitempty"`
}
