package v3

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Profile holds the rules that apply to an endpoint after all policy, and labels
// that the endpoint inherits. It is no custom resource: in Kubernetes, profiles come
// from namespaces and service accounts.
//
// +kubebuilder:object:root=true
type Profile struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec ProfileSpec `json:"spec,omitempty"`
}

// ProfileSpec is the content of a profile.
type ProfileSpec struct {
	Ingress []Rule `json:"ingress,omitempty"`
	Egress  []Rule `json:"egress,omitempty"`
	// LabelsToApply are inherited by endpoints that lack a label of that name.
	LabelsToApply map[string]string `json:"labelsToApply,omitempty"`
}
