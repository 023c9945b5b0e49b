package v3

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// KubeControllersConfiguration configures the controllers of a cluster, automatic host
// endpoints among them. Only the object named "default" has a meaning.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,path=kubecontrollersconfigurations,shortName={kcc,kccs}
type KubeControllersConfiguration struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec KubeControllersConfigurationSpec `json:"spec,omitempty"`
	// +optional
	Status KubeControllersConfigurationStatus `json:"status"`
}

// KubeControllersConfigurationSpec is what is asked of the controllers.
type KubeControllersConfigurationSpec struct {
	// +kubebuilder:validation:Enum=None;Debug;Info;Warning;Error;Fatal;Panic
	LogSeverityScreen string `json:"logSeverityScreen,omitempty"`
	// +kubebuilder:validation:Enum=Enabled;Disabled
	// +kubebuilder:default=Enabled
	HealthChecks           string           `json:"healthChecks,omitempty"`
	EtcdV3CompactionPeriod *metav1.Duration `json:"etcdV3CompactionPeriod,omitempty"`
	// PrometheusMetricsPort is 0 for off.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	// +kubebuilder:default=9094
	PrometheusMetricsPort *int              `json:"prometheusMetricsPort,omitempty"`
	Controllers           ControllersConfig `json:"controllers"`
	// DebugProfilePort serves profiles when it is set.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	DebugProfilePort *int32 `json:"debugProfilePort,omitempty"`
}

// ControllersConfig has one section for each controller; a nil section is off.
type ControllersConfig struct {
	Node             *NodeControllerConfig      `json:"node,omitempty"`
	Policy           *ReconcilerConfig          `json:"policy,omitempty"`
	WorkloadEndpoint *ReconcilerConfig          `json:"workloadEndpoint,omitempty"`
	ServiceAccount   *ReconcilerConfig          `json:"serviceAccount,omitempty"`
	Namespace        *ReconcilerConfig          `json:"namespace,omitempty"`
	LoadBalancer     *LoadBalancerConfig        `json:"loadBalancer,omitempty"`
	Migration        *MigrationControllerConfig `json:"migration,omitempty"`
}

// NodeControllerConfig configures what follows the nodes.
type NodeControllerConfig struct {
	ReconcilerPeriod *metav1.Duration `json:"reconcilerPeriod,omitempty"`
	// +kubebuilder:validation:Enum=Enabled;Disabled
	SyncLabels   string                  `json:"syncLabels,omitempty"`
	HostEndpoint *AutoHostEndpointConfig `json:"hostEndpoint,omitempty"`
	// LeakGracePeriod is 0 for off.
	// +kubebuilder:default="15m0s"
	LeakGracePeriod *metav1.Duration `json:"leakGracePeriod,omitempty"`
}

// AutoHostEndpointConfig configures automatic host endpoints.
type AutoHostEndpointConfig struct {
	// AutoCreate makes and keeps a host endpoint for each node.
	// +kubebuilder:validation:Enum=Enabled;Disabled
	AutoCreate string `json:"autoCreate,omitempty"`
	// CreateDefaultHostEndpoint asks for the endpoint that stands for all interfaces; empty means Enabled.
	CreateDefaultHostEndpoint string `json:"createDefaultHostEndpoint,omitempty"`
	// Templates ask for further endpoints.
	Templates []Template `json:"templates,omitempty"`
}

// Template describes further automatic host endpoints of the nodes that it selects.
type Template struct {
	// GenerateName is the middle of the endpoint's name.
	// +kubebuilder:validation:MaxLength=253
	GenerateName string `json:"generateName,omitempty"`
	// InterfaceCIDRs choose addresses of the node.
	// +listType=set
	InterfaceCIDRs []string `json:"interfaceCIDRs,omitempty"`
	// InterfacePattern is an RE2 expression, unanchored, over the node's interface names.
	InterfacePattern string `json:"interfacePattern,omitempty"`
	// NodeSelector chooses nodes by label; empty means all.
	NodeSelector string            `json:"nodeSelector,omitempty"`
	Labels       map[string]string `json:"labels,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

// ReconcilerConfig configures a controller that has nothing but a period.
type ReconcilerConfig struct {
	ReconcilerPeriod *metav1.Duration `json:"reconcilerPeriod,omitempty"`
}

// LoadBalancerConfig configures addresses for services of type LoadBalancer.
type LoadBalancerConfig struct {
	// +kubebuilder:validation:Enum=AllServices;RequestedServicesOnly
	// +kubebuilder:default=AllServices
	AssignIPs string `json:"assignIPs,omitempty"`
}

// MigrationControllerConfig configures data migrations.
type MigrationControllerConfig struct {
	// +kubebuilder:validation:Enum=Disabled;Enabled
	PolicyNameMigrator string `json:"policyNameMigrator,omitempty"`
}

// KubeControllersConfigurationStatus is what the controllers really run with.
type KubeControllersConfigurationStatus struct {
	RunningConfig *KubeControllersConfigurationSpec `json:"runningConfig,omitempty"`
	// EnvironmentVars are the variables that override the spec, with their raw values.
	EnvironmentVars map[string]string `json:"environmentVars,omitempty"`
}
