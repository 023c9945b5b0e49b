package resources_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

const autoPath = "spec.controllers.node.hostEndpoint"

// auto makes the body of a configuration with these settings of automatic host endpoints.
func auto(fields string) string {
	return "metadata: {name: default}\nspec: {controllers: {node: {hostEndpoint: {" + fields + "}}}}"
}

func TestKubeControllersConfigurationMessages(t *testing.T) {
	testMessages(t, "KubeControllersConfiguration", []messageTest{
		{"good", auto("autoCreate: Enabled, templates: [{generateName: a, interfaceCIDRs: [10.0.0.1], interfacePattern: '^eth', nodeSelector: ''}]"), nil},
		{"name", "metadata: {name: other}", []string{
			"metadata.name: Invalid value: \"other\": " +
				"Cannot create a Kube Controllers Configuration resource with a name other than \"default\"",
		}},
		{"switches", auto("autoCreate: true, createDefaultHostEndpoint: No"), []string{
			autoPath + ".autoCreate: Unsupported value: \"true\": supported values: \"Enabled\", \"Disabled\"; write Enabled to switch it on",
			autoPath + ".createDefaultHostEndpoint: Unsupported value: \"false\": supported values: \"Enabled\", \"Disabled\"; " +
				"write Disabled to switch it off",
		}},
		{"top level", "metadata: {name: default}\nspec: {logSeverityScreen: info, healthChecks: enabled, etcdV3CompactionPeriod: -1s, " +
			"prometheusMetricsPort: 65536, debugProfilePort: -1, controllers: {}}", []string{
			"spec.logSeverityScreen: Unsupported value: \"info\": supported values: \"None\", \"Debug\", \"Info\", \"Warning\", \"Error\", " +
				"\"Fatal\", \"Panic\"; write Info",
			"spec.healthChecks: Unsupported value: \"enabled\": supported values: \"Enabled\", \"Disabled\"; write Enabled",
			"spec.etcdV3CompactionPeriod: Invalid value: \"-1s\": a period cannot be negative",
			"spec.prometheusMetricsPort: Invalid value: 65536: must be between 0 and 65535",
			"spec.debugProfilePort: Invalid value: -1: must be between 0 and 65535",
		}},
		{"controllers", "metadata: {name: default}\nspec: {controllers: {policy: {reconcilerPeriod: -5m}, " +
			"loadBalancer: {assignIPs: allservices}, migration: {policyNameMigrator: off}}}", []string{
			"spec.controllers.policy.reconcilerPeriod: Invalid value: \"-5m0s\": a period cannot be negative",
			"spec.controllers.loadBalancer.assignIPs: Unsupported value: \"allservices\": " +
				"supported values: \"AllServices\", \"RequestedServicesOnly\"; write AllServices",
			"spec.controllers.migration.policyNameMigrator: Unsupported value: \"false\": supported values: \"Enabled\", \"Disabled\"; " +
				"write Disabled to switch it off",
		}},
		{"an empty template", auto("templates: [{}, null]"), []string{
			autoPath + ".templates[0].generateName: Required value: Template name must be specified",
			autoPath + ".templates[0]: Required value: InterfaceCIDRs or InterfacePattern must be specified; " +
				"write interfacePattern: .* for every interface",
			autoPath + ".templates[1].generateName: Required value: Template name must be specified",
			autoPath + ".templates[1]: Required value: InterfaceCIDRs or InterfacePattern must be specified; " +
				"write interfacePattern: .* for every interface",
		}},
		{"templates", auto("templates: [{generateName: a, interfaceCIDRs: [foo, 10.0.0.0/8, 10.0.0.0/8], interfacePattern: 'eth['}, " +
			"{generateName: a, interfacePattern: a, nodeSelector: a=, labels: {x: y z}, annotations: {'a b': c}}]"), []string{
			autoPath + ".templates[0].interfaceCIDRs[0]: Invalid value: \"foo\": neither an IP address nor a network; " +
				"write one such as 10.0.0.1 or 10.0.0.0/8",
			autoPath + ".templates[0].interfaceCIDRs[2]: Duplicate value: \"10.0.0.0/8\": already in the list; remove it",
			autoPath + ".templates[0].interfacePattern: Invalid value: \"eth[\": error parsing regexp: missing closing ]: `[`",
			autoPath + ".templates[1].nodeSelector: Invalid value: " + badSelector("a="),
			autoPath + ".templates[1].labels[x]: Invalid value: \"y z\": a valid label must be an empty string or consist of alphanumeric " +
				"characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  " +
				"or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
			autoPath + ".templates[1].annotations[a b]: Invalid value: \"a b\": " + qualified,
			autoPath + ".templates[1].generateName: Duplicate value: \"a\": Template name must be unique; " + autoPath + ".templates[0] has it already",
		}},
		{"long patterns", auto("templates: [{generateName: a, interfacePattern: " + strings.Repeat("a", 1000) + "}, " +
			"{generateName: b, interfacePattern: " + strings.Repeat("a", 1001) + "}]"), []string{
			autoPath + ".templates[1].interfacePattern: Too long: may not be more than 1000 bytes",
		}},
		{"large patterns", auto("templates: [{generateName: a, interfacePattern: '(.{10}){40}'}, {generateName: b, interfacePattern: '.{900}.{900}.{900}'}, " +
			"{generateName: c, interfacePattern: '[^0-9]{400}'}, {generateName: d, interfacePattern: '\\pL{9}'}, {generateName: e, interfacePattern: a}, " +
			"{generateName: f, interfacePattern: 'eth['}]"), []string{
			autoPath + ".templates[3].interfacePattern: Invalid value: \"\\\\pL{9}\": the patterns of the templates up to this one are larger than the limit " +
				"of 10000, counted with every repetition such as {1,15} and every class such as \\pL written out; write simpler ones",
		}},
		{"long template name", auto("templates: [{interfacePattern: a, generateName: " + strings.Repeat("a", 254) + "}]"), []string{
			autoPath + ".templates[0].generateName: Too long: may not be more than 253 bytes",
		}},
	})
}

