package lint

import (
	"fmt"
	"testing"
)

func TestFailsafes(t *testing.T) {
	ssh := felix("default", "failsafeInboundHostPorts: [{protocol: TCP, port: 22}]")
	checkCases(t, "failsafes", []lintCase{
		{name: "denied", objects: web + gnp("p", "selector: role == 'web', types: [Egress], egress: [{action: Deny, protocol: UDP, destination: {ports: [53, 54]}}, {action: Allow}]")},
		{name: "denied, by a node's own list", objects: web + felix("node.web", "failsafeOutboundHostPorts: [{protocol: TCP, port: 80, net: 192.0.2.0/24}]") +
			gnp("p", "selector: has(role), types: [Egress], egress: [{action: Deny, protocol: TCP, destination: {ports: [80]}}, {action: Allow}]")},
		{name: "all denied", objects: web + gnp("p", "selector: role == 'web', types: [Egress], egress: [{action: Deny}]")},
		{name: "open", objects: web + felix("default", "failsafeInboundHostPorts: [{protocol: TCP, port: 22}, {protocol: TCP, port: 443}, {protocol: TCP, port: 80}, {protocol: UDP, port: 5, net: 10.0.0.0/8}]") +
			gnp("p", "selector: role == 'web', types: [Ingress], ingress: [{action: Allow, protocol: TCP, destination: {ports: [443]}}, {action: Allow, protocol: TCP, source: {nets: [10.0.0.0/8]}, destination: {ports: [80]}}]")},
		{name: "open, and no policy closes anything", objects: web + ssh},
		{name: "open, and what is left is passed on", objects: web + felix("default", "failsafeInboundHostPorts: [{protocol: TCP, port: 22}]") +
			gnp("p", "selector: role == 'web', types: [Ingress], ingress: [{action: Pass}]")},
		{name: "open, and what goes elsewhere is denied", objects: web + ssh +
			gnp("p", "selector: role == 'web', types: [Ingress], ingress: [{action: Deny, protocol: TCP, destination: {nets: [10.99.0.0/16]}}, {action: Allow}]")},
		{name: "open, and allowed to the address of the host", objects: web + ssh +
			gnp("p", "selector: role == 'web', types: [Ingress], ingress: [{action: Allow, protocol: TCP, destination: {nets: [10.0.0.1/32]}}]")},
		{name: "open, and allowed to another address alone", objects: web + ssh +
			gnp("p", "selector: role == 'web', types: [Ingress], ingress: [{action: Allow, protocol: TCP, destination: {nets: [10.0.0.9/32]}}]")},
		{name: "open, and it cannot be told what is allowed", objects: web + ssh +
			gnp("p", "selector: role == 'web', types: [Ingress], ingress: [{action: Allow, protocol: TCP, http: {methods: [GET]}}]")},
		{name: "open, and built in, in two lanes", objects: web +
			gnp("p", "selector: role == 'web', types: [Ingress], ingress: [{action: Allow, protocol: TCP}]") + gnp("q", "selector: role == 'db', types: [Ingress], ingress: [{action: Allow, protocol: UDP}]") +
			gnp("r", "selector: role == 'db', order: 1, types: [Ingress], ingress: [{action: Pass}]")},
		{name: "open to the loopback interface", objects: hep("lo", "role: web", "interfaceName: lo, expectedIPs: [10.0.0.1], "+allowing) + ssh +
			gnp("p", "selector: role == 'web', types: [Ingress], ingress: [{action: Allow, protocol: UDP}]")},
		{name: "a protocol", objects: web + felix("default", "failsafeInboundHostPorts: [{protocol: SCTP, port: 22}], failsafeOutboundHostPorts: [{protocol: UDP, port: 53}, {protocol: sctp, port: 53}]") +
			felix("node.db", "failsafeInboundHostPorts: [{port: 22}, {protocol: SCTP, port: 23}]") + felix("other", "failsafeInboundHostPorts: [{protocol: SCTP, port: 22}]")},
	})
}

func TestMasters(t *testing.T) {
	node := func(name, labels, address string) string {
		return fmt.Sprintf("---\n{apiVersion: v1, kind: Node, metadata: {name: %s, labels: {%s}}, status: {addresses: [{type: InternalIP, address: %s}]}}\n", name, labels, address)
	}
	const role = "node-role.kubernetes.io/control-plane: ''"
	m1, m2, w1 := node("m1", role, "10.0.0.1"), node("m2", role, "10.0.0.2"), node("w1", "", "10.0.1.1")
	host := hep("m1", "m: '1'", `interfaceName: "*", expectedIPs: [10.0.0.1], `+allowing)
	checkCases(t, "masters", []lintCase{
		{name: "no endpoint", objects: m1 + w1},
		{name: "no policy", objects: m1 + w1 + host},
		{name: "an endpoint for another interface", objects: m1 + w1 + hep("m1", "m: '1'", `interfaceName: eth7, `+allowing)},
		{name: "a policy for egress", objects: m1 + w1 + host + gnp("p", "selector: has(m), types: [Egress], egress: [{action: Allow}]")},
		{name: "the role of the endpoint", objects: hep("x", role, `interfaceName: "*", expectedIPs: [10.0.0.1], `+allowing)},
		{name: "open to all peers", objects: m1 + w1 + host + noFailsafes + gnp("p", "selector: has(m), types: [Ingress], ingress: [{action: Allow, protocol: TCP, source: {nets: [10.0.0.0/16]}, destination: {ports: [6443]}}]")},
		{name: "closed to one", objects: m1 + w1 + host + noFailsafes + gnp("p", "selector: has(m), types: [Ingress], ingress: [{action: Allow, protocol: TCP, source: {nets: [10.0.0.0/24]}, destination: {ports: [6443]}}]")},
		{name: "kept open by a failsafe port", objects: m1 + w1 + host + felix("default", "failsafeInboundHostPorts: [{protocol: TCP, port: 6443, net: 10.0.0.0/16}]") + gnp("p", "selector: has(m), types: [Ingress]")},
		{name: "two masters", objects: m1 + m2 + host + noFailsafes + gnp("p", "selector: has(m), types: [Ingress]")},
		{name: "nothing is open, and no policy is there", objects: m1 + w1 + noFailsafes + hep("m1", "m: '1'", `interfaceName: "*", expectedIPs: [10.0.0.1]`)},
		{name: "no policy for one of two endpoints", objects: m1 + w1 + hep("m1", "m: '1'", `interfaceName: eth0, expectedIPs: [10.0.0.1], `+allowing) + noFailsafes +
			"---\n{apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {name: rest}, spec: {node: m1, interfaceName: '*', expectedIPs: [10.0.0.9], profiles: [projectcalico-default-allow]}}\n" +
			gnp("p", "selector: has(m), types: [Ingress], ingress: [{action: Allow, protocol: TCP}]")},
		{name: "the loopback interface alone", objects: m1 + w1 + hep("m1", "m: '1'", `interfaceName: lo, expectedIPs: [10.0.0.1], `+allowing) +
			gnp("p", "selector: has(m), types: [Ingress], ingress: [{action: Allow, protocol: UDP}]")},
		{name: "alone", objects: m1 + host + noFailsafes + gnp("p", "selector: has(m), types: [Ingress]")},
	})
}
