package lint

import (
	"fmt"
	"testing"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
)

func profile(name, spec string) string {
	return fmt.Sprintf("---\n{apiVersion: projectcalico.org/v3, kind: Profile, metadata: {name: %s}, spec: {%s}}\n", name, spec)
}

// own is an endpoint with profiles of its own.
func own(name, profiles string) string {
	return hep(name, "role: own", fmt.Sprintf(`interfaceName: eth0, expectedIPs: [10.0.1.%d], profiles: [%s]`, len(name), profiles))
}

const both = "ingress: [{action: Allow}], egress: [{action: Allow}]"

// profileCases are about rules of profiles.
func profileCases() []lintCase {
	const allowing = "egress: [{action: Allow}], ingress: "
	endpoint := web + own("a", "p")
	return []lintCase{
		{name: "nothing to find", objects: endpoint + profile("p", allowing+"[{action: Deny, protocol: TCP, destination: {ports: [80]}}, {action: Log, protocol: UDP}, {action: Allow}]")},
		{name: "a selector that matches nothing", objects: endpoint + profile("p", allowing+"[{action: Deny, source: {selector: role == 'wbe'}}, {action: Allow}]")},
		{name: "an endpoint without addresses", objects: endpoint + hep("bare", "role: bare", `interfaceName: "*", profiles: [projectcalico-default-allow]`) +
			profile("p", allowing+"[{action: Deny, source: {selector: role == 'bare'}}, {action: Allow}]")},
		{name: "unlabelled", objects: endpoint + hep("bare", "", `interfaceName: "*", expectedIPs: [10.0.0.3], profiles: [projectcalico-default-allow]`) +
			profile("p", allowing+"[{action: Deny, source: {selector: role != 'web'}}, {action: Allow}]")},
		{name: "a named port, and fields that exclude each other", objects: endpoint +
			profile("p", allowing+"[{action: Deny, protocol: TCP, destination: {ports: [metrics]}}, {action: Deny, ipVersion: 6, source: {selector: role == 'db'}}, {action: Allow}]")},
		{name: "a rule before it", objects: endpoint + profile("p", allowing+"[{action: Deny, protocol: TCP, destination: {ports: ['1:100']}}, {action: Allow, protocol: TCP, destination: {ports: [80]}}, {action: Log, protocol: TCP, destination: {ports: [81]}}, {action: Allow}]")},
		{name: "a profile before it", objects: web + own("a", "p, q") + profile("p", both) + profile("q", "ingress: [{action: Deny, protocol: TCP, destination: {ports: [80]}}]")},
		{name: "the profile of automatic endpoints before it", objects: web + own("a", "projectcalico-default-allow, q") + profile("q", "egress: [{action: Allow, protocol: TCP}]")},
		{name: "a profile before that of automatic endpoints", objects: own("a", "p, projectcalico-default-allow") + profile("p", both) + profile("projectcalico-default-allow", both)},
		{name: "profiles in another order somewhere", objects: web + own("a", "p, q") + own("bb", "q, p") + profile("p", "egress: [{action: Allow}], ingress: [{action: Allow}]") + profile("q", "ingress: [{action: Deny, protocol: TCP, destination: {ports: [80]}}]")},
		{name: "two rules before it on two endpoints", objects: web + own("a", "p, q") + own("bb", "r, q") + profile("p", both) + profile("r", "egress: [{action: Allow}], ingress: [{action: Deny, protocol: TCP}, {action: Allow}]") +
			profile("q", "ingress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}]")},
		{name: "what leaves a profile", objects: web + own("a", "p, q") + profile("p", allowing+"[{action: Pass, protocol: TCP}, {action: Deny, protocol: TCP, destination: {ports: [80]}}]") +
			profile("q", "ingress: [{action: Deny, protocol: TCP, destination: {ports: [80]}}, {action: Allow}]")},
		{name: "what is not certain shadows nothing", objects: endpoint + profile("p", allowing+"[{action: Allow, protocol: TCP, http: {methods: [GET]}}, {action: Allow}]")},
		{name: "policies decide before profiles, as they do", objects: endpoint + noFailsafes + profile("p", both) + gnp("g", "selector: role == 'own', types: [Ingress, Egress], ingress: [{action: Allow, protocol: TCP}], egress: [{action: Allow}]")},
		{name: "nobody has the profile", objects: web + profile("p", allowing+"[{action: Allow}, {action: Allow}, {action: Allow, protocol: TCP, destination: {ports: [metrics]}}]")},
		{name: "networks of one family", objects: web + hep("six", "role: own", `interfaceName: eth0, expectedIPs: ["fd00::5"], profiles: [p]`) + profile("p", allowing+"[{action: Deny, source: {nets: [10.0.0.0/8]}}, {action: Deny, source: {notNets: [10.0.0.0/8]}}, {action: Allow}]")},
		{name: "a failsafe port", objects: endpoint + profile("p", allowing+"[{action: Deny, protocol: TCP, destination: {ports: [22]}}, {action: Allow}]")},
		{name: "a policy and a profile of one name", objects: endpoint + profile("p", allowing+"[{action: Allow, protocol: TCP}, {action: Allow, protocol: TCP, destination: {ports: [80]}}, {action: Allow}]") +
			gnp("p", "selector: role == 'own', types: [Egress], egress: [{action: Allow}, {action: Allow, protocol: UDP}]")},
	}
}

