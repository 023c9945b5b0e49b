package resources

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

func validateFelixConfiguration(f *v3.FelixConfiguration) field.ErrorList {
	errs := validateMetadata("FelixConfiguration", &f.ObjectMeta, plainNames, "")
	s := &f.Spec
	errs = append(errs, validateFailsafes("failsafeInboundHostPorts", s.FailsafeInboundHostPorts)...)
	errs = append(errs, validateFailsafes("failsafeOutboundHostPorts", s.FailsafeOutboundHostPorts)...)
	for _, w := range felixWords(s) {
		errs = append(errs, validateOneOf(specPath, w.name, w.value, w.words...)...)
	}
	for _, w := range felixFoldedWords(s) {
		if w.value != "" && !slices.ContainsFunc(w.words, func(word string) bool { return strings.EqualFold(word, w.value) }) {
			errs = append(errs, field.NotSupported(specPath.Child(w.name), w.value, w.words))
		}
	}
	for _, p := range felixPeriods(s) {
		errs = append(errs, validatePeriod(specPath, p.name, p.value)...)
	}
	return errs
}

// validateFailsafes checks the protocols: the agent gives its whole configuration up
// when it cannot read one.
func validateFailsafes(name string, ports *[]v3.ProtoPort) field.ErrorList {
	if ports == nil {
		return nil
	}
	var errs field.ErrorList
	for i, p := range *ports {
		switch strings.ToLower(p.Protocol) {
		case "", "tcp", "udp", "sctp":
		default:
			errs = append(errs, field.NotSupported(specPath.Child(name).Index(i).Child("protocol"), p.Protocol, []string{"tcp", "udp"}))
		}
	}
	return errs
}

// felixWord is a field that takes one of a few words.
type felixWord struct {
	name, value string
	words       []string
}

// felixWords are the fields whose words are exact in letter case.
func felixWords(s *v3.FelixConfigurationSpec) []felixWord {
	onOff := []string{v3.Enabled, v3.Disabled}
	return []felixWord{
		{"natOutgoingExclusions", text(s.NATOutgoingExclusions), []string{"IPPoolsOnly", "IPPoolsAndHostIPs"}},
		{"programClusterRoutes", text(s.ProgramClusterRoutes), onOff},
		{"ipForwarding", s.IPForwarding, onOff},
		{"nftablesMode", text(s.NFTablesMode), []string{v3.Disabled, v3.Enabled, "Auto"}},
		{"nftablesFlowTableOffload", text(s.NFTablesFlowTableOffload), onOff},
		{"bpfJITHardening", text(s.BPFJITHardening), []string{"Auto", "Strict"}},
		{"bpfConntrackMode", text(s.BPFConntrackCleanupMode), []string{"Auto", "Userspace", "BPFProgram"}},
		{"bpfConnectTimeLoadBalancing", text(s.BPFConnectTimeLoadBalancing), []string{"TCP", v3.Enabled, v3.Disabled}},
		{"bpfHostNetworkedNATWithoutCTLB", text(s.BPFHostNetworkedNATWithoutCTLB), onOff},
		{"bpfRedirectToPeer", s.BPFRedirectToPeer, []string{v3.Enabled, v3.Disabled, "L2Only"}},
		{"bpfAttachType", text(s.BPFAttachType), []string{"TCX", "TC"}},
		{"bpfProfiling", s.BPFProfiling, onOff},
		{"floatingIPs", text(s.FloatingIPs), onOff},
		{"windowsManageFirewallRules", text(s.WindowsManageFirewallRules), onOff},
		{"flowLogsLocalReporter", text(s.FlowLogsLocalReporter), onOff},
		{"flowLogsPolicyEvaluationMode", text(s.FlowLogsPolicyEvaluationMode), []string{"None", "Continuous"}},
	}
}

