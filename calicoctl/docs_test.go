package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// step is a command of a document and what the document says that it prints.
type step struct{ Command, Output string }

// TestDocs runs every example of the README and of docs, in order, in a shell and on a
// new datastore for each file. What is printed must be what the document shows; UPDATE=1 writes it there.
func TestDocs(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	files := []string{filepath.Join(root, "README.md")}
	for _, folder := range []string{"docs", "docs/lint"} {
		found, err := filepath.Glob(filepath.Join(root, folder, "*.md"))
		if err != nil || len(found) == 0 {
			t.Fatal(folder, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		name, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := examples(t, string(text))
			got := runExamples(t, root, want)
			if os.Getenv("UPDATE") != "" {
				update(t, file, string(text), got)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

var (
	console = regexp.MustCompile("(?ms)^```console\n(.*?)^```$")
	heredoc = regexp.MustCompile(`<<\s*'?(\w+)'?$`)
)

// examples finds the commands of all console blocks: after "$ ", with the lines of their
// here-documents and those after a backslash.
func examples(t *testing.T, text string) []step {
	t.Helper()
	var steps []step
	for _, block := range console.FindAllStringSubmatch(text, -1) {
		end, more := "", false
		for line := range strings.Lines(block[1]) {
			command, isCommand := strings.CutPrefix(line, "$ ")
			switch {
			case end != "" || more:
				steps[len(steps)-1].Command += line
				command = line
			case isCommand:
				steps = append(steps, step{Command: command})
			case len(steps) == 0:
				t.Fatalf("output without a command: %s", line)
			default:
				steps[len(steps)-1].Output += line
				continue
			}
			if strings.TrimSpace(command) == end {
				end = ""
			} else if m := heredoc.FindStringSubmatch(strings.TrimSpace(command)); m != nil {
				end = m[1]
			}
			more = strings.HasSuffix(command, "\\\n")
		}
	}
	return steps
}

// update writes a document with what is printed now.
func update(t *testing.T, file, text string, steps []step) {
	t.Helper()
	text = console.ReplaceAllStringFunc(text, func(block string) string {
		var b strings.Builder
		b.WriteString("```console\n")
		for range examples(t, block) {
			b.WriteString("$ " + steps[0].Command + steps[0].Output)
			steps = steps[1:]
		}
		return b.String() + "```"
	})
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// runExamples gives the same steps with what is really printed.
func runExamples(t *testing.T, root string, steps []step) []step {
	t.Helper()
	folder := t.TempDir()
	if err := os.Symlink(filepath.Join(root, "testdata"), filepath.Join(folder, "testdata")); err != nil {
		t.Fatal(err)
	}
	const mark = "\x01"
	var script strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&script, "%sprintf '\\001'\n", s.Command)
	}
	shell := exec.CommandContext(t.Context(), "sh")
	shell.Stdin, shell.Dir = strings.NewReader(script.String()), folder
	shell.Env = append(os.Environ(), "GORACE="+raceOptions, "HOME="+folder, "DATASTORE_TYPE=local",
		"CALICO_LOCAL_PATH="+filepath.Join(folder, ".store", "datastore.db"))
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	printed := strings.Split(string(out), mark)
	var got []step
	for i, s := range steps {
		if i >= len(printed)-1 {
			t.Fatalf("the shell stopped before: %s", s.Command)
		}
		got = append(got, step{s.Command, strings.ReplaceAll(printed[i], folder, "DIR")})
	}
	return got
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

// TestLinks checks that every file that the README or a document links to is there.
func TestLinks(t *testing.T) {
	root := root(t)
	var files []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			t.Fatal(pattern, err)
		}
		files = append(files, found...)
	}
	links := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	if links == 0 {
		t.Error("there are no links")
	}
}
