package manifest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// read parses text as standard input and gives one line for each object, warning and mistake.
func read(t *testing.T, text string) []string {
	t.Helper()
	items, warnings, mistakes := parse(t.Context(), split(Stdin, []byte(text)), Options{})
	var lines []string
	for _, i := range items {
		line := i.Position.String() + " " + i.Kind.Key(i.Object.GetName()).String()
		if len(i.mistaken) > 0 {
			line = "damaged " + line
		}
		lines = append(lines, line)
	}
	for _, w := range warnings {
		lines = append(lines, "warning "+w.String())
	}
	for _, m := range mistakes {
		lines = append(lines, m.String())
	}
	return lines
}

const hep = "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: h}\n"

func TestParse(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth+2) + strings.Repeat("]", MaxDepth+2)
	bomb := "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata:\n  name: h\n  annotations:\n    a: &a [x, x, x, x, x, x, x, x, x, x]\nspec:\n  profiles:\n"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"comments only", "# a\n---\n# b\n", nil},
		{"one object", hep, []string{"-:1:1 HostEndpoint(h)"}},
		{"marker at the start", "---\n" + hep, []string{"-:2:1 HostEndpoint(h)"}},
		{"byte order mark and CRLF", "\ufeff" + strings.ReplaceAll(hep, "\n", "\r\n"), []string{"-:1:1 HostEndpoint(h)"}},
		{
			"byte order marks of files one behind the other", "\ufeff" + hep + "\ufeff---\n\ufeff" + hep + "...\n\ufeff# c\n\ufeff---\n" + hep,
			[]string{"-:1:1 HostEndpoint(h)", "-:5:1 HostEndpoint(h)", "-:11:1 HostEndpoint(h)"},
		},
		{
			"byte order marks of json files", strings.Repeat("\ufeff"+`{"apiVersion":"projectcalico.org/v3","kind":"Tier","metadata":{"name":"t"}}`+"\n", 2),
			[]string{"-:1:1 Tier(t)", "-:2:1 Tier(t)"},
		},
		{
			"byte order mark in a text", "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: t, annotations: {a: \"b\n\ufeffc\", d: 5}}\n",
			[]string{"-:1:1 Tier(t)", "warning -:4:9: Tier(t) metadata.annotations[d]: 5 is read as the text \"5\"; put it in quotes"},
		},
		{"directive", "%YAML 1.1\n---\n" + hep, []string{"-:3:1 HostEndpoint(h)"}},
		{
			"last marker has a space and no newline", hep + "---\n" + hep + "--- ",
			[]string{"-:1:1 HostEndpoint(h)", "-:5:1 HostEndpoint(h)"},
		},
		{
			"marker inside a block scalar",
			hep + "spec:\n  node: |\n    a\n    ---\n    b\n---\n" + hep,
			[]string{"-:1:1 HostEndpoint(h)", "-:10:1 HostEndpoint(h)"},
		},
		{"document end marker", hep + "...\n---\n" + hep, []string{"-:1:1 HostEndpoint(h)", "-:6:1 HostEndpoint(h)"}},
		{
			"directive after a document end", hep + "...\n%YAML 1.1\n---\n" + hep,
			[]string{"-:1:1 HostEndpoint(h)", "-:7:1 HostEndpoint(h)"},
		},
		{
			"json as other programs write it", `{"apiVersion":"projectcalico.org/v3","kind":"Tier","metadata":{"name":"t","annotations":{"a":"\ud83d\ude00 ` + "\u0085\x7f" + `"}}}`,
			[]string{"-:1:1 Tier(t)"},
		},
		{
			"list of a kind lends it to items",
			"apiVersion: projectcalico.org/v3\nkind: HostEndpointList\nitems:\n- metadata: {name: a}\n- metadata: {name: b}\n",
			[]string{"-:4:3 HostEndpoint(a)", "-:5:3 HostEndpoint(b)"},
		},
		{
			"list of all kinds",
			"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Node\n  metadata: {name: k}\n  status: {unknown: 1}\n- apiVersion: projectcalico.org/v3\n  kind: Tier\n  metadata: {name: t}\n",
			[]string{"-:4:3 Node(k)", "-:8:3 Tier(t)"},
		},
		{"array", "- " + strings.ReplaceAll(hep, "\n", "\n  ") + "\n", []string{"-:1:3 HostEndpoint(h)"}},
		{"empty list", "apiVersion: projectcalico.org/v3\nkind: HostEndpointList\nitems: []\n", nil},
		{"json", `{"apiVersion":"projectcalico.org/v3","kind":"Tier","metadata":{"name":"t"}}`, []string{"-:1:1 Tier(t)"}},
		{
			"two json objects without a separator",
			strings.Repeat(`{"apiVersion":"projectcalico.org/v3","kind":"Tier",`+"\n"+`"metadata":{"name":"t"}}`+"\n", 2),
			[]string{"-:1:1 Tier(t)", "-:3:1 Tier(t)"},
		},
		{
			"text after a json object", `{"apiVersion":"projectcalico.org/v3","kind":"Tier","metadata":{"name":"t"}} // x`,
			[]string{"-:1:1 Tier(t)", "-:1: did not find expected <document start>"},
		},
		{
			"list with an item of another kind", "apiVersion: projectcalico.org/v3\nkind: TierList\nitems:\n- " + strings.ReplaceAll(hep, "\n", "\n  "),
			[]string{"-:4:3 HostEndpoint(h)", "-:5:9: HostEndpoint(h) kind: this does not belong in a TierList; write kind: List for a list of several kinds"},
		},
		{
			"array in an array", "- - " + strings.ReplaceAll(hep, "\n", "\n    "),
			[]string{"-:1:3: [0]: expected an object, found a list"},
		},
		{
			"coercions are told", hep + "spec: {node: 5, interfaceName: yes}\n",
			[]string{
				"-:1:1 HostEndpoint(h)",
				`warning -:4:14: HostEndpoint(h) spec.node: 5 is read as the text "5"; put it in quotes`,
				`warning -:4:32: HostEndpoint(h) spec.interfaceName: yes is read as the text "true"; put it in quotes`,
			},
		},
		{
			"letter case is told", hep + "Spec: {node: k}\n",
			[]string{
				"-:1:1 HostEndpoint(h)",
				"warning -:4:1: HostEndpoint(h) Spec: read as spec; field names are case-sensitive elsewhere",
			},
		},
		{
			"every mistake", "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: web}\nspec:\n  order: \"100\"\n  ingres: []\n  ingress:\n  - protocool: TCP\n    destination:\n      ports: [70000, \"9:1\", a b]\n  selector: [a]\n  doNotTrack: \"yes\"\n",
			[]string{
				"damaged -:1:1 GlobalNetworkPolicy(web)", `-:5:10: GlobalNetworkPolicy(web) spec.order: expected a number, found the text "100"; remove the quotes`,
				"-:6:3: GlobalNetworkPolicy(web) spec.ingres: unknown field; did you mean ingress?",
				"-:8:5: GlobalNetworkPolicy(web) spec.ingress[0].protocool: unknown field; did you mean protocol?",
				"-:10:15: GlobalNetworkPolicy(web) spec.ingress[0].destination.ports[0]: port 70000 is not between 1 and 65535",
				"-:10:22: GlobalNetworkPolicy(web) spec.ingress[0].destination.ports[1]: the range 9:1 is the wrong way round; write 1:9",
				`-:10:29: GlobalNetworkPolicy(web) spec.ingress[0].destination.ports[2]: "a b" is no port: write a number, a range such as 2379:2381, or the name of an endpoint's port`,
				"-:11:13: GlobalNetworkPolicy(web) spec.selector: expected text, found a list",
				`-:12:15: GlobalNetworkPolicy(web) spec.doNotTrack: expected true or false, found the text "yes"; remove the quotes`,
			},
		},
		{
			"duplicate keys", hep + "spec:\n  node: a\n  node: b\n",
			[]string{"damaged -:1:1 HostEndpoint(h)", "-:6:3: HostEndpoint(h) spec.node: already set in line 5; remove one of the two"},
		},
		{
			"kind nearly right", "apiVersion: projectcalico.org/v3\nkind: Hostendpoint\n",
			[]string{"-:2:7: unknown resource type (Hostendpoint) and/or version (projectcalico.org/v3); did you mean kind: HostEndpoint?"},
		},
		{
			"other version", "apiVersion: crd.projectcalico.org/v1\nkind: HostEndpoint\n",
			[]string{"-:1:13: unknown resource type (HostEndpoint) and/or version (crd.projectcalico.org/v1); write apiVersion: projectcalico.org/v3"},
		},
		{"scalar", "hello\n", []string{`-:1:1: expected an object with apiVersion, kind, metadata and spec, found the text "hello"`}},
		{"tab", "apiVersion: projectcalico.org/v3\n\tkind: Tier\n", []string{
			"-:2: found a tab character that violates indentation; YAML indents with spaces",
		}},
		{"too deep", hep + "spec: {node: a}\nstatus: " + deep, []string{"damaged -:1:1 HostEndpoint(h)", "-:5:1: HostEndpoint(h) status: unknown field; here may be: kind, apiVersion, metadata, spec"}},
		{
			"alias bomb", bomb + strings.Repeat("  - *a\n", 3),
			[]string{
				"damaged -:1:1 HostEndpoint(h)", "-:6:8: HostEndpoint(h) metadata.annotations[a]: expected text, found a list",
				"-:6:8: HostEndpoint(h) spec.profiles[0]: expected text, found a list",
				"-:6:8: HostEndpoint(h) spec.profiles[1]: expected text, found a list",
				"-:6:8: HostEndpoint(h) spec.profiles[2]: expected text, found a list",
			},
		},
		{
			"merge keys", "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata:\n  name: h\n  labels: &l {a: b}\n  annotations: {<<: *l, c: d}\nspec: {}\n",
			[]string{"-:1:1 HostEndpoint(h)"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, read(t, c.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestLimits shows that each limit is an error that names it.
func TestLimits(t *testing.T) {
	laughs := "managedFields:\n  - fieldsV1:\n      a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 'b'; i < 'h'; i++ {
		prev := string(i - 1)
		laughs += "      " + string(i) + ": &" + string(i) + " [" + strings.TrimSuffix(strings.Repeat("*"+prev+",", 10), ",") + "]\n"
	}
	for name, c := range map[string]struct{ text, want string }{
		"size":    {"a: " + strings.Repeat("x", MaxDocument), "larger than the limit of 40 MiB"},
		"depth":   {"apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata:\n  managedFields:\n  - fieldsV1: {a: " + strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth) + "}", "limit of 100 levels"},
		"aliases": {"apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata:\n  name: t\n  " + laughs, "limit of 100000 values"},
		"loop":    {"&a\napiVersion: v1\nkind: List\nitems: [*a]\n", "limit of 100 levels"},
	} {
		t.Run(name, func(t *testing.T) {
			lines := read(t, c.text)
			lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "damaged ") })
			if len(lines) != 1 || !strings.Contains(lines[0], c.want) {
				t.Errorf("got %.300q, want one mistake with %q", lines, c.want)
			}
		})
	}
}

// TestLocate finds the place of a field, or of what is nearest to it.
func TestLocate(t *testing.T) {
	text := "# first\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: projectcalico.org/v3\n  kind: GlobalNetworkPolicy\n  metadata: {name: p}\n  spec:\n    ingress:\n    - action: allow\n"
	items, _, _ := parse(t.Context(), split("f.yaml", []byte(text)), Options{})
	got := []string{}
	for _, path := range []string{"spec.ingress[0].action", "spec.ingress[0].protocol", "spec.egress", "metadata.labels[a.b/c]", ""} {
		got = append(got, items[0].Mistake(path, "x").String())
	}
	want := []string{
		"f.yaml:11:15: GlobalNetworkPolicy(p) spec.ingress[0].action: x",
		"f.yaml:11:7: GlobalNetworkPolicy(p) spec.ingress[0].protocol: x",
		"f.yaml:10:5: GlobalNetworkPolicy(p) spec.egress: x",
		"f.yaml:8:13: GlobalNetworkPolicy(p) metadata.labels[a.b/c]: x",
		"f.yaml:6:3: GlobalNetworkPolicy(p): x",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
