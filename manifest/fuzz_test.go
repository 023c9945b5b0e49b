package manifest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// nastySeeds are texts that parsers of YAML have stumbled over.
var nastySeeds = []string{
	"", "\x00", "\ufeff", "\xff\xfe-\x00", "-", "---", "--- ", "--- #\n", "...", "...\n---\n", "%YAML 1.1", "%YAML 9.9\n---\na", "%TAG ! b\n---\n!a b",
	hep, "\ufeff" + hep, strings.ReplaceAll(hep, "\n", "\r\n"), strings.ReplaceAll(hep, "\n", "\r"), hep + "--- ", hep + "...\n" + hep, hep + "\r---\r" + hep,
	hep + "spec:\n\tnode: a\n", hep + "spec: {node: \"a\\x00\\ud800\\n\\u2028\"}\n", hep + "spec: {node: 'a''b', interfaceName: |+\n  x\n\n}\n", hep + "\"spec\\nx\": 1\n",
	hep + "spec: {node: !!str 5, interfaceName: !!binary YQ==, expectedIPs: [!!int \"5\", ! a, !x y, !!null z]}\n",
	hep + "spec: {ports: [{name: a, port: 1e2, protocol: TCP}, {port: 0x10, protocol: 010}, {port: 1_0, protocol: 1:30}]}\n",
	hep + "spec:\n  ? node\n  : a\n  ? [b]\n  : c\n  ? {d: e}\n  : f\n  &k interfaceName: eth0\n  *k : eth1\n",
	hep + "metadata: {name: i}\nMetadata: {name: j}\n", hep + "status: &a [*a]\n", hep + "spec: &a {<<: *a, node: b}\n", hep + "spec: {<<: [{node: a}, {node: b}], <<: 5}\n",
	hep + "  labels: {a: yes, b: ~, c: 1e3, d: .inf, e: -.INF, f: .nan, g: 0o7, h: 12345678901234567890123, i: 2001-01-01, =: 1, <<: {j: k}}\n",
	hep + "  annotations:\n    a: >-\n\n      folded\n        more\n\n    b: |2\n        x\n    c: \"\\\n      y\"\n    d: # nothing\n",
	"apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: p}\nspec: {order: .inf, ingress: [{action: Allow, protocol: 256, destination: {ports: [1:2, 70000, '']}}, null, []]}\n",
	"apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: p}\nspec: {order: 1e309}\n---\n*a\n--- &a\n",
	"apiVersion: projectcalico.org/v3\nkind: KubeControllersConfiguration\nmetadata: {name: default}\nspec: {etcdV3CompactionPeriod: 9999999999h, controllers: {node: {reconcilerPeriod: 5m}}}\n",
	"apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: t, creationTimestamp: 2020-01-01T00:00:00.5+01:00, managedFields: [{fieldsV1: {a: [1, .5, \"\\u0085\", ~]}, time: 1}]}\n",
	"apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: List, items: [" + `{"apiVersion": "projectcalico.org/v3", "kind": "Tier"}` + "]}, *a]\n",
	"apiVersion: v1\nkind: Node\nmetadata: {name: n, annotations: {projectcalico.org/IPv4Address: 1.2.3.4, projectcalico.org/ASNumber: '1.1'}}\nspec: {podCIDR: x}\nstatus: {addresses: [{type: InternalIP, address: fe80::1%eth0}]}\n",
	"apiVersion: projectcalico.org/v3\nkind: TierList\nitems:\n- kind: Profile\n  apiVersion: projectcalico.org/v3\n- [5]\n- metadata: {name: ~}\n",
	`{"apiVersion":"projectcalico.org/v3","kind":"Tier","metadata":{"name":"t"}}{"apiVersion":"projectcalico.org/v3"}`, "{\"a\":\t1}\n{\"a\": 1", `{"a":"\ud83d\ude00\/"}`,
	"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]\n", strings.Repeat("[", 200) + strings.Repeat("]", 200), strings.Repeat("{a: ", 120), strings.Repeat("- ", 300) + "a",
}

// addSeeds adds recorded manifests, some of each collection, to a corpus.
func addSeeds(f *testing.F, add func(text string)) {
	f.Helper()
	for _, c := range []struct {
		pattern string
		step    int
	}{
		{"../testdata/validate/docs/*", 12}, {"../testdata/guide/*.yaml", 1}, {"../testdata/transcripts/*.json", 1},
	} {
		files, err := filepath.Glob(c.pattern)
		if err != nil || len(files) == 0 {
			f.Fatal(c.pattern, err)
		}
		for i := 0; i < len(files); i += c.step {
			text, err := os.ReadFile(files[i])
			if err != nil {
				f.Fatal(err)
			}
			if !strings.Contains(c.pattern, "transcripts") {
				add(string(text))
				continue
			}
			var transcript struct {
				Steps []struct {
					Stdin string
					Files map[string]string
				}
			}
			if err := json.Unmarshal(text, &transcript); err != nil {
				f.Fatal(files[i], err)
			}
			for _, step := range transcript.Steps {
				if step.Stdin != "" {
					add(step.Stdin)
				}
				for _, file := range step.Files {
					add(file)
				}
			}
		}
	}
	for _, text := range nastySeeds {
		add(text)
	}
}

