package resources_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestGlobalNetworkPolicyMessages(t *testing.T) {
	long := "a == '" + strings.Repeat("v", 1024) + "'"
	testMessages(t, "GlobalNetworkPolicy", []messageTest{
		{"good", inSpec("{order: 1, selector: all(), preDNAT: true, applyOnForward: true, ingress: [{action: Deny}]}"), nil},
		{"one dot in the name", "metadata: {name: default.p1}", nil},
		{"two dots in the name", "metadata: {name: a.b.c}", []string{
			"metadata.name: Invalid value: \"a.b.c\": name must consist of lower case alphanumeric characters or '-', " +
				"with at most one '.'; this one has 2",
		}},
		{"letter case", "metadata: {name: P1}", []string{
			"metadata.name: Invalid value: \"P1\": name must consist of lower case alphanumeric characters, '-' or '.', " +
				"and begin and end with a letter or digit; write p1",
		}},
		{"tier", inSpec("{tier: T 1}"), []string{
			"spec.tier: Invalid value: \"T 1\": tier name must consist of lower case alphanumeric characters, '-' or '.', " +
				"and begin and end with a letter or digit",
		}},
		{"long tier", inSpec("{tier: " + strings.Repeat("t", 64) + "}"), []string{"spec.tier: Too long: may not be more than 63 bytes"}},
		{"selectors", inSpec("{selector: a = 'b', serviceAccountSelector: has(, namespaceSelector: global()}"), []string{
			"spec.selector: Invalid value: " + badSelector("a = 'b'"),
			"spec.serviceAccountSelector: Invalid value: " + badSelector("has("),
			"spec.namespaceSelector: Invalid value: \"global()\": global() can only be used in an EntityRule namespaceSelector, " +
				"that is in one of a rule's source or destination",
		}},
		{"long selector", inSpec("{selector: \"" + long + "\"}"), []string{"spec.selector: Too long: may not be more than 1024 bytes"}},
		{"types", inSpec("{types: [ingress, Egress, Egress]}"), []string{
			"spec.types[0]: Unsupported value: \"ingress\": supported values: \"Ingress\", \"Egress\"; write Ingress",
			"spec.types[2]: Duplicate value: \"Egress\": 'Egress' type specified more than once; remove it",
		}},
		{"stages", inSpec("{preDNAT: true, doNotTrack: true, types: [Ingress, Egress]}"), []string{
			"spec.preDNAT: Forbidden: preDNAT and doNotTrack cannot both be true; write a policy for each",
			"spec.applyOnForward: Invalid value: false: applyOnForward must be true if either preDNAT or doNotTrack is true; " +
				"write applyOnForward: true",
			"spec.types[1]: Forbidden: preDNAT policy cannot have 'Egress' type; remove it",
		}},
		{"preDNAT egress", inSpec("{preDNAT: true, applyOnForward: true, egress: [{action: Allow}]}"), []string{
			"spec.egress: Forbidden: preDNAT policy cannot have any egress rules; remove them, and Egress from types",
		}},
		{"hints", inSpec("{performanceHints: [AssumeNeededOnEveryNode, Foo, AssumeNeededOnEveryNode]}"), []string{
			"spec.performanceHints[1]: Unsupported value: \"Foo\": supported values: \"AssumeNeededOnEveryNode\"",
			"spec.performanceHints[2]: Duplicate value: \"AssumeNeededOnEveryNode\": already in the list; remove it",
		}},
		{"a rule too many", inSpec("{egress: [" + strings.Repeat("{action: Allow},", 1025) + "]}"), []string{
			"spec.egress: Too many: 1025: must have at most 1024 items",
		}},
	})
}

