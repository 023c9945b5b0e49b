package resources_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/edfb3db0/calicoctl/resources"
)

const validateDir = "../testdata/validate"

// verdict is what was recorded for one document: the result of checking it, and of
// creating it in an empty etcd and in an empty API server.
type verdict struct {
	Case, File, Stdout, Stderr string
	Exit                       int
	CreateEtcd                 outcome `json:"create_etcd"`
	CreateCRD                  outcome `json:"create_crd_v1"`
}

type outcome struct {
	Exit   int
	Stderr string
}

// refusal is why the document was refused by the strictest of the three; empty if none
// refused it. Refusals that come from what the datastore holds or can do do not count.
func (v *verdict) refusal() string {
	for _, o := range []outcome{{v.Exit, v.Stderr}, v.CreateEtcd, v.CreateCRD} {
		if o.Exit != 0 && !aboutState(o.Stderr) {
			return o.Stderr
		}
	}
	return ""
}

func aboutState(stderr string) bool {
	return slices.ContainsFunc([]string{
		"resource already exists: ",
		"resource does not exist: Tier(",
		"field must not be set for a Create request",
		"operation Create is not supported on ",
		"operation create or apply is not supported on ",
		"invalid SyncLabels value", // Only a Kubernetes datastore cannot do without.
	}, func(text string) bool { return strings.Contains(stderr, text) })
}

// Reasons to skip that the types are to blame for.
const (
	badType      = "not of a field's type"
	unknownField = "unknown field"
)

// skip is why a document is no matter of validation; empty if it is one.
func (v *verdict) skip() string {
	for prefix, reason := range map[string]string{
		"multi-": "several documents", "json-two-": "several documents",
		"list-": "list", "json-array": "list",
	} {
		if strings.HasPrefix(v.Case, prefix) {
			return reason
		}
	}
	switch {
	case strings.Contains(v.Stderr, "error unmarshaling JSON: "):
		return badType
	case strings.Contains(v.Stderr, "field in document is not recognized"):
		return unknownField
	case strings.Contains(v.Stderr, "failed to execute command: "):
		return "no YAML, or of no known kind"
	case strings.Contains(v.Stderr, "no resources specified"):
		return "nothing in it"
	}
	return ""
}

// TestValidateCorpus checks that Validate refuses what the strictest recorded verdict
// refuses, and accepts everything else, apart from the listed exceptions.
func TestValidateCorpus(t *testing.T) {
	exceptions := readExceptions(t)
	skipped := map[string]int{}
	run, used := 0, map[string]bool{}
	for _, v := range readVerdicts(t) {
		if reason := v.skip(); reason != "" {
			skipped[reason]++
			continue
		}
		run++
		problem := judge(t, &v)
		if problem == "" {
			continue
		}
		if _, ok := exceptions[v.Case]; ok {
			used[v.Case] = true
			continue
		}
		t.Errorf("%s: %s", v.Case, problem)
	}
	for name := range exceptions {
		if !used[name] {
			t.Errorf("%s is listed as an exception but is none", name)
		}
	}
	if len(used)*50 > run {
		t.Errorf("%d exceptions of %d are more than 2 %%", len(used), run)
	}
	t.Logf("%d documents run, %d as recorded, %d exceptions", run, run-len(used), len(used))
	for _, reason := range slices.Sorted(maps.Keys(skipped)) {
		t.Logf("%d skipped: %s", skipped[reason], reason)
	}
}

// judge compares Validate with the verdict and says how they differ.
func judge(t *testing.T, v *verdict) string {
	err := check(readFile(t, filepath.Join(validateDir, v.File)))
	refusal := v.refusal()
	switch {
	case refusal != "" && err == nil:
		return "accepted, but recorded as refused: " + refusal
	case refusal == "" && err != nil:
		return "refused, but recorded as accepted: " + err.Error()
	}
	return ""
}

// TestDecodeCorpus checks that the types refuse what was recorded as unreadable: fields
// that they do not have, and values that are not of a field's type.
func TestDecodeCorpus(t *testing.T) {
	run := 0
	for _, v := range readVerdicts(t) {
		if reason := v.skip(); reason != badType && reason != unknownField {
			continue
		}
		run++
		if _, err := decode(readFile(t, filepath.Join(validateDir, v.File))); err == nil {
			t.Errorf("%s: decoded, but recorded as refused: %s", v.Case, v.Stderr)
		}
	}
	t.Logf("%d documents run", run)
}

// check decodes, defaults and validates one document.
func check(document []byte) error {
	o, err := decode(document)
	if err != nil {
		return err
	}
	key, ok := resources.KeyOf(o)
	if !ok {
		return fmt.Errorf("%T is of no known kind", o)
	}
	key.Kind.Default(o)
	return key.Kind.Validate(o).ToAggregate()
}

// decode reads one document strictly into an object of the kind that it names.
func decode(document []byte) (resources.Object, error) {
	var head struct{ Kind string }
	if err := yaml.Unmarshal(document, &head); err != nil {
		return nil, err
	}
	kind, ok := resources.ByName(head.Kind)
	if !ok {
		return nil, fmt.Errorf("unknown kind %q", head.Kind)
	}
	o := kind.New()
	return o, yaml.UnmarshalStrict(document, o)
}

func readVerdicts(t *testing.T) []verdict {
	t.Helper()
	var verdicts []verdict
	lines := bufio.NewScanner(bytes.NewReader(readFile(t, filepath.Join(validateDir, "verdicts.jsonl"))))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v verdict
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		verdicts = append(verdicts, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return verdicts
}

func readExceptions(t *testing.T) map[string]string {
	t.Helper()
	exceptions := map[string]string{}
	for line := range strings.Lines(string(readFile(t, filepath.Join(validateDir, "exceptions.txt")))) {
		name, reason, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || reason == "" {
			t.Fatalf("an exception needs a reason: %q", line)
		}
		exceptions[name] = reason
	}
	return exceptions
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
