package resources_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/resources"
	"github.com/edfb3db0/calicoctl/selector"
)

// messageTest is a document without its apiVersion and kind, and all that is wrong with it.
type messageTest struct {
	name, body string
	want       []string
}

func testMessages(t *testing.T, kind string, tests []messageTest) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o, err := decode([]byte("apiVersion: projectcalico.org/v3\nkind: " + kind + "\n" + test.body))
			if err != nil {
				t.Fatal(err)
			}
			k, _ := resources.ByName(kind)
			k.Default(o)
			var got []string
			for _, err := range k.Validate(o) {
				got = append(got, err.Error())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// inSpec makes the body of an object called x.
func inSpec(spec string) string { return "metadata: {name: x}\nspec: " + spec }

// badSelector is a selector in quotes and what its parser says of it.
func badSelector(expr string) string {
	_, err := selector.Parse(expr)
	return strconv.Quote(expr) + ": " + err.Error()
}

// qualified is the Kubernetes wording for names of labels and annotations.
const qualified = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an " +
	"alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is " +
	"'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

func TestMetadataMessages(t *testing.T) {
	const spec = "\nspec: {node: n1, interfaceName: eth0}"
	long := strings.Repeat("a", 260)
	testMessages(t, "HostEndpoint", []messageTest{
		{"good", "metadata: {name: a.b-c.1, labels: {a/b: c, d: ''}, annotations: {UPPER.case/Key: any value}}" + spec, nil},
		{"no name", "metadata: {}" + spec, []string{"metadata.name: Required value: name must be specified"}},
		{"letter case", "metadata: {name: Eth0}" + spec, []string{
			"metadata.name: Invalid value: \"Eth0\": name must consist of lower case alphanumeric characters, '-' or '.', " +
				"and begin and end with a letter or digit; write eth0",
		}},
		{"long name", "metadata: {name: " + long + "}" + spec, []string{
			"metadata.name: Too long: name is too long by 7 bytes; it may have 253",
		}},
		{"namespace", "metadata: {name: x, namespace: default}" + spec, []string{
			"metadata.namespace: Forbidden: namespace should not be specified for a non-namespaced resource. " +
				"HostEndpoint is not a namespaced resource",
		}},
		{"labels and annotations", "metadata: {name: x, labels: {z z: '', b b: '', a: " + long + "}, annotations: {'c c': d}}" + spec, []string{
			"metadata.labels[a]: Invalid value: \"" + long + "\": must be no more than 63 bytes",
			"metadata.labels[b b]: Invalid value: \"b b\": " + qualified,
			"metadata.labels[z z]: Invalid value: \"z z\": " + qualified,
			"metadata.annotations[c c]: Invalid value: \"c c\": " + qualified,
		}},
		{"large annotations", "metadata: {name: x, annotations: {a: " + strings.Repeat("v", 256<<10) + "}}" + spec, []string{
			"metadata.annotations: Too long: total size of annotations is too large by 1 bytes",
		}},
	})
}

func TestHostEndpointMessages(t *testing.T) {
	testMessages(t, "HostEndpoint", []messageTest{
		{"both interface and addresses", inSpec("{node: n1, interfaceName: '*', expectedIPs: [10.0.0.1, 'fd00::1']}"), nil},
		{"nothing", inSpec("{}"), []string{
			"spec.node: Required value: node must be specified: write the name of the Calico node that has the interface",
			"spec: Required value: at least one of interfaceName or expectedIPs must be specified; " +
				"write interfaceName: \"*\" for all interfaces of the node",
		}},
		{"interface", inSpec("{node: N1, interfaceName: 'averylonginterface:1'}"), []string{
			"spec.node: Invalid value: \"N1\": node name must consist of lower case alphanumeric characters, '-' or '.', " +
				"and begin and end with a letter or digit; write n1",
			"spec.interfaceName: Invalid value: \"averylonginterface:1\": interface names consist of letters, digits, '_', '.' and '-'; " +
				"write one whole name, or \"*\" for all interfaces",
			"spec.interfaceName: Too long: may not be more than 15 bytes",
		}},
		{"addresses", inSpec("{node: n1, expectedIPs: [10.0.0.1/24, 'fe80::1%eth0', host, 10.0.0.1, 10.0.0.1, 10.0.0.1]}"), []string{
			"spec.expectedIPs[0]: Invalid value: \"10.0.0.1/24\": not an address but a network; write 10.0.0.1",
			"spec.expectedIPs[1]: Invalid value: \"fe80::1%eth0\": an address with a zone belongs to one machine only; write fe80::1",
			"spec.expectedIPs[2]: Invalid value: \"host\": not an IP address; write one such as 10.0.0.1 or fd00::1",
			"spec.expectedIPs[4]: Duplicate value: \"10.0.0.1\": already in the list; remove it",
		}},
		{"profiles", inSpec("{node: n1, interfaceName: eth0, profiles: [kns.a, kns.a]}"), []string{
			"spec.profiles[1]: Duplicate value: \"kns.a\": already in the list; remove it",
		}},
		{"ports", inSpec("{node: n1, interfaceName: eth0, ports: [{}, {name: HTTP, protocol: tcp, port: 80}, " +
			"{name: a, protocol: ICMP, port: 1}, {name: b, protocol: foo, port: 1}, {name: c, protocol: 17, port: 53}]}"), []string{
			"spec.ports[0].name: Required value: name must be specified: rules refer to the port by it",
			"spec.ports[0].protocol: Required value: protocol must be specified; write TCP, UDP or SCTP",
			"spec.ports[0].port: Invalid value: 0: must be between 1 and 65535",
			"spec.ports[1].name: Invalid value: \"HTTP\": not a port name: it must contain only alpha-numeric characters (a-z, 0-9), " +
				"and hyphens (-), must contain at least one letter (a-z); write http",
			"spec.ports[1].protocol: Invalid value: \"tcp\": unknown protocol; write TCP (names are case-sensitive: TCP, UDP, SCTP)",
			"spec.ports[2].protocol: Invalid value: \"ICMP\": EndpointPort protocol does not support ports; write TCP, UDP or SCTP",
			"spec.ports[3].protocol: Invalid value: \"foo\": unknown protocol; write one of TCP, UDP, SCTP",
		}},
	})
}

func TestTierMessages(t *testing.T) {
	named := func(name, spec string) string { return "metadata: {name: " + name + "}\nspec: " + spec }
	testMessages(t, "Tier", []messageTest{
		{"good", named("t1", "{order: -1.5, defaultAction: Pass}"), nil},
		{"as it must be", named("default", "{order: 1000000}"), nil},
		{"default without an order", named("default", "{}"), []string{"spec.order: Invalid value: null: default tier order must be 1000000"}},
		{"names", named("a.B", "{}"), []string{
			"metadata.name: Invalid value: \"a.B\": name must consist of lower case alphanumeric characters or '-', " +
				"and begin and end with a letter or digit",
		}},
		{"actions", named("t1", "{defaultAction: pass}"), []string{
			"spec.defaultAction: Unsupported value: \"pass\": supported values: \"Pass\", \"Deny\"; write Pass",
		}},
		{"default", named("default", "{order: 5, defaultAction: Pass}"), []string{
			"spec.order: Invalid value: 5: default tier order must be 1000000",
			"spec.defaultAction: Invalid value: \"Pass\": The 'default' tier must have default action 'Deny'",
		}},
		{"kube-admin", named("kube-admin", "{order: 1000}"), []string{
			"spec.defaultAction: Invalid value: \"Deny\": The 'kube-admin' tier must have default action 'Pass'",
		}},
		{"kube-baseline", named("kube-baseline", "{order: 1, defaultAction: Foo}"), []string{
			"spec.defaultAction: Unsupported value: \"Foo\": supported values: \"Pass\", \"Deny\"",
			"spec.order: Invalid value: 1: kube-baseline tier order must be 10000000",
		}},
	})
}

func TestGlobalNetworkSetMessages(t *testing.T) {
	testMessages(t, "GlobalNetworkSet", []messageTest{
		{"good", inSpec("{nets: [10.1.2.3/8, 10.0.0.1, 'FD00::1']}"), nil},
		{"nets", inSpec("{nets: [10.0.0.0/33, 'fe80::1%eth0', 10.0.0.1, 10.0.0.1]}"), []string{
			"spec.nets[0]: Invalid value: \"10.0.0.0/33\": neither an IP address nor a network; write one such as 10.0.0.1 or 10.0.0.0/8",
			"spec.nets[1]: Invalid value: \"fe80::1%eth0\": neither an IP address nor a network; write one such as 10.0.0.1 or 10.0.0.0/8",
			"spec.nets[3]: Duplicate value: \"10.0.0.1\": already in the list; remove it",
		}},
	})
}

func TestProfileMessages(t *testing.T) {
	testMessages(t, "Profile", []messageTest{
		{"good", inSpec("{ingress: [{action: Allow}], labelsToApply: {pcns.a/b: c}}"), nil},
		{"labels and rules", inSpec("{egress: [{action: accept}], labelsToApply: {a b: c}}"), []string{
			"spec.egress[0].action: Unsupported value: \"accept\": supported values: \"Allow\", \"Deny\", \"Log\", \"Pass\"; write Allow",
			"spec.labelsToApply[a b]: Invalid value: \"a b\": " + qualified,
		}},
	})
}

func TestClusterInformationMessages(t *testing.T) {
	testMessages(t, "ClusterInformation", []messageTest{
		{"good", inSpec("{clusterType: kdd}"), nil},
		{"name", "metadata: {name: A_}", []string{
			"metadata.name: Invalid value: \"A_\": name must consist of lower case alphanumeric characters, '-' or '.', " +
				"and begin and end with a letter or digit",
		}},
	})
}
