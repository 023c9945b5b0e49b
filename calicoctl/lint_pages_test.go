package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/edfb3db0/calicoctl/commands"
	"github.com/edfb3db0/calicoctl/lint"
)

// TestLintPages checks that each code has a page, which begins with what the code is, and whose bad example has a finding
// of it and whose good example has none. TestDocs runs the examples.
func TestLintPages(t *testing.T) {
	folder := filepath.Join(root(t), "docs", "lint")
	pages, err := filepath.Glob(filepath.Join(folder, "CL*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range lint.Codes() {
		file := filepath.Join(folder, c.ID+".md")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pages = slices.DeleteFunc(pages, func(p string) bool { return p == file })
		article := "A"
		if c.Severity == lint.Error {
			article = "An"
		}
		if head := fmt.Sprintf("# %s: %s\n\n%s %s. %s\n", c.ID, c.Name, article, c.Severity, c.Summary); !strings.HasPrefix(string(text), head) {
			t.Errorf("%s does not begin with\n%s", file, head)
		}
		_, examples, _ := strings.Cut(string(text), "\n## Bad\n")
		bad, good, ok := strings.Cut(examples, "\n## Good\n")
		if finding := "(" + c.ID + ")\n"; !ok || !strings.Contains(bad, finding) || strings.Contains(good, finding) {
			t.Errorf("%s: the finding is not in what the bad example prints, or is in what the good one does", file)
		}
		if !strings.Contains(good, "$ calicoctl lint") {
			t.Errorf("%s: the good example is not linted", file)
		}
	}
	if len(pages) > 0 {
		t.Errorf("there is no code for %v", pages)
	}
	index, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil || !strings.HasSuffix(string(index), "\n\n"+commands.LintIndex()) {
		t.Errorf("the index is not that of the codes; make generate writes it: %v", err)
	}
}
