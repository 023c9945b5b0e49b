package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	// faultRow is a row of the table of faults: its number, what calicoctl does, what
	// happens here, and what shows it.
	faultRow   = regexp.MustCompile(`(?m)^\| (B[0-9]+) \| (.*?) \| (.*?) \| (.*?) \|$`)
	scriptLink = regexp.MustCompile(`^\[([a-z0-9_/]+)\]\(\.\./testdata/script/([a-z0-9_/]+)\.txtar\)$`)
)

// TestFaultTable checks that the table has every fault once, in order and told in full,
// and that each is shown by scripts that there are.
func TestFaultTable(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for n := range 32 {
		want = append(want, fmt.Sprintf("B%d", n+1))
	}
	for _, row := range faultRow.FindAllStringSubmatch(string(text), -1) {
		got = append(got, row[1])
		if row[2] == "" || row[3] == "" {
			t.Errorf("%s says nothing", row[1])
		}
		for link := range strings.SplitSeq(row[4], ", ") {
			m := scriptLink.FindStringSubmatch(link)
			if m == nil || m[1] != m[2] {
				t.Errorf("%s: %q is no link to a script", row[1], link)
				continue
			}
			if _, err := os.Stat(filepath.Join(root, "testdata", "script", m[2]+".txtar")); err != nil {
				t.Errorf("%s: %v", row[1], err)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
