// Package transcript replays recorded command lines and compares what they print.
package transcript

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Transcript is a recorded sequence of command lines.
type Transcript struct {
	Name string `json:"name"`
	// Seed and After are the keys and values of etcd before and afterwards.
	Seed  map[string]string `json:"etcd_seed"`
	After map[string]any    `json:"etcd_after"`
	// Nodes are Kubernetes nodes that are there before.
	Nodes []json.RawMessage `json:"kubernetes_nodes"`
	Steps []Step            `json:"steps"`
}

// Step is one command line and what came of it.
type Step struct {
	Args  []string `json:"args"`
	Stdin string   `json:"stdin"`
	// Files are to be written before.
	Files map[string]string `json:"files"`
	// Env is laid over the environment; nil removes a variable.
	Env        map[string]*string `json:"env"`
	SaveStdout string             `json:"save_stdout"`
	Exit       *int               `json:"exit"`
	Stdout     string             `json:"stdout"`
	// Match is exit-only, stdout-only or none where not both count.
	Match string `json:"match"`
	// Bug says that the result is not one to copy.
	Bug string `json:"bug"`
}

// World is where command lines run.
type World interface {
	// Prepare makes an empty datastore for a transcript.
	Prepare(t *testing.T, tr Transcript)
	// Run runs one command line in the working directory.
	Run(t *testing.T, s Step) (code int, stdout, stderr string)
	// Expected is what the recorded output would be in this world.
	Expected(stdout string) string
}

// Inspector is a World that can see what is stored.
type Inspector interface {
	// After says how the datastore differs from what it was after the recording.
	After(t *testing.T, tr Transcript) (diff string)
}

// Replay runs the transcripts of the files that a pattern names. Every step must have the recorded standard
// output and exit status, and the datastore be as recorded at the end, but for those that are marked as bugs and those that the named sections of a file of
// exceptions excuse. The section "other" may excuse two steps of a hundred.
func Replay(t *testing.T, pattern, exceptionsFile string, world World, sections ...string) {
	t.Helper()
	exceptions := Exceptions(t, exceptionsFile)
	maps.DeleteFunc(exceptions, func(_ string, e Exception) bool { return !slices.Contains(sections, e.Section) })
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	compared, bugs, excused := 0, 0, map[string]int{}
	for _, file := range files {
		var tr Transcript
		ReadJSON(t, file, &tr)
		t.Run(tr.Name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			world.Prepare(t, tr)
			judge := func(step, what, diff string) {
				switch exception, excuse := exceptions[step]; {
				case excuse && diff == "":
					t.Errorf("%s is excused, but it is as recorded: remove the excuse", step)
				case excuse:
					excused[exception.Section]++
					delete(exceptions, step)
				case diff != "":
					t.Errorf("%s: %s\n%s", step, what, diff)
				default:
					compared++
				}
			}
			for i, s := range tr.Steps {
				diff := runStep(t, world, s)
				if s.Bug != "" {
					bugs++
					continue
				}
				judge(fmt.Sprintf("%s/%d", tr.Name, i+1), "calicoctl "+strings.Join(s.Args, " "), diff)
			}
			if inspector, ok := world.(Inspector); ok && tr.After != nil {
				judge(tr.Name+"/after", "the datastore afterwards", inspector.After(t, tr))
			}
		})
	}
	total := compared + bugs
	for _, n := range excused {
		total += n
	}
	for step := range exceptions {
		t.Errorf("%s: there is no step %s", exceptionsFile, step)
	}
	t.Logf("%d steps as recorded, %d marked as bugs, excused: %v", compared, bugs, excused)
	if other := excused["other"]; other*100 >= 2*total {
		t.Errorf("%d other exceptions in %d steps are two of a hundred or more", other, total)
	}
}

// runStep runs one recorded command line and says how the result differs.
func runStep(t *testing.T, world World, s Step) (diff string) {
	t.Helper()
	for name, text := range s.Files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, stdout, stderr := world.Run(t, s)
	if s.SaveStdout != "" {
		if err := os.WriteFile(s.SaveStdout, []byte(stdout), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s.Match == "none" {
		return ""
	}
	if s.Exit != nil && s.Match != "stdout-only" && code != *s.Exit {
		diff = fmt.Sprintf("exit status %d, recorded %d\n", code, *s.Exit)
	}
	if s.Match != "exit-only" {
		diff += cmp.Diff(forComparison(world.Expected(s.Stdout)), forComparison(Normalized(stdout)))
	}
	if diff != "" {
		diff += "stderr: " + stderr
	}
	return diff
}

// forComparison makes the final newline that calicoctl's JSON lacks no difference.
func forComparison(text string) string { return strings.TrimSuffix(text, "\n") }

// ReadJSON reads a file.
func ReadJSON(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(file, err)
	}
}

// Exception excuses a step.
type Exception struct{ Section, Reason string }

// Exceptions reads lines "step: reason". A line in brackets begins a section.
func Exceptions(t *testing.T, file string) map[string]Exception {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	exceptions := map[string]Exception{}
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			section = strings.Trim(line, "[]")
			continue
		}
		step, reason, ok := strings.Cut(line, ": ")
		if !ok {
			t.Fatalf("%s: a line without a reason: %s", file, line)
		}
		exceptions[step] = Exception{section, reason}
	}
	return exceptions
}

// Normalized puts placeholders in the place of what is different each time.
func Normalized(text string) string {
	for _, n := range []struct{ pattern, with string }{
		{`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, "<UID>"},
		{`20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z`, "<TIME>"},
		{`(resourceVersion"?: ?)"[0-9]+"`, `$1"<RV>"`},
		{`\b[0-9a-f]{32}\b`, "<GUID>"},
	} {
		text = regexp.MustCompile(n.pattern).ReplaceAllString(text, n.with)
	}
	return text
}
