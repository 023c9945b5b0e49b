package commands

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/policy"
)

const verdictsDir = "../testdata/verdicts"

// recordedSet is a set of objects and what a kernel did with each of the probes under it.
type recordedSet struct {
	Name     string            `json:"name"`
	Objects  []json.RawMessage `json:"objects"`
	Verdicts string            `json:"verdicts"`
}

// TestTraceFlowsAsMeasured asks the command about every probe of every recorded set that has no kinds of other
// namespaces, as the probes stand; with -short, of every 25th.
func TestTraceFlowsAsMeasured(t *testing.T) {
	folder := t.TempDir()
	flows := filepath.Join(folder, "flows.jsonl")
	writeProbes(t, flows)
	files, err := filepath.Glob(filepath.Join(verdictsDir, "[0-9]*.json"))
	if err != nil {
		t.Fatal(err)
	}
	step := 1
	if testing.Short() {
		step = 25
	}
	sets, packets := 0, 0
	for i := 0; i < len(files); i += step {
		var set recordedSet
		decodeFile(t, files[i], &set)
		manifest, ok := manifestOf(set)
		if !ok {
			continue
		}
		file := filepath.Join(folder, "objects.yaml")
		if err := os.WriteFile(file, manifest, 0o600); err != nil {
			t.Fatal(err)
		}
		sets++
		packets += checkAnswers(t, set, runForTest(t, "trace", "-f", file, "--base", "none", "--flows", flows, "-o", "json"))
	}
	t.Logf("%d sets, %d packets", sets, packets)
	if sets < len(files)/step-3 {
		t.Errorf("only %d of %d sets were asked about", sets, len(files)/step)
	}
}

func writeProbes(t *testing.T, file string) {
	t.Helper()
	var probes struct{ Probes []json.RawMessage }
	decodeFile(t, filepath.Join(verdictsDir, "probes.json"), &probes)
	var lines bytes.Buffer
	for _, p := range probes.Probes {
		if err := json.Compact(&lines, p); err != nil {
			t.Fatal(err)
		}
		lines.WriteByte('\n')
	}
	if err := os.WriteFile(file, lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func decodeFile(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// manifestOf is the objects of a set as documents; ok is false if there are kinds among them that the program has not.
func manifestOf(set recordedSet) (manifest []byte, ok bool) {
	for _, o := range set.Objects {
		var kind struct{ Kind string }
		if json.Unmarshal(o, &kind) != nil || kind.Kind == "NetworkSet" || kind.Kind == "NetworkPolicy" {
			return nil, false
		}
		manifest = fmt.Appendf(manifest, "---\n%s\n", o)
	}
	return manifest, true
}

// runForTest is what a command without a datastore prints; it must succeed.
func runForTest(t *testing.T, args ...string) string {
	t.Helper()
	var out, complaints bytes.Buffer
	code := Run(t.Context(), args, Deps{
		IO:        IO{In: strings.NewReader(""), Out: &out, Err: &complaints},
		Program:   "calicoctl",
		LookupEnv: environment(nil),
		Now:       time.Now,
	})
	if code != exitDone {
		t.Fatalf("%q: exit status %d\n%s", args, code, complaints.String())
	}
	return out.String()
}

func checkAnswers(t *testing.T, set recordedSet, answers string) (packets int) {
	t.Helper()
	for line := range strings.Lines(answers) {
		var got traceAnswer
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		want := policy.Allowed
		if set.Verdicts[packets] == 'd' {
			want = policy.Denied
		}
		if got.Verdict != want || got.Why == "" {
			t.Errorf("%s, packet %d: %+v, want %s", set.Name, packets, got, want)
		}
		packets++
	}
	if packets != len(set.Verdicts) {
		t.Errorf("%s: %d answers to %d questions", set.Name, packets, len(set.Verdicts))
	}
	return packets
}