func TestProfiles(t *testing.T) { checkCases(t, "profiles", profileCases()) }

// TestProfileProofs tries out what is said about rules of profiles: each can go.
func TestProfileProofs(t *testing.T) {
	tried := 0
	for _, c := range profileCases() {
		l := newLinter(input(t, c.objects, c.stored))
		before := policy.New(l.snapshot)
		for _, f := range Run(l.in).Findings {
			if f.Place.Kind == resources.Profile && (f.Code.ID == Shadowed || f.Code.ID == NeverMatches) {
				tried++
				checkProfileRule(t, l, before, f)
			}
		}
	}
	if tried == 0 {
		t.Error("nothing was tried")
	}
}

func TestProfilesThatAllowNothing(t *testing.T) {
	governed := gnp("g", "selector: role == 'own', types: [Ingress, Egress], ingress: [{action: Allow, protocol: TCP}], egress: [{action: Allow}]") + noFailsafes
	checkCases(t, "nothing_allowed", []lintCase{
		{name: "no rules", objects: own("a", "p") + profile("p", "labelsToApply: {a: b}")},
		{name: "no rules, and policies decide", objects: own("a", "p") + profile("p", "labelsToApply: {a: b}") + governed},
		{name: "no rules, and no such profile", objects: own("a", "p, nosuch") + profile("p", "labelsToApply: {a: b}")},
		{name: "one of two allows", objects: own("a", "p, q") + profile("p", "labelsToApply: {a: b}") + profile("q", both)},
		{name: "a profile that is not there, and one that allows", objects: own("a", "nosuch, projectcalico-default-allow")},
		{name: "no egress rules", objects: own("a", "p") + profile("p", "ingress: [{action: Allow}]")},
		{name: "no egress rules, and a policy is about egress", objects: own("a", "p") + profile("p", "ingress: [{action: Allow}]") + gnp("g", "selector: role == 'own', types: [Egress], egress: [{action: Allow}]")},
		{name: "Allow comes too late, or matches nothing", objects: own("a", "p") + profile("p", "ingress: [{action: Log}, {action: Deny}, {action: Allow}], egress: [{action: Allow, protocol: TCP, destination: {ports: [nosuch]}}]")},
		{name: "denied on purpose", objects: own("a", "p") + profile("p", "ingress: [{action: Deny}], egress: [{action: Deny}]")},
		{name: "it is not certain that something is allowed", objects: own("a", "p") + profile("p", "ingress: [{action: Allow, protocol: TCP, http: {methods: [GET]}}], egress: [{action: Allow}]")},
	})
}

func TestNotSelectors(t *testing.T) {
	rule := func(end string) string {
		return web + gnp("p", "selector: role == 'web', types: [Egress], egress: [{action: Allow, destination: {"+end+"}}]")
	}
	cases := []lintCase{
		{name: "in a profile", objects: web + own("a", "p") + profile("p", "egress: [{action: Deny, source: {selector: role == 'web', notSelector: has(role)}}, {action: Allow}], ingress: [{action: Allow}]")},
		{name: "of a source", objects: web + gnp("p", "selector: role == 'web', types: [Egress], egress: [{action: Allow, source: {selector: has(role), notSelector: 'all()'}}]")},
	}
	for _, end := range []string{
		"selector: role == 'web', notSelector: role == 'web'",
		"selector: has(role), notSelector: has(role)",
		"selector: 'role in {\"web\", \"db\"}', notSelector: \"role == 'db' || role == 'web' || role == 'x'\"",
		"selector: role == 'nosuch', notSelector: has(role)",
		"selector: role == 'web', notSelector: role == 'web', namespaceSelector: global()",
		"namespaceSelector: all(), notSelector: all()",
		"serviceAccounts: {names: [x]}, notSelector: all()",
		// These may match something, today or once something is there.
		"selector: has(role), notSelector: role == 'web'",
		"selector: has(role), notSelector: '!has(role)'",
		"selector: has(role), notSelector: 'role in {\"web\", \"db\"}'",
		"notSelector: all()",
		"notSelector: has(role)",
	} {
		cases = append(cases, lintCase{name: end, objects: rule(end)})
	}
	checkCases(t, "not_selectors", cases)
}
