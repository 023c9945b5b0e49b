package v3

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Tier is a group of policies that is evaluated as a whole, in order with the other tiers.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,path=tiers
// +kubebuilder:printcolumn:name="Order",type=number,JSONPath=`.spec.order`
type Tier struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec TierSpec `json:"spec,omitempty"`
	// +optional
	Status TierStatus `json:"status"`
}

// TierSpec places a tier.
type TierSpec struct {
	// Order sorts tiers, lowest first; nil comes last.
	// +kubebuilder:default=1000000
	Order *float64 `json:"order,omitempty"`
	// DefaultAction is taken when policies of the tier apply and none decides: Deny or Pass.
	// +kubebuilder:validation:Enum=Pass;Deny
	// +kubebuilder:default=Deny
	DefaultAction *Action `json:"defaultAction,omitempty"`
}

// TierStatus holds conditions that controllers report.
type TierStatus struct {
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
