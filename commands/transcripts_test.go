package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/datastore/local"
	"github.com/edfb3db0/calicoctl/resources"
)

// transcript is a recorded sequence of command lines.
type transcript struct {
	Name  string            `json:"name"`
	Seed  map[string]string `json:"etcd_seed"`
	Steps []struct {
		Args       []string           `json:"args"`
		Stdin      string             `json:"stdin"`
		Files      map[string]string  `json:"files"`
		Env        map[string]*string `json:"env"`
		SaveStdout string             `json:"save_stdout"`
		Exit       *int               `json:"exit"`
		Stdout     string             `json:"stdout"`
		Match      string             `json:"match"`
		Bug        string             `json:"bug"`
	} `json:"steps"`
}

// TestTranscripts replays what was recorded with calicoctl on an empty datastore: the
// same standard output and exit status, but for steps that are marked as its bugs and
// for those that exceptions.txt explains.
func TestTranscripts(t *testing.T) {
	folder, err := filepath.Abs("../testdata/transcripts")
	if err != nil {
		t.Fatal(err)
	}
	exceptions := readExceptions(t, filepath.Join(folder, "exceptions.txt"))
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	compared, bugs, excused := 0, 0, 0
	for _, file := range files {
		var tr transcript
		readJSON(t, file, &tr)
		t.Run(tr.Name, func(t *testing.T) {
			r := newReplay(t, tr)
			for i := range tr.Steps {
				step := fmt.Sprintf("%s/%d", tr.Name, i+1)
				diff := r.step(i)
				switch _, excuse := exceptions[step]; {
				case tr.Steps[i].Bug != "":
					bugs++
				case excuse && diff == "":
					t.Errorf("%s is excused, but it is as recorded: remove the excuse", step)
				case excuse:
					excused++
					delete(exceptions, step)
				case diff != "":
					t.Errorf("%s: calicoctl %s\n%s", step, strings.Join(tr.Steps[i].Args, " "), diff)
				default:
					compared++
				}
			}
		})
	}
	for step := range exceptions {
		t.Errorf("exceptions.txt: there is no step %s", step)
	}
	t.Logf("%d steps as recorded, %d marked as bugs, %d excused", compared, bugs, excused)
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(file, err)
	}
}

// readExceptions reads lines "step: reason".
func readExceptions(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	exceptions := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		step, reason, ok := strings.Cut(line, ": ")
		if !ok {
			t.Fatalf("%s: a line without a reason: %s", file, line)
		}
		exceptions[step] = reason
	}
	return exceptions
}

type replay struct {
	tr   transcript
	path string
}

// newReplay makes an empty datastore: no built-in objects yet, no controller.
func newReplay(t *testing.T, tr transcript) *replay {
	t.Helper()
	t.Chdir(t.TempDir())
	r := &replay{tr: tr, path: filepath.Join(t.TempDir(), "datastore.db")}
	store, err := local.Open(t.Context(), r.path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	for key, value := range tr.Seed {
		kind := kindOfPath(key)
		if kind == nil || !json.Valid([]byte(value)) {
			continue
		}
		o := kind.New()
		if err := json.Unmarshal([]byte(value), o); err != nil {
			t.Fatal(key, err)
		}
		if _, err := store.Create(t.Context(), o); err != nil {
			t.Fatal(key, err)
		}
	}
	return r
}

func kindOfPath(key string) *resources.Kind {
	plural := filepath.Base(filepath.Dir(key))
	for _, k := range resources.All() {
		if k.Plural == plural {
			return k
		}
	}
	return nil
}

// step runs one recorded command line and says how the result differs.
func (r *replay) step(i int) string {
	s := r.tr.Steps[i]
	for name, text := range s.Files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err.Error()
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return err.Error()
		}
	}
	var stdout, stderr bytes.Buffer
	code := Run(context.Background(), s.Args, Deps{
		IO:        IO{In: strings.NewReader(s.Stdin), Out: &stdout, Err: &stderr},
		Program:   "calicoctl",
		Now:       time.Now,
		LookupEnv: environment(s.Env),
		Open: func(ctx context.Context, _ Config, _ access) (Backend, error) {
			store, err := local.Open(ctx, r.path)
			return Backend{Store: store}, err
		},
	})
	if s.SaveStdout != "" {
		if err := os.WriteFile(s.SaveStdout, stdout.Bytes(), 0o600); err != nil {
			return err.Error()
		}
	}
	return r.compare(i, code, stdout.String(), stderr.String())
}

func (r *replay) compare(i, code int, stdout, stderr string) string {
	s := r.tr.Steps[i]
	if s.Match == "none" {
		return ""
	}
	var diff string
	if s.Exit != nil && s.Match != "stdout-only" && code != *s.Exit {
		diff = fmt.Sprintf("exit status %d, recorded %d\n", code, *s.Exit)
	}
	if s.Match != "exit-only" {
		diff += cmp.Diff(forComparison(s.Stdout), forComparison(normalized(stdout)))
	}
	if diff != "" {
		diff += "stderr: " + stderr
	}
	return diff
}

// forComparison makes the final newline that calicoctl's JSON lacks no difference.
func forComparison(text string) string { return strings.TrimSuffix(text, "\n") }

var normal = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<UID>"},
	{regexp.MustCompile(`20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z`), "<TIME>"},
	{regexp.MustCompile(`(resourceVersion"?: )"[0-9]+"`), `$1"<RV>"`},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "<GUID>"},
}

func normalized(text string) string {
	for _, n := range normal {
		text = n.pattern.ReplaceAllString(text, n.with)
	}
	return text
}