// FuzzRead reads anything. Whatever is wrong has a place in the input and one line about
// it; the same input gives the same result; an accepted object survives being written and
// read again.
func FuzzRead(f *testing.F) {
	addSeeds(f, func(text string) { f.Add([]byte(text), "spec.ingress[0].action") })
	f.Fuzz(func(t *testing.T, data []byte, fieldPath string) {
		if len(data) > 1<<16 {
			t.Skip("the fuzzer learns nothing from large input")
		}
		result, err := readBytes(t, data)
		again, errAgain := readBytes(t, data)
		if diff := cmp.Diff(err, errAgain); diff != "" {
			t.Fatalf("read again:\n%s", diff)
		}
		mistakes, ok := errors.AsType[Mistakes](err)
		if err != nil && !ok {
			t.Fatal(err)
		}
		for _, m := range mistakes {
			checkMistake(t, data, m)
		}
		if result == nil {
			return
		}
		if diff := cmp.Diff(result, again, cmpopts.IgnoreUnexported(Item{}), cmp.Comparer(sameKind), cmpopts.EquateNaNs()); diff != "" {
			t.Fatalf("read again:\n%s", diff)
		}
		for _, w := range result.Warnings {
			checkMistake(t, data, w)
		}
		for _, item := range result.Items {
			checkMistake(t, data, item.Mistake(strings.ToValidUTF8(fieldPath, "?"), "x"))
			checkRoundTrip(t, item.Object)
		}
	})
}

func sameKind(a, b *resources.Kind) bool { return a == b }

func readBytes(t rapid.TB, data []byte) (*Result, error) {
	t.Helper()
	return Read(context.Background(), []string{Stdin}, Options{Stdin: bytes.NewReader(data)})
}

func checkMistake(t *testing.T, data []byte, m Mistake) {
	t.Helper()
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	odd := 0
	for _, end := range []string{"\r", "\u0085", "\u2028", "\u2029"} {
		odd += strings.Count(string(data), end)
	}
	switch {
	case m.Line < 1 || m.Line > len(lines)+odd:
		t.Fatalf("line %d of %d: %q", m.Line, len(lines), m)
	case odd > 0: // YAML ends lines with these too, editors do not
	case m.Column < 0 || m.Column > utf8.RuneCountInString(lines[m.Line-1])+1: // one more at the end of the input
		t.Fatalf("column %d: %q", m.Column, m)
	}
	if line := m.String(); m.Text == "" || strings.ContainsFunc(line, unicode.IsControl) || !utf8.ValidString(line) {
		t.Fatalf("not one line of text: %q", line)
	}
}

// checkRoundTrip writes an object in JSON and in YAML, and reads it again.
func checkRoundTrip(t rapid.TB, object resources.Object) {
	t.Helper()
	asJSON, err := json.Marshal(object)
	if err != nil {
		t.Fatalf("%v of %+v", err, object)
	}
	asYAML, err := yaml.JSONToYAML(resources.YAMLSafeJSON(asJSON))
	if err != nil {
		t.Fatalf("%v of %s", err, asJSON)
	}
	for _, text := range [][]byte{asJSON, asYAML} {
		result, err := readBytes(t, text)
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if len(result.Items) != 1 || len(result.Warnings) > 0 {
			t.Fatalf("%d objects and warnings %v in\n%s", len(result.Items), result.Warnings, text)
		}
		if diff := cmp.Diff(object, result.Items[0].Object, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("written, and read again:\n%s\n%s", diff, text)
		}
	}
}

// TestAnyText writes objects with any text in their fields, and reads them again.
func TestAnyText(t *testing.T) {
	odd := rapid.SampledFrom([]string{
		"", "~", "null", "Null", "y", "No", "on", "TRUE", "5", "-0", "+1", "0x1F", "0o17", "0b1", "017", "09", "1_000", "_1", "1:30", "1.", ".5", "1e3", "1E+3", ".inf", "-.Inf", ".NaN", "0.1e", "1e309",
		"123456789012345678901234567890", "2001-01-01", "2001-01-01T00:00:00Z", "<<", "=", "-", "- a", "?", ": ", "a: b", "a #b", "#", "&a", "*a", "!a", "!!str", "|", ">", "%", "@", "`", "'", `"`, `\`, "{}", "[]", ",", "---", "...",
		" a", "a ", "\ta", "a\nb", "a\n", "\n", "a\r\nb", "\r", "\x00", "\x07", "\x7f", "\u0085", "\u00a0", "\u2028", "\ufeff", "\ufffd", "\U0001f600", "é",
	})
	text := rapid.OneOf(odd, rapid.String(), rapid.Map(rapid.SliceOfN(odd, 2, 3), func(parts []string) string { return strings.Join(parts, "") }))
	rapid.Check(t, func(t *rapid.T) {
		h := v3.HostEndpoint{TypeMeta: metav1.TypeMeta{Kind: "HostEndpoint", APIVersion: v3.GroupVersion}}
		h.Name = text.Draw(t, "name")
		// The writer does not quote a key "<<"; as a label it is not valid.
		key := text.Filter(func(s string) bool { return s != "<<" }).Draw(t, "key")
		h.Labels = map[string]string{key: text.Draw(t, "value")}
		h.Spec.Node, h.Spec.ExpectedIPs = text.Draw(t, "node"), []string{text.Draw(t, "address")}
		checkRoundTrip(t, &h)
	})
}
