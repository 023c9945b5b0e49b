package commands

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/edfb3db0/calicoctl/lint"
)

// lintThis runs lint on a manifest of that name.
func lintThis(t *testing.T, name, text, format string) (code int, out string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code = Run(t.Context(), []string{"lint", "-f", name, "--base", "none", "-o", format}, Deps{
		IO: IO{In: strings.NewReader(""), Out: &stdout, Err: &stderr}, Build: Build{Version: "v1.2.3"},
		LookupEnv: func(string) (string, bool) { return "", false }, Now: time.Now,
	})
	if stderr.Len() > 0 {
		t.Errorf("standard error: %s", &stderr)
	}
	return code, stdout.String()
}

const lintedObjects = `
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: web, labels: {role: web}, annotations: {lint.calicoctl/CL103: closed on purpose}}
spec: {node: web, interfaceName: "*", expectedIPs: [10.0.0.1]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: out}
spec:
  selector: role == 'web'
  types: [Ingress]
  ingress:
  - {action: Allow, protocol: TCP, destination: {ports: ["80:90"]}}
  - {action: Deny, protocol: TCP, destination: {ports: [85]}}
  - {action: Allow, notICMP: {type: 8}}
`

// TestSARIF holds the output against the published schema, and against what is meant.
func TestSARIF(t *testing.T) {
	file, err := os.Open("../testdata/sarif/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	schema := compiled(t, file)
	for name, text := range map[string]string{
		"nothing.yaml": strings.Split(lintedObjects, "---")[0], "with space & ümlaut.yaml": lintedObjects,
		filepath.Join(t.TempDir(), "absolute.yaml"): lintedObjects,
	} {
		_, out := lintThis(t, name, text, formatSARIF)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	value, _ := jsonschema.UnmarshalJSON(strings.NewReader(`{"version": "2.1.0", "runs": [{"results": []}]}`))
	if schema.Validate(value) == nil {
		t.Error("the schema takes a run without a tool")
	}
}

func compiled(t *testing.T, file io.Reader) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSARIFContent(t *testing.T) {
	code, out := lintThis(t, "a b.yaml", lintedObjects, formatSARIF)
	if code != exitNo {
		t.Errorf("exit status %d", code)
	}
	var log sarifLog
	if err := json.Unmarshal([]byte(out), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if len(run.Tool.Driver.Rules) != len(lint.Codes()) || run.Tool.Driver.Version != "v1.2.3" {
		t.Errorf("the tool is %+v", run.Tool.Driver)
	}
	for _, r := range run.Results {
		if rule := run.Tool.Driver.Rules[r.RuleIndex]; rule.ID != r.RuleID || rule.Help.Markdown == "" {
			t.Errorf("%s has the rule %s", r.RuleID, rule.ID)
		}
	}
	place := func(line, column int) *sarifPhysical {
		return &sarifPhysical{sarifArtifact{"a%20b.yaml"}, &sarifRegion{line, column}}
	}
	want := []sarifResult{{
		RuleID: "CL103", RuleIndex: 2, Level: "warning",
		Message: sarifText{Text: "HostEndpoint(web) spec: the endpoint has no profile: what no policy is about is denied\n" +
			"no policy closes egress, so the profiles decide, and this is denied: everything but TCP 179,2379-2380,5473,6443,6666-6667 to anywhere; UDP 53,67 to anywhere"},
		Locations:    []sarifLocation{{Physical: place(5, 7), Logical: []sarifLogical{{"HostEndpoint(web) spec", "object"}}}},
		Suppressions: []sarifSuppression{{"inSource", "closed on purpose"}},
	}, {
		RuleID: "CL202", RuleIndex: 7, Level: "warning",
		Message: sarifText{Text: "GlobalNetworkPolicy(out) spec.ingress[1]: the Deny rule never decides: whatever it matches is decided before it\n" +
			"GlobalNetworkPolicy(out) ingress[0] (a b.yaml:14:5) allows before: TCP 85 from anywhere, on web"},
		Locations: []sarifLocation{{Physical: place(15, 5), Logical: []sarifLogical{{"GlobalNetworkPolicy(out) spec.ingress[1]", "object"}}}},
		Related:   []sarifLocation{{ID: 1, Message: &sarifText{Text: "allows before"}, Physical: place(14, 5)}},
	}, {
		RuleID: "CL501", RuleIndex: 16, Level: "error",
		Message: sarifText{Text: "GlobalNetworkPolicy(out) spec.ingress[2].notICMP: the rule has notICMP and no protocol\n" +
			"iptables-restore refuses such a rule, and the agent restarts for ever; write protocol: ICMP; endpoints: web"},
		Locations: []sarifLocation{{Physical: place(16, 30), Logical: []sarifLogical{{"GlobalNetworkPolicy(out) spec.ingress[2].notICMP", "object"}}}},
	}}
	got := run.Results[:min(len(run.Results), len(want))]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
