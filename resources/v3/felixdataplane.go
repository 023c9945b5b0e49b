package v3

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FelixDataplaneSpec is the second half of FelixConfigurationSpec: debugging, nftables,
// BPF, routing, encryption and flow logs.
type FelixDataplaneSpec struct {
	// DebugMemoryProfilePath is the file for memory profiles.
	DebugMemoryProfilePath string `json:"debugMemoryProfilePath,omitempty"`
	// DebugDisableLogDropping keeps log lines even if that slows the agent down.
	DebugDisableLogDropping *bool `json:"debugDisableLogDropping,omitempty"`
	// DebugSimulateCalcGraphHangAfter hangs the policy calculation after that time.
	DebugSimulateCalcGraphHangAfter *metav1.Duration `json:"debugSimulateCalcGraphHangAfter,omitempty"`
	// DebugSimulateDataplaneHangAfter hangs the driver after that time.
	DebugSimulateDataplaneHangAfter *metav1.Duration `json:"debugSimulateDataplaneHangAfter,omitempty"`
	// DebugSimulateDataplaneApplyDelay makes every write to the kernel that much slower.
	DebugSimulateDataplaneApplyDelay *metav1.Duration `json:"debugSimulateDataplaneApplyDelay,omitempty"`
	// DebugHost is the address to serve profiles on.
	DebugHost *string `json:"debugHost,omitempty"`
	// DebugPort is the port to serve profiles on; nil is not to serve them.
	DebugPort *int `json:"debugPort,omitempty"`
	// RouteSyncDisabled leaves all routes to somebody else.
	RouteSyncDisabled *bool `json:"routeSyncDisabled,omitempty"`
	// IptablesNATOutgoingInterfaceFilter is the only interface on which outgoing connections are rewritten.
	IptablesNATOutgoingInterfaceFilter string `json:"iptablesNATOutgoingInterfaceFilter,omitempty"`
	// SidecarAccelerationEnabled shortens the way between a sidecar proxy and its workload; experimental.
	SidecarAccelerationEnabled *bool `json:"sidecarAccelerationEnabled,omitempty"`
	// XDPEnabled drops packets of untracked deny policy early.
	XDPEnabled *bool `json:"xdpEnabled,omitempty"`
	// GenericXDPEnabled does so even without the driver's help; slow, for tests.
	GenericXDPEnabled *bool `json:"genericXDPEnabled,omitempty"`

	// NFTablesMode says whether nftables are used instead of iptables.
	// +kubebuilder:validation:Enum=Disabled;Enabled;Auto
	// +kubebuilder:default=Auto
	NFTablesMode *string `json:"nftablesMode,omitempty"`
	// NFTablesFlowTableOffload takes established forwarded flows past the rules.
	// +kubebuilder:validation:Enum=Enabled;Disabled
	// +kubebuilder:default=Disabled
	NFTablesFlowTableOffload *string `json:"nftablesFlowTableOffload,omitempty"`
	// NFTablesRefreshInterval is the time between two checks of all nftables rules; 0 is never.
	NFTablesRefreshInterval *metav1.Duration `json:"nftablesRefreshInterval,omitempty"`
	// NFTablesFilterAllowAction is taken on traffic that policy allows.
	// +kubebuilder:validation:Pattern=`^(?i)(Accept|Return)?$`
	NFTablesFilterAllowAction string `json:"nftablesFilterAllowAction,omitempty"`
	// NFTablesMangleAllowAction is taken on traffic that preDNAT policy allows.
	// +kubebuilder:validation:Pattern=`^(?i)(Accept|Return)?$`
	NFTablesMangleAllowAction string `json:"nftablesMangleAllowAction,omitempty"`
	// NFTablesFilterDenyAction is taken on traffic that policy denies.
	// +kubebuilder:validation:Pattern=`^(?i)(Drop|Reject)?$`
	NFTablesFilterDenyAction string `json:"nftablesFilterDenyAction,omitempty"`
	// NFTablesMarkMask has a one for every packet mark bit that the agent may use.
	NFTablesMarkMask *uint32 `json:"nftablesMarkMask,omitempty"`

	// BPFEnabled uses the BPF dataplane instead of iptables or nftables.
	BPFEnabled *bool `json:"bpfEnabled,omitempty"`
	// BPFDisableUnprivileged keeps other users of the node away from BPF.
	BPFDisableUnprivileged *bool `json:"bpfDisableUnprivileged,omitempty"`
	// BPFJITHardening says whether the kernel's hardening of compiled programs is left on.
	// +kubebuilder:validation:Enum=Auto;Strict
	BPFJITHardening *string `json:"bpfJITHardening,omitempty"`
	// BPFLogLevel is what BPF programs trace.
	// +kubebuilder:validation:Pattern=`^(?i)(Off|Info|Debug)?$`
	// +kubebuilder:default=""
	BPFLogLevel *string `json:"bpfLogLevel,omitempty"`
	// BPFConntrackLogLevel is what the cleaner of tracked connections traces.
	// +kubebuilder:validation:Pattern=`^(?i)(Off|Debug)?$`
	BPFConntrackLogLevel string `json:"bpfConntrackLogLevel,omitempty"`
	// BPFConntrackCleanupMode says who removes connections that ended.
	// +kubebuilder:validation:Enum=Auto;Userspace;BPFProgram
	BPFConntrackCleanupMode *string `json:"bpfConntrackMode,omitempty"`
	// BPFConntrackTimeouts says how long connections are remembered.
	BPFConntrackTimeouts *BPFConntrackTimeouts `json:"bpfConntrackTimeouts,omitempty"`
	// BPFLogFilters are packet filters by interface; only what they match is traced.
	BPFLogFilters *map[string]string `json:"bpfLogFilters,omitempty"`
	// BPFCTLBLogFilter says whether connect-time load balancing is traced: "all", or empty for no.
	BPFCTLBLogFilter string `json:"bpfCTLBLogFilter,omitempty"`
	// BPFDataIfacePattern matches the node's own interfaces.
	BPFDataIfacePattern string `json:"bpfDataIfacePattern,omitempty"`
	// BPFL3IfacePattern matches interfaces without link-layer headers.
	BPFL3IfacePattern string `json:"bpfL3IfacePattern,omitempty"`
	// BPFConnectTimeLoadBalancingEnabled is the older form of BPFConnectTimeLoadBalancing.
	BPFConnectTimeLoadBalancingEnabled *bool `json:"bpfConnectTimeLoadBalancingEnabled,omitempty"`
	// BPFConnectTimeLoadBalancing says for which connections a service's backend is chosen when they are made.
	// +kubebuilder:validation:Enum=TCP;Enabled;Disabled
	// +kubebuilder:default=TCP
	BPFConnectTimeLoadBalancing *string `json:"bpfConnectTimeLoadBalancing,omitempty"`
	// BPFHostNetworkedNATWithoutCTLB rewrites the node's own connections that were not balanced when they were made.
	// +kubebuilder:validation:Enum=Enabled;Disabled
	// +kubebuilder:default=Enabled
	BPFHostNetworkedNATWithoutCTLB *string `json:"bpfHostNetworkedNATWithoutCTLB,omitempty"`
	// BPFExternalServiceMode is the way from one node to a service's backend on another.
	// +kubebuilder:validation:Pattern=`^(?i)(Tunnel|DSR)?$`
	BPFExternalServiceMode string `json:"bpfExternalServiceMode,omitempty"`
	// BPFDSROptoutCIDRs are clients that get answers through the node that they asked.
	BPFDSROptoutCIDRs *[]string `json:"bpfDSROptoutCIDRs,omitempty"`
	// BPFExtToServiceConnmark is set on connections from outside to services.
	BPFExtToServiceConnmark *int `json:"bpfExtToServiceConnmark,omitempty"`
	// BPFKubeProxyIptablesCleanupEnabled removes what kube-proxy left behind.
	BPFKubeProxyIptablesCleanupEnabled *bool `json:"bpfKubeProxyIptablesCleanupEnabled,omitempty"`
	// BPFKubeProxyMinSyncPeriod is the least time between two updates of services.
	BPFKubeProxyMinSyncPeriod *metav1.Duration `json:"bpfKubeProxyMinSyncPeriod,omitempty"`
	// BPFKubeProxyHealthzPort serves kube-proxy's health; 0 is not to serve it.
	BPFKubeProxyHealthzPort *int `json:"bpfKubeProxyHealthzPort,omitempty"`
	// BPFKubeProxyEndpointSlicesEnabled has no effect any more.
	BPFKubeProxyEndpointSlicesEnabled *bool `json:"bpfKubeProxyEndpointSlicesEnabled,omitempty"`
	// BPFPSNATPorts are source ports to choose from when two connections collide.
	BPFPSNATPorts *Port `json:"bpfPSNATPorts,omitempty"`
	// BPFMapSizeNATFrontend is how many service addresses fit.
	BPFMapSizeNATFrontend *int `json:"bpfMapSizeNATFrontend,omitempty"`
	// BPFMapSizeNATBackend is how many service backends fit.
	BPFMapSizeNATBackend *int `json:"bpfMapSizeNATBackend,omitempty"`
	// BPFMapSizeNATAffinity is how many clients with an affinity fit.
	BPFMapSizeNATAffinity *int `json:"bpfMapSizeNATAffinity,omitempty"`
	// BPFMapSizeRoute is how many routes fit.
	BPFMapSizeRoute *int `json:"bpfMapSizeRoute,omitempty"`
	// BPFMapSizeConntrack is how many connections fit.
	BPFMapSizeConntrack *int `json:"bpfMapSizeConntrack,omitempty"`
	// BPFMapSizePerCPUConntrack is how many connections fit for each processor; 0 is to use BPFMapSizeConntrack.
	BPFMapSizePerCPUConntrack *int `json:"bpfMapSizePerCpuConntrack,omitempty"`
	// BPFMapSizeConntrackScaling says whether the map grows when it is full.
	// +kubebuilder:validation:Pattern=`^(?i)(Disabled|DoubleIfFull)?$`
	BPFMapSizeConntrackScaling string `json:"bpfMapSizeConntrackScaling,omitempty"`
	// BPFMapSizeConntrackCleanupQueue is how many ended connections may wait for removal.
	BPFMapSizeConntrackCleanupQueue *int `json:"bpfMapSizeConntrackCleanupQueue,omitempty"`
	// BPFMapSizeIPSets is how many members of IP sets fit.
	BPFMapSizeIPSets *int `json:"bpfMapSizeIPSets,omitempty"`
	// BPFMapSizeIfState is how many interfaces fit.
	BPFMapSizeIfState *int `json:"bpfMapSizeIfState,omitempty"`
	// BPFHostConntrackBypass takes workload traffic past the kernel's own connection tracking.
	BPFHostConntrackBypass *bool `json:"bpfHostConntrackBypass,omitempty"`
	// BPFEnforceRPF says how strictly source addresses must fit the interface they come from.
	// +kubebuilder:validation:Pattern=`^(?i)(Disabled|Strict|Loose)?$`
	BPFEnforceRPF string `json:"bpfEnforceRPF,omitempty"`
	// BPFPolicyDebugEnabled records how programs came out of policy.
	BPFPolicyDebugEnabled *bool `json:"bpfPolicyDebugEnabled,omitempty"`
	// BPFForceTrackPacketsFromIfaces are interfaces whose traffic the kernel tracks.
	BPFForceTrackPacketsFromIfaces *[]string `json:"bpfForceTrackPacketsFromIfaces,omitempty"`
	// BPFDisableGROForIfaces matches interfaces on which received packets are not merged.
	BPFDisableGROForIfaces string `json:"bpfDisableGROForIfaces,omitempty"`
	// BPFExcludeCIDRsFromNAT are service addresses that are left alone.
	BPFExcludeCIDRsFromNAT *[]string `json:"bpfExcludeCIDRsFromNAT,omitempty"`
	// BPFRedirectToPeer says when packets go to a workload's side of its interface at once.
	// +kubebuilder:validation:Enum=Enabled;Disabled;L2Only
	BPFRedirectToPeer string `json:"bpfRedirectToPeer,omitempty"`
	// BPFAttachType is how programs are put on interfaces.
	// +kubebuilder:validation:Enum=TCX;TC
	BPFAttachType *string `json:"bpfAttachType,omitempty"`
	// BPFExportBufferSizeMB is for events, in megabytes.
	BPFExportBufferSizeMB *int `json:"bpfExportBufferSizeMB,omitempty"`
	// BPFProfiling measures the programs.
	// +kubebuilder:validation:Enum=Enabled;Disabled
	BPFProfiling string `json:"bpfProfiling,omitempty"`

	// RouteSource is where routes to workloads come from.
	// +kubebuilder:validation:Pattern=`^(?i)(WorkloadIPs|CalicoIPAM)?$`
	RouteSource string `json:"routeSource,omitempty"`
	// RouteTableRange is the older form of RouteTableRanges.
	RouteTableRange *RouteTableRange `json:"routeTableRange,omitempty"`
	// RouteTableRanges are the routing tables that the agent may take.
	// +listType=atomic
	RouteTableRanges *[]RouteTableRange `json:"routeTableRanges,omitempty"`
	// ServiceLoopPrevention says what happens to packets for service addresses that nobody has.
	// +kubebuilder:validation:Pattern=`^(?i)(Drop|Reject|Disabled)?$`
	ServiceLoopPrevention string `json:"serviceLoopPrevention,omitempty"`
	// WorkloadSourceSpoofing says whether workloads may ask to send from addresses that are not theirs.
	// +kubebuilder:validation:Pattern=`^(?i)(Disabled|Any)?$`
	WorkloadSourceSpoofing string `json:"workloadSourceSpoofing,omitempty"`
	// MTUIfacePattern matches the interfaces that the MTU is detected from.
	MTUIfacePattern string `json:"mtuIfacePattern,omitempty"`
	// RequireMTUFile waits with workloads until the MTU is known.
	RequireMTUFile *bool `json:"requireMTUFile,omitempty"`
	// FloatingIPs gives workloads further addresses that they do not know of.
	// +kubebuilder:validation:Enum=Enabled;Disabled
	// +kubebuilder:default=Disabled
	FloatingIPs *string `json:"floatingIPs,omitempty"`

	// WireguardEnabled encrypts IPv4 between nodes.
	WireguardEnabled *bool `json:"wireguardEnabled,omitempty"`
	// WireguardEnabledV6 encrypts IPv6 between nodes.
	WireguardEnabledV6 *bool `json:"wireguardEnabledV6,omitempty"`
	// WireguardListeningPort is a UDP port, for IPv4.
	WireguardListeningPort *int `json:"wireguardListeningPort,omitempty"`
	// WireguardListeningPortV6 is a UDP port, for IPv6.
	WireguardListeningPortV6 *int `json:"wireguardListeningPortV6,omitempty"`
	// WireguardRoutingRulePriority is the priority of the kernel's routing rule.
	WireguardRoutingRulePriority *int `json:"wireguardRoutingRulePriority,omitempty"`
	// WireguardInterfaceName is the interface for IPv4.
	WireguardInterfaceName string `json:"wireguardInterfaceName,omitempty"`
	// WireguardInterfaceNameV6 is the interface for IPv6.
	WireguardInterfaceNameV6 string `json:"wireguardInterfaceNameV6,omitempty"`
	// WireguardMTU is for IPv4, in bytes; 0 is to detect it.
	WireguardMTU *int `json:"wireguardMTU,omitempty"`
	// WireguardMTUV6 is for IPv6, in bytes; 0 is to detect it.
	WireguardMTUV6 *int `json:"wireguardMTUV6,omitempty"`
	// WireguardHostEncryptionEnabled encrypts traffic of the nodes themselves too.
	WireguardHostEncryptionEnabled *bool `json:"wireguardHostEncryptionEnabled,omitempty"`
	// WireguardPersistentKeepAlive is the time between two empty packets; 0 is never.
	WireguardPersistentKeepAlive *metav1.Duration `json:"wireguardKeepAlive,omitempty"`
	// WireguardThreadingEnabled spreads the work over processors.
	WireguardThreadingEnabled *bool `json:"wireguardThreadingEnabled,omitempty"`
	// AWSSrcDstCheck is what is done with the cloud's own check of addresses.
	// +kubebuilder:validation:Pattern=`^(?i)(DoNothing|Enable|Disable)?$`
	AWSSrcDstCheck *string `json:"awsSrcDstCheck,omitempty"`
	// WindowsManageFirewallRules opens the firewall of Windows nodes for metrics.
	// +kubebuilder:validation:Enum=Enabled;Disabled
	WindowsManageFirewallRules *string `json:"windowsManageFirewallRules,omitempty"`

	// FlowLogsFlushInterval is the time between two deliveries of flow logs.
	FlowLogsFlushInterval *metav1.Duration `json:"flowLogsFlushInterval,omitempty"`
	// FlowLogsCollectorDebugTrace logs what the collector does.
	FlowLogsCollectorDebugTrace *bool `json:"flowLogsCollectorDebugTrace,omitempty"`
	// FlowLogsGoldmaneServer is the address of the server that gets flow logs.
	FlowLogsGoldmaneServer *string `json:"flowLogsGoldmaneServer,omitempty"`
	// FlowLogsLocalReporter offers flow logs to programs on the node.
	// +kubebuilder:validation:Enum=Enabled;Disabled
	FlowLogsLocalReporter *string `json:"flowLogsLocalReporter,omitempty"`
	// FlowLogsPolicyEvaluationMode says whether flows are judged again when policy changes.
	// +kubebuilder:validation:Enum=None;Continuous
	FlowLogsPolicyEvaluationMode *string `json:"flowLogsPolicyEvaluationMode,omitempty"`
	// GoGCThreshold is how much garbage may pile up, in per cent; -1 is no bound.
	GoGCThreshold *int `json:"goGCThreshold,omitempty"`
	// GoMemoryLimitMB is in megabytes; -1 is no bound.
	GoMemoryLimitMB *int `json:"goMemoryLimitMB,omitempty"`
	// GoMaxProcs is how many processors may be busy; -1 is all.
	GoMaxProcs *int `json:"goMaxProcs,omitempty"`
	// CgroupV2Path is where control groups are mounted.
	CgroupV2Path *string `json:"cgroupV2Path,omitempty"`
}