func TestNodeMessages(t *testing.T) {
	testMessages(t, "Node", []messageTest{
		{"good", inSpec("{bgp: {ipv4Address: 10.0.0.1, ipv6Address: 'fd00::1/64'}, orchRefs: [{nodeName: x}], " +
			"addresses: [{address: 10.0.0.1/24}], interfaces: [{name: 'br-9e0d:1', addresses: [10.0.0.1]}]}"), nil},
		{"empty bgp", inSpec("{bgp: {}}"), []string{
			"spec.bgp: Required value: Spec.BGP should not be empty; remove bgp, or set one of its fields",
		}},
		{"bgp", inSpec("{bgp: {ipv4Address: 'fd00::1/64', ipv6Address: 10.0.0.1, ipv4IPIPTunnelAddr: 10.0.0.1/32, routeReflectorClusterID: x}}"), []string{
			"spec.bgp.ipv4Address: Invalid value: \"fd00::1/64\": not an IPv4 address, alone or with its prefix length",
			"spec.bgp.ipv6Address: Invalid value: \"10.0.0.1\": not an IPv6 address, alone or with its prefix length",
			"spec.bgp.ipv4IPIPTunnelAddr: Invalid value: \"10.0.0.1/32\": not an IPv4 address",
			"spec.bgp.routeReflectorClusterID: Invalid value: \"x\": not an IPv4 address",
		}},
		{"tunnels and keys", inSpec("{ipv4VXLANTunnelAddr: 'fd00::1', vxlanTunnelMACAddr: aa, wireguard: {interfaceIPv6Address: 1.2.3.4}}\n" +
			"status: {wireguardPublicKeyV6: Zm9v}"), []string{
			"spec.ipv4VXLANTunnelAddr: Invalid value: \"fd00::1\": not an IPv4 address",
			"spec.vxlanTunnelMACAddr: Invalid value: \"aa\": not a MAC address; write one such as 66:48:f6:56:dc:f1",
			"spec.wireguard.interfaceIPv6Address: Invalid value: \"1.2.3.4\": not an IPv6 address",
			"status.wireguardPublicKeyV6: Invalid value: \"Zm9v\": not a WireGuard public key: 32 bytes in base64",
		}},
		{"addresses", inSpec("{addresses: [{address: foo, type: internalIP}], interfaces: [{name: a b, addresses: [10.0.0.1, '']}]}"), []string{
			"spec.addresses[0].address: Invalid value: \"foo\": neither an IP address nor a network; write one such as 10.0.0.1 or 10.0.0.0/8",
			"spec.addresses[0].type: Unsupported value: \"internalIP\": supported values: \"CalicoNodeIP\", \"InternalIP\", \"ExternalIP\"; " +
				"write InternalIP",
			"spec.interfaces[0].name: Invalid value: \"a b\": not an interface name: at most 15 bytes without blanks and '/'",
			"spec.interfaces[0].addresses[1]: Invalid value: \"\": neither an IP address nor a network; write one such as 10.0.0.1 or 10.0.0.0/8",
		}},
	})
}

func TestFelixConfigurationMessages(t *testing.T) {
	testMessages(t, "FelixConfiguration", []messageTest{
		{"good", inSpec("{logSeverityScreen: DEBUG, failsafeInboundHostPorts: [], chainInsertMode: append, bpfLogLevel: Debug, " +
			"routeTableRanges: [{min: 1, max: 250}], kubeNodePortRanges: ['30000:32767'], iptablesMarkMask: 0xffff0000}"), nil},
		{"failsafes", inSpec("{failsafeInboundHostPorts: [{protocol: UDP, port: 53}, {protocol: icmp, port: 1}]}"), []string{
			"spec.failsafeInboundHostPorts[1].protocol: Unsupported value: \"icmp\": supported values: \"tcp\", \"udp\"",
		}},
		{"words and periods", inSpec("{logSeverityScreen: Foo, floatingIPs: enabled, iptablesRefreshInterval: -1s}"), []string{
			"spec.floatingIPs: Unsupported value: \"enabled\": supported values: \"Enabled\", \"Disabled\"; write Enabled",
			"spec.logSeverityScreen: Unsupported value: \"Foo\": supported values: \"Trace\", \"Debug\", \"Info\", \"Warning\", \"Error\", \"Fatal\"",
			"spec.iptablesRefreshInterval: Invalid value: \"-1s\": a period cannot be negative",
		}},
	})
}

// TestFelixFields checks that no two fields share a name, which would hide one of them,
// and that every time is checked.
func TestFelixFields(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[v3.FelixConfigurationSpec]()) {
		if f.Anonymous {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || seen[name] {
			t.Errorf("%s: the name %q is missing or taken", f.Name, name)
		}
		seen[name] = true
		if f.Type != reflect.TypeFor[*metav1.Duration]() {
			continue
		}
		c := &v3.FelixConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
		reflect.ValueOf(&c.Spec).Elem().FieldByIndex(f.Index).Set(reflect.ValueOf(&metav1.Duration{Duration: -time.Second}))
		errs := resources.FelixConfiguration.Validate(c)
		if len(errs) != 1 || errs[0].Field != "spec."+name {
			t.Errorf("a negative %s gives %v", name, errs)
		}
	}
}