// felixFoldedWords are the fields whose words may be written in any letter case.
func felixFoldedWords(s *v3.FelixConfigurationSpec) []felixWord {
	severities := []string{"Trace", "Debug", "Info", "Warning", "Error", "Fatal"}
	allow, deny := []string{"Accept", "Return"}, []string{"Drop", "Reject"}
	return []felixWord{
		{"iptablesBackend", text(s.IptablesBackend), []string{"Auto", "Legacy", "NFT"}},
		{"chainInsertMode", s.ChainInsertMode, []string{"Insert", "Append"}},
		{"defaultEndpointToHostAction", s.DefaultEndpointToHostAction, []string{"Drop", "Accept", "Return"}},
		{"iptablesFilterAllowAction", s.IptablesFilterAllowAction, allow},
		{"iptablesMangleAllowAction", s.IptablesMangleAllowAction, allow},
		{"iptablesFilterDenyAction", s.IptablesFilterDenyAction, deny},
		{"logSeverityFile", s.LogSeverityFile, severities},
		{"logSeverityScreen", s.LogSeverityScreen, severities},
		{"logSeveritySys", s.LogSeveritySys, severities},
		{"nftablesFilterAllowAction", s.NFTablesFilterAllowAction, allow},
		{"nftablesMangleAllowAction", s.NFTablesMangleAllowAction, allow},
		{"nftablesFilterDenyAction", s.NFTablesFilterDenyAction, deny},
		{"bpfLogLevel", text(s.BPFLogLevel), []string{"Off", "Info", "Debug"}},
		{"bpfConntrackLogLevel", s.BPFConntrackLogLevel, []string{"Off", "Debug"}},
		{"bpfExternalServiceMode", s.BPFExternalServiceMode, []string{"Tunnel", "DSR"}},
		{"bpfMapSizeConntrackScaling", s.BPFMapSizeConntrackScaling, []string{"Disabled", "DoubleIfFull"}},
		{"bpfEnforceRPF", s.BPFEnforceRPF, []string{"Disabled", "Strict", "Loose"}},
		{"routeSource", s.RouteSource, []string{"WorkloadIPs", "CalicoIPAM"}},
		{"serviceLoopPrevention", s.ServiceLoopPrevention, []string{"Drop", "Reject", "Disabled"}},
		{"workloadSourceSpoofing", s.WorkloadSourceSpoofing, []string{"Disabled", "Any"}},
		{"awsSrcDstCheck", text(s.AWSSrcDstCheck), []string{"DoNothing", "Enable", "Disable"}},
	}
}

// felixPeriod is a field that takes a time.
type felixPeriod struct {
	name  string
	value *metav1.Duration
}

func felixPeriods(s *v3.FelixConfigurationSpec) []felixPeriod {
	return []felixPeriod{
		{"dataplaneWatchdogTimeout", s.DataplaneWatchdogTimeout},
		{"routeRefreshInterval", s.RouteRefreshInterval},
		{"interfaceRefreshInterval", s.InterfaceRefreshInterval},
		{"iptablesRefreshInterval", s.IptablesRefreshInterval},
		{"iptablesPostWriteCheckInterval", s.IptablesPostWriteCheckInterval},
		{"iptablesLockTimeout", s.IptablesLockTimeout},
		{"iptablesLockProbeInterval", s.IptablesLockProbeInterval},
		{"ipsetsRefreshInterval", s.IpsetsRefreshInterval},
		{"xdpRefreshInterval", s.XDPRefreshInterval},
		{"netlinkTimeout", s.NetlinkTimeout},
		{"reportingInterval", s.ReportingInterval},
		{"reportingTTL", s.ReportingTTL},
		{"endpointReportingDelay", s.EndpointReportingDelay},
		{"usageReportingInitialDelay", s.UsageReportingInitialDelay},
		{"usageReportingInterval", s.UsageReportingInterval},
		{"debugSimulateCalcGraphHangAfter", s.DebugSimulateCalcGraphHangAfter},
		{"debugSimulateDataplaneHangAfter", s.DebugSimulateDataplaneHangAfter},
		{"debugSimulateDataplaneApplyDelay", s.DebugSimulateDataplaneApplyDelay},
		{"nftablesRefreshInterval", s.NFTablesRefreshInterval},
		{"bpfKubeProxyMinSyncPeriod", s.BPFKubeProxyMinSyncPeriod},
		{"wireguardKeepAlive", s.WireguardPersistentKeepAlive},
		{"flowLogsFlushInterval", s.FlowLogsFlushInterval},
	}
}

// text is the value of a field that tells absent from empty, where that is the same.
func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