// ProtoPort is a port that stays open whatever policy says.
type ProtoPort struct {
	// Protocol is tcp, udp or sctp, in any letter case; empty is tcp.
	Protocol string `json:"protocol,omitempty"`
	Port     uint16 `json:"port"`
	// Net restricts the other side to a network; empty is any address of both families.
	Net string `json:"net,omitempty"`
}

// HealthTimeoutOverride gives one part of the agent another health timeout.
type HealthTimeoutOverride struct {
	Name    string          `json:"name"`
	Timeout metav1.Duration `json:"timeout"`
}

// RouteTableRange is a range of routing tables, both ends inclusive.
type RouteTableRange struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// BPFConntrackTimeouts are durations, or "Auto" for what the kernel itself uses.
type BPFConntrackTimeouts struct {
	// CreationGracePeriod keeps new connections from removal.
	CreationGracePeriod *string `json:"creationGracePeriod,omitempty"`
	TCPSynSent          *string `json:"tcpSynSent,omitempty"`
	TCPEstablished      *string `json:"tcpEstablished,omitempty"`
	TCPFinsSeen         *string `json:"tcpFinsSeen,omitempty"`
	TCPResetSeen        *string `json:"tcpResetSeen,omitempty"`
	UDPTimeout          *string `json:"udpTimeout,omitempty"`
	// GenericTimeout is for protocols without a timeout of their own.
	GenericTimeout *string `json:"genericTimeout,omitempty"`
	ICMPTimeout    *string `json:"icmpTimeout,omitempty"`
}