func TestStagedGlobalNetworkPolicyMessages(t *testing.T) {
	testMessages(t, "StagedGlobalNetworkPolicy", []messageTest{
		{"good", inSpec("{stagedAction: Delete}"), nil},
		{"action and rule", inSpec("{stagedAction: set, ingress: [{action: Drop}]}"), []string{
			"spec.stagedAction: Unsupported value: \"set\": supported values: \"Set\", \"Delete\", \"Learn\", \"Ignore\"; write Set",
			"spec.ingress[0].action: Unsupported value: \"Drop\": supported values: \"Allow\", \"Deny\", \"Log\", \"Pass\"; write Deny",
		}},
	})
}

const names = "TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite"

func TestRuleMessages(t *testing.T) {
	testMessages(t, "GlobalNetworkPolicy", []messageTest{
		{"good", inSpec("{ingress: [{action: Log, ipVersion: 6, protocol: 58, icmp: {type: 3, code: 0}, notICMP: {type: 254}}]}"), nil},
		{"no action", inSpec("{ingress: [{}]}"), []string{
			"spec.ingress[0].action: Unsupported value: \"\": supported values: \"Allow\", \"Deny\", \"Log\", \"Pass\"; every rule needs one",
		}},
		{"versions", inSpec("{egress: [{action: Allow, ipVersion: 5}, {action: Allow, ipVersion: 4, protocol: ICMPv6, notProtocol: 58}]}"), []string{
			"spec.egress[0].ipVersion: Unsupported value: 5: supported values: \"4\", \"6\"",
			"spec.egress[1].protocol: Invalid value: \"ICMPv6\": protocol ICMPv6 requires ipVersion 6",
			"spec.egress[1].notProtocol: Invalid value: \"58\": protocol ICMPv6 requires ipVersion 6",
		}},
		{"protocols", inSpec("{egress: [{action: Allow, protocol: tcp}, {action: Allow, protocol: '256', notProtocol: 0}]}"), []string{
			"spec.egress[0].protocol: Invalid value: \"tcp\": unknown protocol; write TCP (names are case-sensitive: " + names + ")",
			"spec.egress[1].protocol: Invalid value: \"256\": unknown protocol; write one of " + names + ", or a number from 1 to 255",
			"spec.egress[1].notProtocol: Invalid value: \"0\": a protocol is a name or a number from 1 to 255; " +
				"leave notProtocol out to match every protocol",
		}},
		{"a bad protocol is one mistake", inSpec("{ingress: [{action: Allow, protocol: icmp, icmp: {type: 8}, " +
			"http: {methods: [GET]}, destination: {ports: [80]}}]}"), []string{
			"spec.ingress[0].protocol: Invalid value: \"icmp\": unknown protocol; write ICMP (names are case-sensitive: " + names + ")",
		}},
		{"icmp", inSpec("{ingress: [{action: Allow, protocol: ICMP, icmp: {code: 1}}, {action: Allow, icmp: {type: 255, code: 256}}]}"), []string{
			"spec.ingress[0].icmp.type: Required value: ICMP code specified without an ICMP type",
			"spec.ingress[1].icmp.type: Invalid value: 255: must be between 0 and 254",
			"spec.ingress[1].icmp.code: Invalid value: 256: must be between 0 and 255",
			"spec.ingress[1].icmp: Invalid value: {\"type\":255,\"code\":256}: ICMP fields require protocol to be ICMP or ICMPv6; " +
				"set protocol to one of them",
		}},
		{"http", inSpec("{egress: [{action: Deny, protocol: UDP, http: {methods: [GET, GET, GET], " +
			"paths: [{exact: /a, prefix: /b}, {}, {exact: a}, {prefix: '/a?b'}]}}]}"), []string{
			"spec.egress[0].http.methods[1]: Duplicate value: \"GET\": Invalid methods (duplicates): already in the list; remove it",
			"spec.egress[0].http.paths[0]: Invalid value: {\"exact\":\"/a\",\"prefix\":\"/b\"}: " +
				"Invalid path match. Both 'exact' and 'prefix' are set; remove one of them",
			"spec.egress[0].http.paths[1]: Required value: Invalid path match. Either 'exact' or 'prefix' must be set",
			"spec.egress[0].http.paths[2].exact: Invalid value: \"a\": Invalid path a. (must start with `/` and not contain `?` or `#`)",
			"spec.egress[0].http.paths[3].prefix: Invalid value: \"/a?b\": Invalid path /a?b. (must start with `/` and not contain `?` or `#`)",
			"spec.egress[0].http: Forbidden: not allowed in egress rules",
			"spec.egress[0].http: Forbidden: HTTP match is only valid on Allow rules",
			"spec.egress[0].http: Forbidden: rules with HTTP match must have protocol TCP or unset",
		}},
		{"annotations", inSpec("{ingress: [{action: Allow, metadata: {annotations: {a b: c}}}]}"), []string{
			"spec.ingress[0].metadata.annotations[a b]: Invalid value: \"a b\": " + qualified,
		}},
	})
}

