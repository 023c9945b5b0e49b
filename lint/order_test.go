package lint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// inTurns is policies of one order that allow and deny the same.
func inTurns(n int, spec string) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(gnp(fmt.Sprintf("p%02d", i), fmt.Sprintf("order: 5, %s[{action: %s, protocol: TCP, destination: {ports: [80]}}]", spec, []v3.Action{v3.Allow, v3.Deny}[i%2])))
	}
	return text.String()
}

func TestOrder(t *testing.T) {
	const egress = "selector: role == 'web', types: [Egress], egress: "
	checkCases(t, "order", []lintCase{
		{name: "logs only", objects: web + gnp("p", egress+"[{action: Log}]")},
		{name: "logs what is denied anyway", objects: noFailsafes + hep("web", "role: web", `interfaceName: "*", expectedIPs: [10.0.0.1]`) + gnp("p", egress+"[{action: Log}]")},
		{name: "logs what is denied anyway, and decides the other direction", objects: hep("web", "role: web", `interfaceName: "*", expectedIPs: [10.0.0.1]`) +
			gnp("p", "selector: role == 'web', types: [Ingress, Egress], ingress: [{action: Log}], egress: [{action: Allow}]")},
		{name: "logs only, where failsafe ports differ", objects: web + hep("app", "role: web", `interfaceName: "*", expectedIPs: [10.0.0.3], `+allowing) +
			felix("node.app", "failsafeOutboundHostPorts: [{protocol: UDP, port: 53, net: 10.0.0.0/8}]") + felix("node.web", "failsafeOutboundHostPorts: []") + gnp("p", egress+"[{action: Log}]")},
		{name: "a tie on a port that is failsafe on one of two nodes", objects: web + hep("app", "role: web", `interfaceName: "*", expectedIPs: [10.0.0.3], `+allowing) +
			felix("node.app", "failsafeOutboundHostPorts: [{protocol: TCP, port: 80}]") + felix("node.web", "failsafeOutboundHostPorts: []") +
			gnp("a", egress+"[{action: Allow, protocol: TCP, destination: {ports: [80]}}]") + gnp("b", egress+"[{action: Deny, protocol: TCP, destination: {ports: [80]}}]")},
		{name: "two log", objects: web + gnp("p", egress+"[{action: Log}]") + gnp("q", egress+"[{action: Log, protocol: TCP}]")},
		{name: "logs, and another allows", objects: web + gnp("p", "order: 1, "+egress+"[{action: Log}]") + gnp("q", egress+"[{action: Allow, protocol: TCP}]")},
		{name: "logs in a tier that passes", objects: web + "---\n{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {name: watch}, spec: {order: 1, defaultAction: Pass}}\n" +
			gnp("p", "tier: watch, "+egress+"[{action: Log}]")},
		{name: "logs what is forwarded", objects: web + gnp("p", "applyOnForward: true, "+egress+"[{action: Log}]")},
		{name: "no rules is meant", objects: web + gnp("p", "selector: role == 'web', types: [Egress]")},
		{name: "a tie", objects: web + gnp("a", "order: 5, "+egress+"[{action: Allow, protocol: TCP, destination: {ports: ['80:90']}}]") +
			gnp("b", "order: 5, "+egress+"[{action: Deny, protocol: TCP, destination: {ports: ['90:99']}}]")},
		{name: "a tie without order", objects: web + gnp("a", egress+"[{action: Deny, protocol: TCP, destination: {ports: ['80:90']}}]") +
			gnp("a-b", egress+"[{action: Allow, protocol: TCP, destination: {ports: [90, 91]}}]")},
		{name: "a tie, and another that comes to the same", objects: web + tier("t", "order: 10") +
			gnp("t.a", "tier: t, order: 5, "+egress+"[{action: Pass, protocol: TCP, destination: {ports: [80]}}]") +
			gnp("t.b", "tier: t, order: 5, "+egress+"[{action: Deny, protocol: TCP, destination: {ports: [443]}}]") +
			gnp("t.c", "tier: t, order: 5, "+egress+"[{action: Allow, protocol: TCP, destination: {ports: [80, 443]}}]")},
		{name: "the first of five decides", objects: web + inTurns(5, egress)},
		{name: "no tie: decided before", objects: web + gnp("a", "order: 5, "+egress+"[{action: Allow, protocol: TCP, destination: {ports: ['80:90']}}]") +
			gnp("b", "order: 5, "+egress+"[{action: Deny, protocol: TCP, destination: {ports: ['90:99']}}]") +
			gnp("c", "order: 4, "+egress+"[{action: Deny, protocol: TCP, destination: {ports: [90]}}]")},
		{name: "no tie: other endpoints", objects: web + gnp("a", "order: 5, "+egress+"[{action: Allow, protocol: TCP}]") +
			gnp("b", "selector: role == 'db', order: 5, types: [Egress], egress: [{action: Deny, protocol: TCP}]")},
		{name: "no tie: the same action", objects: web + gnp("a", "order: 5, "+egress+"[{action: Allow, protocol: TCP, destination: {ports: ['80:90']}}]") +
			gnp("b", "order: 5, "+egress+"[{action: Allow, protocol: TCP, destination: {ports: ['90:99']}}]")},
		{name: "passing on decides", objects: web + gnp("a", "order: 5, "+egress+"[{action: Pass, protocol: TCP, destination: {ports: ['80:90']}}]") +
			gnp("b", "order: 5, "+egress+"[{action: Deny, protocol: TCP, destination: {ports: ['90:99']}}]")},
		{name: "passing on comes to the same", objects: web + gnp("a", "order: 5, "+egress+"[{action: Pass, protocol: TCP, destination: {ports: ['80:90']}}]") +
			gnp("b", "order: 5, "+egress+"[{action: Allow, protocol: TCP, destination: {ports: ['90:99']}}]")},
		{name: "stages", objects: web + gnp("a", "order: 5, doNotTrack: true, applyOnForward: true, types: [Egress], egress: [{action: Allow, protocol: UDP}]") +
			gnp("b", "selector: role == 'web', doNotTrack: true, applyOnForward: true, types: [Egress], egress: [{action: Allow, protocol: UDP}]")},
		{name: "tiers of one order", objects: web + tier("a", "order: 7") + tier("b", "order: 7") +
			gnp("p", "tier: a, "+egress+"[{action: Allow, protocol: TCP, destination: {ports: [80]}}, {action: Pass}]") +
			gnp("q", "tier: b, "+egress+"[{action: Deny, protocol: TCP, destination: {ports: ['80:90']}}, {action: Pass}]")},
		{name: "tiers of one order, and one without policies", objects: web + tier("a", "order: 7") + tier("b", "order: 7") + tier("c", "order: 7") +
			gnp("p", "tier: a, "+egress+"[{action: Allow, protocol: TCP, destination: {ports: [80]}}, {action: Pass}]") +
			gnp("q", "tier: c, "+egress+"[{action: Deny, protocol: TCP, destination: {ports: ['80:90']}}, {action: Pass}]")},
		{name: "tiers of one order, and one that agrees with both", objects: web + tier("a", "order: 7") + tier("b", "order: 7") + tier("c", "order: 7") +
			gnp("p", "tier: a, "+egress+"[{action: Allow, protocol: TCP, destination: {ports: [80]}}, {action: Pass}]") + gnp("o", "tier: b, "+egress+"[{action: Pass}]") +
			gnp("q", "tier: c, "+egress+"[{action: Deny, protocol: TCP, destination: {ports: ['80:90']}}, {action: Pass}]")},
		{name: "tiers of one order that agree", objects: web + tier("a", "") + tier("b", "") +
			gnp("p", "tier: a, "+egress+"[{action: Allow, protocol: TCP, destination: {ports: [80]}}, {action: Pass}]") +
			gnp("q", "tier: b, "+egress+"[{action: Allow, protocol: TCP, destination: {ports: ['80:90']}}, {action: Pass}]")},
		{name: "a tier", objects: web + "---\n{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {name: security}, spec: {order: 1}}\n" +
			gnp("p", "tier: securty, "+egress+"[{action: Allow}]") + gnp("q", "tier: kube-admin, order: 5, "+egress+"[{action: Pass}]")},
	})
}

// TestManyTies has more policies of one order than are looked at one by one.
func TestManyTies(t *testing.T) {
	got := map[string]int{}
	for _, f := range Run(input(t, web+inTurns(2*manyTied, "selector: role == 'web', types: [Egress], egress: "), false)).Findings {
		if f.Code.ID == TieDecides {
			got[f.Proof[0].At.String()]++
		}
	}
	if diff := cmp.Diff(map[string]int{"GlobalNetworkPolicy(p00)": manyTied}, got); diff != "" {
		t.Error(diff)
	}
}
