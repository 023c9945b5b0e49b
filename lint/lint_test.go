package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// read makes objects of documents.
func read(t *testing.T, text string) []resources.Object {
	t.Helper()
	file := filepath.Join(t.TempDir(), "in.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	result, err := manifest.Read(t.Context(), []string{file}, manifest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	objects := make([]resources.Object, len(result.Items))
	for i, item := range result.Items {
		objects[i] = item.Object
	}
	return objects
}

func input(t *testing.T, text string, stored bool) Input {
	t.Helper()
	var in Input
	for _, o := range read(t, text) {
		in.Sources = append(in.Sources, Source{o, stored})
	}
	return in
}

// hep, gnp and felix are documents.
func hep(name, labels, spec string) string {
	return fmt.Sprintf("---\n{apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {name: %s, labels: {%s}}, spec: {node: %[1]s, %[3]s}}\n", name, labels, spec)
}

func gnp(name, spec string) string {
	return fmt.Sprintf("---\n{apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {name: %s}, spec: {%s}}\n", name, spec)
}

func felix(name, spec string) string {
	return fmt.Sprintf("---\n{apiVersion: projectcalico.org/v3, kind: FelixConfiguration, metadata: {name: %s}, spec: {%s}}\n", name, spec)
}

func tier(name, spec string) string {
	return fmt.Sprintf("---\n{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {name: %s}, spec: {%s}}\n", name, spec)
}

// Endpoints of which nothing is found without a policy. Failsafe ports are switched off where they are not meant.
const (
	noFailsafes = "---\n{apiVersion: projectcalico.org/v3, kind: FelixConfiguration, metadata: {name: default}, spec: {failsafeInboundHostPorts: [], failsafeOutboundHostPorts: []}}\n"
	allowing    = "profiles: [projectcalico-default-allow]"
)

var web = hep("web", "role: web", `interfaceName: "*", expectedIPs: [10.0.0.1], `+allowing) +
	hep("db", "role: db", `interfaceName: eth0, expectedIPs: [10.0.0.2], `+allowing)

// lines are findings in short, each with its proofs below it.
func lines(findings []Finding) []string {
	list := []string{}
	for _, f := range findings {
		text := fmt.Sprintf("%s %s %s", f.Code.ID, f.Severity, f.Place)
		text += ": " + f.Text
		if f.Suppressed != "" {
			text += ", suppressed: " + f.Suppressed
		}
		list = append(list, text)
		for _, p := range f.Proof {
			line := "  " + p.Text
			if p.At != nil {
				line += "; " + p.At.String()
			}
			if len(p.Endpoints) > 0 {
				line += "; on " + strings.Join(p.Endpoints, ",")
			}
			if boxes := p.Traffic.Boxes(); len(boxes) == 1 {
				line += fmt.Sprintf("; %v %v", boxes[0].Protocols, boxes[0].Ports)
			}
			list = append(list, line)
		}
	}
	return list
}

type lintCase struct {
	name, objects string
	stored        bool
}

// checkCases holds the findings of cases against testdata/NAME.txt, which UPDATE=1 writes.
func checkCases(t *testing.T, name string, cases []lintCase) {
	t.Helper()
	var got strings.Builder
	for _, c := range cases {
		got.WriteString("== " + c.name + "\n")
		for _, line := range lines(Run(input(t, c.objects, c.stored)).Findings) {
			got.WriteString(line + "\n")
		}
	}
	file := filepath.Join("testdata", name+".txt")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestSelectors(t *testing.T) {
	checkCases(t, "selectors", []lintCase{
		{name: "every selector matches", objects: web + gnp("p", "selector: role == 'web', types: [Egress], egress: [{action: Allow, destination: {selector: role == 'db'}}]")},
		{name: "a value", objects: web + gnp("p", "selector: \"role in {'wbe', 'x'}\", types: [Egress], egress: [{action: Allow}]")},
		{name: "a label", objects: web + gnp("p", "selector: has(rolle), types: [Egress], egress: [{action: Allow}]")},
		{name: "the other name of the role", objects: hep("m", "node-role.kubernetes.io/control-plane: ''", `interfaceName: "*", `+"expectedIPs: [10.0.0.1], "+allowing) +
			gnp("m", "selector: has(node-role.kubernetes.io/control-plane), types: [Ingress], ingress: [{action: Allow}]") + noFailsafes +
			gnp("p", "selector: has(node-role.kubernetes.io/master), types: [Egress], egress: [{action: Allow}]")},
		{name: "a label with another prefix", objects: web + gnp("p", "selector: example.org/role == 'web', types: [Egress], egress: [{action: Allow}]")},
		{name: "a label of pods", objects: web + gnp("p", "selector: app == 'shop', types: [Egress], egress: [{action: Allow}]")},
		{name: "conditions that exclude each other", objects: web + gnp("p", "selector: role == 'web' && role == 'db', types: [Egress], egress: [{action: Allow}]")},
		{name: "there are no endpoints", objects: gnp("p", "selector: role == 'web', types: [Egress], egress: [{action: Allow}]")},
		{name: "a rule", objects: web + gnp("p", "selector: role == 'web', types: [Egress], egress: [{action: Allow, destination: {selector: role == 'dbb'}}, {action: Allow, destination: {notSelector: zone == 'a'}}]")},
		{name: "a rule about pods", objects: web + gnp("p", "selector: role == 'web', types: [Egress], egress: [{action: Allow, destination: {selector: app == 'x', namespaceSelector: all()}}]")},
		{name: "all() and nothing", objects: web + noFailsafes + gnp("p", "types: [Egress], selector: all() || all()") + gnp("q", "types: [Egress]")},
		{name: "unlabelled", objects: web + hep("bare", "", `interfaceName: "*", expectedIPs: [10.0.0.3], `+allowing) +
			gnp("p", "selector: role != 'web', types: [Egress], egress: [{action: Allow, destination: {selector: 'role not in {\"db\"}'}}]")},
		{name: "unlabelled in two ways", objects: hep("a", "x: '1'", `interfaceName: "*", expectedIPs: [10.0.0.3], `+allowing) + hep("b", "z: '1'", `interfaceName: "*", expectedIPs: [10.0.0.4], `+allowing) +
			hep("c", "", `interfaceName: "*", expectedIPs: [10.0.0.5], `+allowing) + gnp("p", "selector: x != 'q' && z != 'q', types: [Egress], egress: [{action: Allow}]")},
		{name: "unlabelled network sets", objects: web + "---\n{apiVersion: projectcalico.org/v3, kind: GlobalNetworkSet, metadata: {name: office}, spec: {nets: [192.0.2.0/24]}}\n" +
			gnp("p", "selector: role == 'web', types: [Egress], egress: [{action: Allow, destination: {selector: role != 'web'}}]")},
		{name: "unlabelled on purpose", objects: web + hep("bare", "", `interfaceName: "*", expectedIPs: [10.0.0.3], `+allowing) +
			gnp("p", "selector: '!has(role) || has(role) && role != \"web\"', types: [Egress], egress: [{action: Allow}]")},
		{name: "namespaces", objects: web + gnp("p", "selector: role == 'web', namespaceSelector: has(a), types: [Egress], egress: [{action: Allow}]") +
			gnp("q", "serviceAccountSelector: all(), types: [Egress], egress: [{action: Allow}]") +
			gnp("r", "selector: app == 'x', namespaceSelector: has(a), types: [Egress], egress: [{action: Allow}]")},
		{name: "a template", objects: "---\n{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {zone: a}}}\n" +
			"---\n{apiVersion: projectcalico.org/v3, kind: KubeControllersConfiguration, metadata: {name: default}, spec: {controllers: {node: {hostEndpoint: {templates: [" +
			"{generateName: a, interfaceCIDRs: [10.0.0.0/8], nodeSelector: zone == 'a'}, {generateName: b, interfaceCIDRs: [10.0.0.0/8], nodeSelector: rack == '1'}]}}}}}\n"},
	})
}

func TestEndpoints(t *testing.T) {
	checkCases(t, "endpoints", []lintCase{
		{name: "no profile", objects: noFailsafes + hep("web", "role: web", `interfaceName: "*", expectedIPs: [10.0.0.1]`)},
		{name: "no profile, and ingress is decided", objects: noFailsafes + hep("web", "role: web", `interfaceName: "*", expectedIPs: [10.0.0.1]`) +
			gnp("p", "selector: role == 'web', types: [Ingress], ingress: [{action: Allow, protocol: TCP}]")},
		{name: "no profile, and all is decided", objects: noFailsafes + hep("web", "role: web", `interfaceName: "*", expectedIPs: [10.0.0.1]`) +
			gnp("p", "selector: role == 'web', types: [Ingress, Egress]")},
		{name: "no profile, and no interface", objects: noFailsafes + hep("web", "role: web", `interfaceName: "*", expectedIPs: [10.0.0.1], `+allowing) +
			"---\n{apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {name: web2}, spec: {node: web, interfaceName: '*', expectedIPs: [10.0.0.1]}}\n"},
		{name: "an unknown profile", objects: noFailsafes + hep("web", "role: web", `interfaceName: "*", expectedIPs: [10.0.0.1], profiles: [nosuch]`)},
		{name: "a profile", objects: hep("web", "role: web", `interfaceName: "*", expectedIPs: [10.0.0.1], profiles: [own]`) +
			"---\n{apiVersion: projectcalico.org/v3, kind: Profile, metadata: {name: own}, spec: {ingress: [{action: Allow}], egress: [{action: Allow}]}}\n"},
		{name: "no addresses", objects: hep("web", "role: web", `interfaceName: "*", `+allowing)},
		{name: "no addresses, and a rule", objects: hep("web", "role: web", `interfaceName: "*", `+allowing) +
			gnp("p", "selector: role == 'web', types: [Egress], egress: [{action: Allow, destination: {selector: role == 'web'}}, {action: Allow, source: {notSelector: role == 'web'}}]")},
	})
}

// unlike is endpoints that no two have the same policies.
func unlike(n int) string {
	var text strings.Builder
	for i := range n {
		label := fmt.Sprintf("l%d", i)
		text.WriteString(hep(label, "any: '', "+label+": ''", fmt.Sprintf(`interfaceName: "*", expectedIPs: [10.0.0.%d], %s`, i+1, allowing)))
		text.WriteString(gnp(label, fmt.Sprintf("order: 1, selector: has(%s), types: [Egress], egress: [{action: Allow, protocol: TCP, destination: {ports: [%d]}}]", label, 7000+i)))
	}
	return text.String()
}

func TestRules(t *testing.T) {
	const egress = "selector: role == 'web', types: [Egress], egress: "
	const allows = "types: [Egress], egress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}]"
	shadowing := gnp("p", "order: 2, selector: has(any), "+allows) + gnp("r", "order: 3, selector: any == '', "+allows)
	checkCases(t, "rules", []lintCase{
		{name: "a field", objects: web + gnp("p", egress+"[{action: Allow, protocol: TCP, destination: {ports: [metrics]}}]")},
		{name: "two fields", objects: web + gnp("p", egress+"[{action: Allow, ipVersion: 6, destination: {selector: role == 'db'}}]")},
		{name: "three fields", objects: web + hep("mixed", "role: web", `interfaceName: "*", expectedIPs: [10.0.0.3], ports: [{name: dns, protocol: UDP, port: 53}], `+allowing) +
			gnp("p", egress+"[{action: Allow, protocol: TCP, destination: {ports: [dns], selector: role == 'db'}}]")},
		{name: "another direction", objects: web + gnp("p", "selector: role == 'web', types: [Ingress], ingress: [{action: Allow}], egress: [{action: Allow}]")},
		{name: "shadowed in one policy", objects: web + gnp("p", egress+"[{action: Deny, protocol: TCP, destination: {ports: ['1:100']}}, {action: Allow, protocol: TCP, destination: {ports: [80]}}]")},
		{name: "shadowed by two", objects: web + gnp("p", egress+"[{action: Allow, protocol: TCP, destination: {ports: ['80:90']}}, {action: Allow, protocol: TCP, destination: {ports: ['91:99']}}]") +
			gnp("q", egress+"[{action: Allow, protocol: TCP, destination: {ports: ['85:95']}}]")},
		{name: "shadowed on one of two endpoints", objects: web + gnp("p", egress+"[{action: Allow, protocol: TCP}]") +
			gnp("q", "types: [Egress], selector: has(role), egress: [{action: Allow, protocol: TCP}]")},
		{name: "shadowed by a tier", objects: web + noFailsafes + "---\n{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {name: first}, spec: {order: 1}}\n" +
			gnp("p", "tier: first, "+egress+"[{action: Pass, protocol: TCP}, {action: Allow, protocol: UDP}]") +
			gnp("q", egress+"[{action: Allow, protocol: UDP}, {action: Deny, protocol: TCP, destination: {ports: [80]}}]")},
		{name: "shadowed in many ways", objects: unlike(8) + shadowing},
		{name: "shadowed in many ways, to another end in one", objects: unlike(8) + shadowing +
			gnp("deny", "order: 0, selector: has(l7), types: [Egress], egress: [{action: Deny, protocol: TCP, destination: {ports: [80]}}]")},
		{name: "shadowed in many ways, but not in one", objects: unlike(8) + strings.Replace(shadowing, "has(any)", "has(any) && !has(l7)", 1)},
		{name: "Log shadows nothing, and may be shadowed", objects: web + gnp("p", egress+"[{action: Log}, {action: Allow}, {action: Log, protocol: TCP}]")},
		{name: "what is not certain shadows nothing", objects: web + gnp("p", "selector: role == 'web', types: [Ingress], ingress: [{action: Allow, protocol: TCP, http: {methods: [GET]}}, {action: Allow}]")},
		{name: "useful where it is forwarded", objects: web + gnp("p", egress+"[{action: Allow}]") +
			gnp("q", "applyOnForward: true, "+egress+"[{action: Allow, protocol: TCP}]")},
		{name: "about nobody", objects: web + gnp("p", "selector: role == 'nosuch', types: [Egress], egress: [{action: Allow}, {action: Allow}]")},
		{name: "notICMP", objects: web + gnp("p", egress+"[{action: Allow, notICMP: {type: 8}}, {action: Allow, protocol: ICMP, notICMP: {type: 8}}]")},
		{name: "ICMP code", objects: web + gnp("p", egress+"[{action: Allow, protocol: ICMP, icmp: {type: 8, code: 0}}]")},
		{name: "ICMP code on nftables", objects: web + felix("node.web", "nftablesMode: Enabled") + gnp("p", egress+"[{action: Allow, protocol: ICMP, icmp: {type: 8, code: 0}}]")},
		{name: "ICMP code on iptables", objects: web + felix("default", "nftablesMode: Disabled") + gnp("p", egress+"[{action: Allow, protocol: ICMP, icmp: {type: 8, code: 0}}]")},
		{name: "ICMP in a profile", objects: hep("web", "", "interfaceName: eth0, expectedIPs: [10.0.0.1], profiles: [own]") +
			"---\n{apiVersion: projectcalico.org/v3, kind: Profile, metadata: {name: own}, spec: {ingress: [{action: Deny, notICMP: {type: 8}}, {action: Deny, protocol: ICMP, icmp: {type: 3, code: 4}}], egress: [{action: Allow}]}}\n"},
		{name: "networks of one family", objects: web + gnp("p", egress+"[{action: Allow, destination: {nets: [10.0.0.0/8]}}]")},
		{name: "the world of one family", objects: web + gnp("p", egress+"[{action: Allow, destination: {nets: [0.0.0.0/0]}}]")},
		{name: "networks of one family, addresses of both", objects: web + hep("both", "role: web", `interfaceName: "*", expectedIPs: [10.0.0.5, "fd00::5"], `+allowing) +
			gnp("p", egress+"[{action: Deny, destination: {nets: [10.0.0.0/8]}}, {action: Allow, destination: {nets: [192.0.2.0/24]}}, {action: Allow, destination: {nets: ['fd00::/8']}}]")},
		{name: "networks and notNets of one family, and another rule for the other", objects: hep("both", "role: web", `interfaceName: "*", expectedIPs: [10.0.0.5, "fd00::5"], `+allowing) +
			gnp("p", egress+"[{action: Allow, destination: {nets: [10.0.0.0/8], notNets: [10.1.0.0/16]}}, {action: Allow, destination: {nets: ['fd00::/8'], notNets: ['fd00:1::/32']}}]")},
		{name: "a rule that matches nothing, and networks of one family", objects: web + hep("six", "role: six", `interfaceName: "*", expectedIPs: ["fd00::6"], `+allowing) +
			gnp("p", egress+"[{action: Allow, destination: {nets: [0.0.0.0/0], selector: role == 'six'}}]")},
		{name: "notNets of one family", objects: web + gnp("p", egress+"[{action: Allow, destination: {notNets: ['fd00::/8']}}, {action: Allow, ipVersion: 4, destination: {notNets: [10.0.0.0/8]}}]")},
	})
}

func TestStored(t *testing.T) {
	untyped := web + noFailsafes + gnp("p", "selector: role == 'web', ingress: [{action: Allow}]")
	invalid := web + gnp("p", "selector: role == 'web', types: [Egress], egress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}, {action: Deny, source: {nets: [10.0.0.1/8]}}]")
	early := web + gnp("p", "selector: role == 'web', preDNAT: true, types: [Ingress]") + gnp("q", "selector: role == 'web', doNotTrack: true, types: [Ingress]")
	earlyUntyped := hep("web", "role: web", "interfaceName: eth0, expectedIPs: [10.0.0.1], "+allowing) + noFailsafes +
		gnp("p", "selector: role == 'web', preDNAT: true, applyOnForward: true, ingress: [{action: Deny, protocol: TCP, destination: {ports: [80]}}]") +
		gnp("q", "selector: role == 'web', doNotTrack: true, applyOnForward: true, ingress: [{action: Allow, protocol: UDP}]")
	checkCases(t, "stored", []lintCase{
		{name: "without types, in a file", objects: untyped},
		{name: "without types, stored", objects: untyped, stored: true},
		{name: "without types and rules", objects: web + noFailsafes + gnp("p", "selector: role == 'web'")},
		{name: "without types, and rules for both", objects: web + noFailsafes + gnp("p", "selector: role == 'web', ingress: [{action: Allow}], egress: [{action: Allow}]"), stored: true},
		{name: "egress rules alone", objects: web + noFailsafes + gnp("p", "selector: role == 'web', egress: [{action: Allow}]"), stored: true},
		{name: "invalid in a file", objects: invalid},
		{name: "invalid and stored", objects: invalid, stored: true},
		{name: "no applyOnForward", objects: early, stored: true},
		{name: "early, and without types, stored", objects: earlyUntyped, stored: true},
		{name: "early, and without types, in a file", objects: earlyUntyped},
	})
	t.Run("what cannot be read, and what nodes have outgrown", func(t *testing.T) {
		is := read(t, web)[0].(*v3.HostEndpoint)
		should := is.DeepCopy()
		should.Labels = map[string]string{"role": "web", "zone": "a"}
		should.Spec.ExpectedIPs = nil
		in := Input{
			Unreadable: []Unreadable{
				{Key: resources.GlobalNetworkPolicy.Key("broken"), Why: "it is no JSON"},
				{Key: resources.KubeControllersConfiguration.Key("default"), Why: "a field is left out", Partly: true},
			},
			Outgrown: []Automatic{{is, should}, {Is: is}},
		}
		want := []string{
			"CL802 warning HostEndpoint(web): the automatic endpoint is not what its node asks for; is the controller running?",
			"  labels: is role=web, should be role=web,zone=a", "  expectedIPs: is 10.0.0.1, should be nothing",
			"CL802 warning HostEndpoint(web): the automatic endpoint should not be there any more",
			"  neither node web nor a template asks for it; on web",
			"CL801 error GlobalNetworkPolicy(broken): the stored object cannot be understood, so Calico leaves it out",
			"  it is no JSON",
			"CL801 error KubeControllersConfiguration(default): a part of the stored object cannot be understood, so it is left out",
			"  a field is left out",
		}
		if diff := cmp.Diff(want, lines(Run(in).Findings)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSuppressions(t *testing.T) {
	annotated := func(annotations string) string {
		return noFailsafes + fmt.Sprintf("---\n{apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {name: web, annotations: {%s}}, spec: {node: web, interfaceName: '*', expectedIPs: [10.0.0.1]}}\n", annotations)
	}
	checkCases(t, "suppressions", []lintCase{
		{name: "with a reason", objects: annotated("lint.calicoctl/CL103: closed on purpose")},
		{name: "in other letters, and by name", objects: annotated("lint.calicoctl/cl103: closed on purpose, lint.calicoctl/no-addresses: none yet")},
		{name: "without a reason", objects: annotated("lint.calicoctl/CL103: '  '")},
		{name: "of nothing", objects: annotated("lint.calicoctl/CL103: on purpose, lint.calicoctl/CL104: none yet")},
		{name: "of a code that is not there", objects: annotated("lint.calicoctl/CL103: on purpose, lint.calicoctl/CL999: whatever")},
		{name: "of what is left out, since it is invalid", objects: "---\n{apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {name: p, annotations: {lint.calicoctl/CL202: on purpose}}, " +
			"spec: {selector: role == 'web', types: [Ingress], ingress: [{action: Allow}, {action: Allow, source: {nets: [10.0.0.1/8]}}]}}\n"},
		{name: "of itself", objects: annotated("lint.calicoctl/CL103: '', lint.calicoctl/CL901: I have my reasons")},
	})
}

// TestCodes holds the codes to what their comment promises.
func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	last := ""
	for _, c := range Codes() {
		if seen[c.Name] || c.ID <= last || !strings.HasSuffix(c.Summary, ".") {
			t.Errorf("%+v comes again or out of order, or has no sentence", c)
		}
		seen[c.Name], last = true, c.ID
		if got, ok := CodeOf(strings.ToUpper(c.Name)); !ok || got != c {
			t.Errorf("%s: %v", c.Name, got)
		}
	}
	if _, ok := CodeOf("CL000"); ok {
		t.Error("CL000 is a code")
	}
}

// FuzzRun looks at whatever can be read: stored objects need not be valid.
func FuzzRun(f *testing.F) {
	pages, err := filepath.Glob("../docs/lint/CL*.md")
	if err != nil || len(pages) == 0 {
		f.Fatal(err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			f.Fatal(err)
		}
		_, example, _ := strings.Cut(string(text), "<< 'END'\n")
		example, _, _ = strings.Cut(example, "END\n")
		f.Add([]byte(example), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, stored bool) {
		file := filepath.Join(t.TempDir(), "in.yaml")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		result, _ := manifest.Read(t.Context(), []string{file}, manifest.Options{})
		if result == nil {
			return
		}
		var in Input
		for _, item := range result.Items {
			in.Sources = append(in.Sources, Source{item.Object, stored})
		}
		for _, finding := range Run(in).Findings {
			if finding.Text == "" || len(finding.Proof) == 0 || finding.Place.Kind == nil {
				t.Errorf("%+v lacks something", finding)
			}
		}
	})
}