func TestEntityRuleMessages(t *testing.T) {
	var nets strings.Builder
	for i := range 257 {
		fmt.Fprintf(&nets, "10.0.%d.%d/32,", i/256, i%256)
	}
	source := func(fields string) string { return inSpec("{ingress: [{action: Allow, source: {" + fields + "}}]}") }
	testMessages(t, "GlobalNetworkPolicy", []messageTest{
		{"good", source("nets: [0.0.0.0/0], notNets: [10.0.0.0/8], selector: has(a), namespaceSelector: global(), ports: [web]"), nil},
		{"nets", source("nets: [10.0.0.1, 'fd00::1', 10.0.0.1/8, foo, ' 10.0.0.0/8', 11.0.0.0/8, 11.0.0.0/8]"), []string{
			"spec.ingress[0].source.nets[0]: Invalid value: \"10.0.0.1\": not a network; write 10.0.0.1/32",
			"spec.ingress[0].source.nets[1]: Invalid value: \"fd00::1\": not a network; write fd00::1/128",
			"spec.ingress[0].source.nets[2]: Invalid value: \"10.0.0.1/8\": has host bits set; write 10.0.0.0/8",
			"spec.ingress[0].source.nets[3]: Invalid value: \"foo\": not a network; write an address and a prefix length, " +
				"such as 10.0.0.0/8 or fd00::/8",
			"spec.ingress[0].source.nets[4]: Invalid value: \" 10.0.0.0/8\": not a network; write 10.0.0.0/8 without blanks",
			"spec.ingress[0].source.nets[6]: Duplicate value: \"11.0.0.0/8\": already in the list; remove it",
		}},
		{"too many nets", source("nets: [" + nets.String() + "]"), []string{
			"spec.ingress[0].source.nets: Too many: 257: must have at most 256 items",
		}},
		{"no nets at all", source("notNets: [0.0.0.0/0]"), []string{
			"spec.ingress[0].source.notNets[0]: Invalid value: \"0.0.0.0/0\": " +
				"catch-all CIDR in negation creates logical contradiction (matches no traffic)",
		}},
		{"mixed families", inSpec("{ingress: [{action: Allow, source: {notNets: [10.0.0.0/8]}, destination: {nets: ['fd00::/8']}}]}"), []string{
			"spec.ingress[0].destination.nets[0]: Invalid value: \"fd00::/8\": rule contains both IPv4 and IPv6 CIDRs; write a rule for each",
		}},
		{"other family", inSpec("{ingress: [{action: Allow, ipVersion: 6, source: {nets: [10.0.0.0/8]}}]}"), []string{
			"spec.ingress[0].source.nets[0]: Invalid value: \"10.0.0.0/8\": rule IP version doesn't match CIDR version: ipVersion is 6",
		}},
		{"selectors", source("selector: global(), notSelector: '*', namespaceSelector: all() || global(), serviceAccounts: {selector: '&'}"), []string{
			"spec.ingress[0].source.selector: Invalid value: \"global()\": global() can only be used in an EntityRule namespaceSelector, " +
				"that is in one of a rule's source or destination",
			"spec.ingress[0].source.notSelector: Invalid value: " + badSelector("*"),
			"spec.ingress[0].source.namespaceSelector: Invalid value: \"all() || global()\": " +
				"global() cannot be combined with other selectors; write global() alone",
			"spec.ingress[0].source.serviceAccounts.selector: Invalid value: " + badSelector("&"),
		}},
		{"ports without a protocol", source("ports: [web, 80], notPorts: [a--b, 80-90]"), []string{
			"spec.ingress[0].source.ports: Invalid value: [\"web\",80]: ports need a protocol: set protocol to TCP, UDP or SCTP",
			"spec.ingress[0].source.notPorts[0]: Invalid value: \"a--b\": not a port name: it must not contain consecutive hyphens",
			"spec.ingress[0].source.notPorts[1]: Invalid value: \"80-90\": not a port name: it must contain at least one letter (a-z); " +
				"write \"80:90\" for a range of ports",
		}},
		{"ports of ICMP", inSpec("{egress: [{action: Allow, protocol: ICMP, destination: {ports: [0, '0:5', web]}}]}"), []string{
			"spec.egress[0].destination.ports[0]: Invalid value: \"0\": port range invalid, port number must be between 1 and 65535",
			"spec.egress[0].destination.ports[1]: Invalid value: \"0:5\": port range invalid, port number must be between 1 and 65535",
			"spec.egress[0].destination.ports: Invalid value: [0,\"0:5\",\"web\"]: " +
				"rules that specify ports must set protocol to TCP or UDP or SCTP; ICMP has no ports that rules can match",
		}},
		{"too many ports", inSpec("{egress: [{action: Allow, protocol: TCP, destination: {ports: [" + strings.Repeat("80,", 51) + "]}}]}"), []string{
			"spec.egress[0].destination.ports: Too many: 51: must have at most 50 items",
		}},
	})
}

