package v3

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FelixConfiguration configures the agent on the nodes: all of them when it is named
// "default", one of them when it is named "node." and the node's name.
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
	// UseInternalDataplaneDriver programs the kernel in the agent's own process.
	UseInternalDataplaneDriver *bool `json:"useInternalDataplaneDriver,omitempty"`
	// DataplaneDriver is the file name of an external driver.
	DataplaneDriver string `json:"dataplaneDriver,omitempty"`
	// DataplaneWatchdogTimeout is how long the driver may be silent before it counts as hung.
	DataplaneWatchdogTimeout *metav1.Duration `json:"dataplaneWatchdogTimeout,omitempty"`
	// IPv6Support switches IPv6 on.
	IPv6Support *bool `json:"ipv6Support,omitempty"`

	// RouteRefreshInterval is the time between two checks of the routes; 0 is never.
	RouteRefreshInterval *metav1.Duration `json:"routeRefreshInterval,omitempty"`
	// InterfaceRefreshInterval is the time between two checks of the interfaces; 0 is never.
	InterfaceRefreshInterval *metav1.Duration `json:"interfaceRefreshInterval,omitempty"`
	// IptablesRefreshInterval is the time between two checks of all iptables rules; 0 is never.
	IptablesRefreshInterval *metav1.Duration `json:"iptablesRefreshInterval,omitempty"`
	// IptablesPostWriteCheckInterval is the time from a write of rules to the check that they are still there.
	IptablesPostWriteCheckInterval *metav1.Duration `json:"iptablesPostWriteCheckInterval,omitempty"`
	// IptablesLockFilePath is the lock that iptables programs share.
	IptablesLockFilePath string `json:"iptablesLockFilePath,omitempty"`
	// IptablesLockTimeout is how long to wait for that lock; 0 is not to take it.
	IptablesLockTimeout *metav1.Duration `json:"iptablesLockTimeout,omitempty"`
	// IptablesLockProbeInterval is the time between two tries for that lock.
	IptablesLockProbeInterval *metav1.Duration `json:"iptablesLockProbeInterval,omitempty"`
	// FeatureDetectOverride forces what is detected of the kernel: "Name=true,Other=false".
	FeatureDetectOverride string `json:"featureDetectOverride,omitempty"`
	// FeatureGates switches experimental features: "Name=value,Other=value".
	FeatureGates string `json:"featureGates,omitempty"`
	// IpsetsRefreshInterval is the time between two checks of the IP sets; 0 is never.
	IpsetsRefreshInterval *metav1.Duration `json:"ipsetsRefreshInterval,omitempty"`
	// MaxIpsetSize is the most members that an IP set may have.
	MaxIpsetSize *int `json:"maxIpsetSize,omitempty"`
	// IptablesBackend is which kind of iptables programs is run.
	// +kubebuilder:validation:Pattern=`^(?i)(Auto|Legacy|NFT)?$`
	IptablesBackend *string `json:"iptablesBackend,omitempty"`
	// XDPRefreshInterval is the time between two checks of the XDP state; 0 is never.
	XDPRefreshInterval *metav1.Duration `json:"xdpRefreshInterval,omitempty"`
	// NetlinkTimeout is how long the kernel may take to answer.
	NetlinkTimeout *metav1.Duration `json:"netlinkTimeout,omitempty"`

	// MetadataAddr is the metadata server of OpenStack; "none" is none.
	MetadataAddr string `json:"metadataAddr,omitempty"`
	// MetadataPort is the port of that server.
	MetadataPort *int `json:"metadataPort,omitempty"`
	// OpenstackRegion is the region of the node, empty when there is only one.
	OpenstackRegion string `json:"openstackRegion,omitempty"`
	// InterfacePrefix is how names of workload interfaces begin, several separated by commas.
	InterfacePrefix string `json:"interfacePrefix,omitempty"`
	// InterfaceExclude lists interfaces to leave alone, names and /patterns/ separated by commas.
	InterfaceExclude string `json:"interfaceExclude,omitempty"`
	// ChainInsertMode says whether rules come first or last in the kernel's own chains.
	// +kubebuilder:validation:Pattern=`^(?i)(Insert|Append)?$`
	ChainInsertMode string `json:"chainInsertMode,omitempty"`
	// DefaultEndpointToHostAction is taken on traffic from workloads to their node after all policy.
	// +kubebuilder:validation:Pattern=`^(?i)(Drop|Accept|Return)?$`
	DefaultEndpointToHostAction string `json:"defaultEndpointToHostAction,omitempty"`
	// IptablesFilterAllowAction is taken on traffic that policy allows, in the filter table.
	// +kubebuilder:validation:Pattern=`^(?i)(Accept|Return)?$`
	IptablesFilterAllowAction string `json:"iptablesFilterAllowAction,omitempty"`
	// IptablesMangleAllowAction is the same in the mangle table, where preDNAT policy is.
	// +kubebuilder:validation:Pattern=`^(?i)(Accept|Return)?$`
	IptablesMangleAllowAction string `json:"iptablesMangleAllowAction,omitempty"`
	// IptablesFilterDenyAction is taken on traffic that policy denies.
	// +kubebuilder:validation:Pattern=`^(?i)(Drop|Reject)?$`
	IptablesFilterDenyAction string `json:"iptablesFilterDenyAction,omitempty"`

	// LogPrefix begins the lines that Log rules write.
	LogPrefix string `json:"logPrefix,omitempty"`
	// LogActionRateLimit bounds those lines: a number and a unit, "10/second".
	LogActionRateLimit *string `json:"logActionRateLimit,omitempty"`
	// LogActionRateLimitBurst is how many lines may come at once before the limit holds.
	LogActionRateLimitBurst *int `json:"logActionRateLimitBurst,omitempty"`
	// LogFilePath is the agent's own log file; "none" is none.
	LogFilePath string `json:"logFilePath,omitempty"`
	// LogSeverityFile is the least severity written to the file.
	// +kubebuilder:validation:Pattern=`^(?i)(Trace|Debug|Info|Warning|Error|Fatal)?$`
	LogSeverityFile string `json:"logSeverityFile,omitempty"`
	// LogSeverityScreen is the least severity written to standard output.
	// +kubebuilder:validation:Pattern=`^(?i)(Trace|Debug|Info|Warning|Error|Fatal)?$`
	LogSeverityScreen string `json:"logSeverityScreen,omitempty"`
	// LogSeveritySys is the least severity sent to syslog.
	// +kubebuilder:validation:Pattern=`^(?i)(Trace|Debug|Info|Warning|Error|Fatal)?$`
	LogSeveritySys string `json:"logSeveritySys,omitempty"`
	// LogDebugFilenameRegex chooses the source files whose debug lines are written.
	LogDebugFilenameRegex string `json:"logDebugFilenameRegex,omitempty"`

	// IPIPEnabled prepares the IP-in-IP device whether or not a pool asks for it.
	IPIPEnabled *bool `json:"ipipEnabled,omitempty"`
	// IPIPMTU is in bytes; 0 is to detect it.
	IPIPMTU *int `json:"ipipMTU,omitempty"`
	// VXLANEnabled prepares the VXLAN device whether or not a pool asks for it.
	VXLANEnabled *bool `json:"vxlanEnabled,omitempty"`
	// VXLANMTU is for IPv4, in bytes; 0 is to detect it.
	VXLANMTU *int `json:"vxlanMTU,omitempty"`
	// VXLANMTUV6 is for IPv6, in bytes; 0 is to detect it.
	VXLANMTUV6 *int `json:"vxlanMTUV6,omitempty"`
	// VXLANPort is a UDP port.
	VXLANPort *int `json:"vxlanPort,omitempty"`
	// VXLANVNI is the virtual network identifier.
	VXLANVNI *int `json:"vxlanVNI,omitempty"`
	// AllowVXLANPacketsFromWorkloads lets workloads tunnel by themselves.
	AllowVXLANPacketsFromWorkloads *bool `json:"allowVXLANPacketsFromWorkloads,omitempty"`
	// AllowIPIPPacketsFromWorkloads lets workloads tunnel by themselves.
	AllowIPIPPacketsFromWorkloads *bool `json:"allowIPIPPacketsFromWorkloads,omitempty"`

	// ReportingInterval is the time between two reports of the node's status; 0 is never.
	ReportingInterval *metav1.Duration `json:"reportingInterval,omitempty"`
	// ReportingTTL is how long a report stays valid.
	ReportingTTL *metav1.Duration `json:"reportingTTL,omitempty"`
	// EndpointReportingEnabled reports the status of every endpoint too.
	EndpointReportingEnabled *bool `json:"endpointReportingEnabled,omitempty"`
	// EndpointReportingDelay gathers changes for that long before it reports them.
	EndpointReportingDelay *metav1.Duration `json:"endpointReportingDelay,omitempty"`
	// EndpointStatusPathPrefix is the directory for files that tell local programs the status of endpoints.
	EndpointStatusPathPrefix *string `json:"endpointStatusPathPrefix,omitempty"`
	// IptablesMarkMask has a one for every packet mark bit that the agent may use.
	IptablesMarkMask *uint32 `json:"iptablesMarkMask,omitempty"`
	// DisableConntrackInvalidCheck lets packets through that connection tracking calls invalid.
	DisableConntrackInvalidCheck *bool `json:"disableConntrackInvalidCheck,omitempty"`

	// HealthEnabled serves liveness and readiness.
	HealthEnabled *bool `json:"healthEnabled,omitempty"`
	// HealthHost is the address to serve them on.
	HealthHost *string `json:"healthHost,omitempty"`
	// HealthPort is the port to serve them on.
	HealthPort *int `json:"healthPort,omitempty"`
	// HealthTimeoutOverrides gives parts of the agent more time, or less.
	HealthTimeoutOverrides []HealthTimeoutOverride `json:"healthTimeoutOverrides,omitempty"`
	// PrometheusMetricsEnabled serves metrics.
	PrometheusMetricsEnabled *bool `json:"prometheusMetricsEnabled,omitempty"`
	// PrometheusMetricsHost is the address to serve them on, empty for all.
	PrometheusMetricsHost string `json:"prometheusMetricsHost,omitempty"`
	// PrometheusMetricsPort is the port to serve them on.
	PrometheusMetricsPort *int `json:"prometheusMetricsPort,omitempty"`
	// PrometheusGoMetricsEnabled adds metrics of the language's runtime.
	PrometheusGoMetricsEnabled *bool `json:"prometheusGoMetricsEnabled,omitempty"`
	// PrometheusProcessMetricsEnabled adds metrics of the process.
	PrometheusProcessMetricsEnabled *bool `json:"prometheusProcessMetricsEnabled,omitempty"`
	// PrometheusWireGuardMetricsEnabled adds metrics of the encrypting interfaces.
	PrometheusWireGuardMetricsEnabled *bool `json:"prometheusWireGuardMetricsEnabled,omitempty"`
	// PrometheusMetricsCAFile is who signs the certificates of clients.
	PrometheusMetricsCAFile *string `json:"prometheusMetricsCAFile,omitempty"`
	// PrometheusMetricsCertFile is the server's certificate.
	PrometheusMetricsCertFile *string `json:"prometheusMetricsCertFile,omitempty"`
	// PrometheusMetricsKeyFile is the key of that certificate.
	PrometheusMetricsKeyFile *string `json:"prometheusMetricsKeyFile,omitempty"`
	// PrometheusMetricsClientAuth is what clients must prove, in the words of Go's crypto/tls.
	PrometheusMetricsClientAuth *string `json:"prometheusMetricsClientAuth,omitempty"`

	// FailsafeInboundHostPorts stay open into host endpoints whatever policy says: nil is the
	// agent's own list, empty is none.
	// +listType=atomic
	FailsafeInboundHostPorts *[]ProtoPort `json:"failsafeInboundHostPorts,omitempty"`
	// FailsafeOutboundHostPorts stay open out of host endpoints: nil is the agent's own list, empty is none.
	// +listType=atomic
	FailsafeOutboundHostPorts *[]ProtoPort `json:"failsafeOutboundHostPorts,omitempty"`
	// KubeNodePortRanges are the ports that node ports are taken from.
	// +listType=atomic
	KubeNodePortRanges *[]Port `json:"kubeNodePortRanges,omitempty"`
	// PolicySyncPathPrefix is the directory for the sockets that tell local programs the policy.
	PolicySyncPathPrefix string `json:"policySyncPathPrefix,omitempty"`
	// UsageReportingEnabled sends anonymous numbers to the makers.
	UsageReportingEnabled *bool `json:"usageReportingEnabled,omitempty"`
	// UsageReportingInitialDelay is the time from the start to the first report.
	UsageReportingInitialDelay *metav1.Duration `json:"usageReportingInitialDelay,omitempty"`
	// UsageReportingInterval is the time between two reports.
	UsageReportingInterval *metav1.Duration `json:"usageReportingInterval,omitempty"`

	// NATPortRange is where source ports of rewritten outgoing connections come from.
	NATPortRange *Port `json:"natPortRange,omitempty"`
	// NATOutgoingAddress is the source address of rewritten outgoing connections, empty for the interface's own.
	NATOutgoingAddress string `json:"natOutgoingAddress,omitempty"`
	// NATOutgoingExclusions are destinations to which connections are not rewritten.
	// +kubebuilder:validation:Enum=IPPoolsOnly;IPPoolsAndHostIPs
	NATOutgoingExclusions *string `json:"natOutgoingExclusions,omitempty"`
	// DeviceRouteSourceAddress is the IPv4 source hint on routes to workloads.
	DeviceRouteSourceAddress string `json:"deviceRouteSourceAddress,omitempty"`
	// DeviceRouteSourceAddressIPv6 is the IPv6 source hint on routes to workloads.
	DeviceRouteSourceAddressIPv6 string `json:"deviceRouteSourceAddressIPv6,omitempty"`
	// DeviceRouteProtocol marks the agent's routes, a number from rtnetlink.
	DeviceRouteProtocol *int `json:"deviceRouteProtocol,omitempty"`
	// RemoveExternalRoutes removes routes to workloads that the agent did not make.
	RemoveExternalRoutes *bool `json:"removeExternalRoutes,omitempty"`
	// ProgramClusterRoutes lets the agent program routes between nodes instead of the BGP daemon.
	// +kubebuilder:validation:Enum=Enabled;Disabled
	ProgramClusterRoutes *string `json:"programClusterRoutes,omitempty"`
	// IPForwarding switches the kernel's forwarding on if the agent needs it.
	// +kubebuilder:validation:Enum=Enabled;Disabled
	IPForwarding string `json:"ipForwarding,omitempty"`
	// ExternalNodesCIDRList are networks of nodes outside the cluster that may send tunnelled packets.
	ExternalNodesCIDRList *[]string `json:"externalNodesList,omitempty"`

	FelixDataplaneSpec `json:",inline"`
}
