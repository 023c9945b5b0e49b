package v3

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// GlobalNetworkPolicy is an ordered list of rules for every endpoint that its
// selector matches, in the whole cluster.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,path=globalnetworkpolicies,shortName={gnp,cgnp}
// +kubebuilder:printcolumn:name="Tier",type=string,JSONPath=`.spec.tier`
// +kubebuilder:printcolumn:name="Order",type=number,JSONPath=`.spec.order`
// +kubebuilder:selectablefield:JSONPath=`.spec.tier`
type GlobalNetworkPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec GlobalNetworkPolicySpec `json:"spec,omitempty"`
}

// GlobalNetworkPolicySpec is the policy itself.
type GlobalNetworkPolicySpec struct {
	// Tier is the name of the tier that the policy is evaluated in.
	// +kubebuilder:default=default
	Tier string `json:"tier,omitempty"`
	// Order sorts policies within their tier, lowest first; nil comes last.
	Order *float64 `json:"order,omitempty"`
	// +kubebuilder:validation:MaxItems=1024
	Ingress []Rule `json:"ingress,omitempty"`
	// +kubebuilder:validation:MaxItems=1024
	Egress []Rule `json:"egress,omitempty"`
	// Selector chooses endpoints by label; empty means all.
	// +kubebuilder:validation:MaxLength=1024
	Selector string `json:"selector,omitempty"`
	// Types lists the directions that the policy governs.
	// +kubebuilder:validation:MaxItems=2
	Types []PolicyType `json:"types,omitempty"`
	// DoNotTrack applies the policy before connection tracking.
	DoNotTrack bool `json:"doNotTrack,omitempty"`
	// PreDNAT applies the policy before destination addresses are rewritten.
	PreDNAT bool `json:"preDNAT,omitempty"`
	// ApplyOnForward applies the policy to forwarded traffic too.
	ApplyOnForward bool `json:"applyOnForward,omitempty"`
	// +kubebuilder:validation:MaxLength=1024
	ServiceAccountSelector string `json:"serviceAccountSelector,omitempty"`
	// +kubebuilder:validation:MaxLength=1024
	NamespaceSelector string `json:"namespaceSelector,omitempty"`
	// +listType=set
	PerformanceHints []PolicyPerformanceHint `json:"performanceHints,omitempty"`
}

// PolicyType is a direction of traffic, seen from the endpoint.
//
// +kubebuilder:validation:Enum=Ingress;Egress
type PolicyType string

// The directions.
const (
	PolicyTypeIngress PolicyType = "Ingress"
	PolicyTypeEgress  PolicyType = "Egress"
)

// PolicyPerformanceHint tells the dataplane how to treat a policy.
//
// +kubebuilder:validation:Enum=AssumeNeededOnEveryNode
type PolicyPerformanceHint string

// HintAssumeNeededOnEveryNode makes every node prepare the policy at once.
const HintAssumeNeededOnEveryNode PolicyPerformanceHint = "AssumeNeededOnEveryNode"

// Action is what a rule does with the traffic that it matches.
//
// +kubebuilder:validation:Enum=Allow;Deny;Log;Pass
type Action string

// The actions. Log goes on with the next rule, Pass with the next tier.
const (
	Allow Action = "Allow"
	Deny  Action = "Deny"
	Log   Action = "Log"
	Pass  Action = "Pass"
)

// Rule matches traffic by all of its criteria together.
type Rule struct {
	Action Action `json:"action"`
	// IPVersion restricts the rule to one address family.
	// +kubebuilder:validation:Enum=4;6
	IPVersion   *int        `json:"ipVersion,omitempty"`
	Protocol    *Protocol   `json:"protocol,omitempty"`
	ICMP        *ICMPFields `json:"icmp,omitempty"`
	NotProtocol *Protocol   `json:"notProtocol,omitempty"`
	NotICMP     *ICMPFields `json:"notICMP,omitempty"`
	Source      EntityRule  `json:"source,omitzero"`
	Destination EntityRule  `json:"destination,omitzero"`
	// HTTP is enforced by the application layer only, never on a host interface.
	HTTP     *HTTPMatch    `json:"http,omitempty"`
	Metadata *RuleMetadata `json:"metadata,omitempty"`
}

// ICMPFields are the type and code of an ICMP or ICMPv6 message; a code needs a type.
//
// +kubebuilder:validation:XValidation:rule="!has(self.code) || has(self.type)",message="ICMP code specified without an ICMP type"
type ICMPFields struct {
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=254
	Type *int `json:"type,omitempty"`
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=255
	Code *int `json:"code,omitempty"`
}

// EntityRule matches one end of a flow.
type EntityRule struct {
	// Nets are networks in CIDR form without host bits.
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	Nets []string `json:"nets,omitempty"`
	// Selector matches the addresses of the endpoints and network sets that it selects.
	// +kubebuilder:validation:MaxLength=1024
	Selector string `json:"selector,omitempty"`
	// +kubebuilder:validation:MaxLength=1024
	NamespaceSelector string        `json:"namespaceSelector,omitempty"`
	Services          *ServiceMatch `json:"services,omitempty"`
	// Ports are numbers, ranges "low:high" or names of endpoint ports.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Ports []Port `json:"ports,omitempty"`
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	NotNets []string `json:"notNets,omitempty"`
	// +kubebuilder:validation:MaxLength=1024
	NotSelector string `json:"notSelector,omitempty"`
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	NotPorts        []Port               `json:"notPorts,omitempty"`
	ServiceAccounts *ServiceAccountMatch `json:"serviceAccounts,omitempty"`
}

// ServiceMatch names a Kubernetes service whose endpoints are meant.
type ServiceMatch struct {
	Name      string `json:"name,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}

// ServiceAccountMatch chooses pods by their service account.
type ServiceAccountMatch struct {
	// +listType=set
	Names    []string `json:"names,omitempty"`
	Selector string   `json:"selector,omitempty"`
}

// HTTPMatch matches requests by method and path; an empty list matches any.
type HTTPMatch struct {
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	Methods []string `json:"methods,omitempty"`
	// +kubebuilder:validation:MaxItems=20
	Paths []HTTPPath `json:"paths,omitempty"`
}

// HTTPPath is either a whole path or the beginning of one.
type HTTPPath struct {
	Exact  string `json:"exact,omitempty"`
	Prefix string `json:"prefix,omitempty"`
}

// RuleMetadata carries notes about a rule.
type RuleMetadata struct {
	Annotations map[string]string `json:"annotations,omitempty"`
}

// StagedGlobalNetworkPolicy is a GlobalNetworkPolicy that is not enforced: a change
// waiting to be committed.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,path=stagedglobalnetworkpolicies,shortName={sgnp,scgnp}
type StagedGlobalNetworkPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec StagedGlobalNetworkPolicySpec `json:"spec,omitempty"`
}

// StagedAction says what committing a staged policy does.
//
// +kubebuilder:validation:Enum=Set;Delete;Learn;Ignore
type StagedAction string

// The staged actions.
const (
	StagedActionSet    StagedAction = "Set"
	StagedActionDelete StagedAction = "Delete"
	StagedActionLearn  StagedAction = "Learn"
	StagedActionIgnore StagedAction = "Ignore"
)

// StagedGlobalNetworkPolicySpec is the staged policy and what to do with it.
type StagedGlobalNetworkPolicySpec struct {
	// +kubebuilder:default=Set
	StagedAction StagedAction `json:"stagedAction,omitempty"`

	GlobalNetworkPolicySpec `json:",inline"`
}