func TestServiceMessages(t *testing.T) {
	testMessages(t, "GlobalNetworkPolicy", []messageTest{
		{"good", inSpec("{egress: [{action: Allow, destination: {services: {name: a, namespace: b}}}]}"), nil},
		{"source ports", inSpec("{ingress: [{action: Allow, protocol: TCP, source: {services: {name: a, namespace: b}, ports: [80]}}]}"), nil},
		{"wrong sides", inSpec("{ingress: [{action: Allow, destination: {services: {name: a, namespace: b}}}], " +
			"egress: [{action: Allow, source: {services: {name: a, namespace: b}}}]}"), []string{
			"spec.ingress[0].destination.services: Forbidden: not allowed in ingress rule destination",
			"spec.egress[0].source.services: Forbidden: not allowed in egress rule source",
		}},
		{"other matches", inSpec("{egress: [{action: Allow, protocol: TCP, destination: {services: {}, selector: all(), nets: [10.0.0.0/8], " +
			"serviceAccounts: {names: [a, a]}, namespaceSelector: all(), notPorts: [80]}}]}"), []string{
			"spec.egress[0].destination.serviceAccounts.names[1]: Duplicate value: \"a\": already in the list; remove it",
			"spec.egress[0].destination.services.name: Required value: services must specify a service name",
			"spec.egress[0].destination.services.namespace: Required value: must specify a namespace",
			"spec.egress[0].destination.services: Forbidden: cannot specify Selector/NotSelector and Services on the same rule",
			"spec.egress[0].destination.services: Forbidden: cannot specify Nets/NotNets and Services on the same rule",
			"spec.egress[0].destination.services: Forbidden: cannot specify ServiceAccounts and Services on the same rule",
			"spec.egress[0].destination.services: Forbidden: cannot specify NamespaceSelector and Services on the same rule",
			"spec.egress[0].destination.services: Forbidden: ports and notPorts cannot be specified with services: the service has its own",
		}},
	})
}
