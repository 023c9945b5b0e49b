package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/edfb3db0/calicoctl/"

// mayImport says which of our packages each of them may import. What is not here may
// import none.
var mayImport = map[string][]string{
	"calicoctl": {"commands"},
	"docs/gen":  {"commands"},
	"commands": {
		"render",
		"output", "manifest", "autohep", "autohep/controller", "datastore/local", "datastore/etcd", "datastore/kubernetes",
		"datastore", "docs/lint", "lint", "policy", "policytest", "resources", "resources/v3", "selector",
	},
	"output":               {"resources"},
	"manifest":             {"resources", "resources/v3"},
	"autohep":              {"datastore", "resources", "resources/v3", "selector"},
	"autohep/controller":   {"autohep", "datastore", "resources", "resources/v3"},
	"datastore":            {"resources", "resources/v3"},
	"datastore/local":      {"datastore", "resources", "resources/v3"},
	"datastore/etcd":       {"datastore", "resources", "resources/v3"},
	"datastore/kubernetes": {"datastore", "resources", "resources/v3"},
	"datastore/storetest":  {"datastore", "resources", "resources/v3"},
	"policy":               {"resources", "resources/v3", "selector"},
	"lint":                 {"policy", "resources", "resources/v3", "selector"},
	"policytest":           {"manifest", "policy", "resources", "resources/v3"},
	"render":               {"policy", "resources/v3"},
	"resources":            {"resources/v3", "selector"},
	"test/bench":           {},
	"test/experiment":      {"resources/v3", "test/cluster"},
	"test/prove":           {"policy", "render", "resources/v3", "test/random", "test/verdicts"},
	"test/random":          {"policy", "resources/v3"},
	"test/verdicts":        {"policy", "resources/v3"},
}

// onlyIn says which of our packages alone may import a module, and why.
var onlyIn = map[string]struct{ pkg, why string }{
	"github.com/spf13/cobra":        {"commands docs/gen", "commands own wording and exit codes"},
	"github.com/mattn/go-runewidth": {"output", "tables look the same everywhere"},
	"modernc.org/sqlite":            {"datastore/local", "a datastore is known by its contract"},
	"k8s.io/client-go":              {"datastore/kubernetes", "a datastore is known by its contract"},
	"go.etcd.io/etcd":               {"datastore/etcd", "a datastore is known by its contract"},
	"go.yaml.in/yaml/v3":            {"manifest policytest", "there is one reader of manifests, and one of tests"},
	"github.com/prometheus":         {"autohep/controller", "only what runs for long has metrics"},
}

// TestLayering keeps the arrows between packages pointing one way.
func TestLayering(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		imports := strings.Fields(line)
		pkg := strings.TrimPrefix(imports[0], module)
		allowed, known := mayImport[pkg]
		for _, path := range imports[1:] {
			if own, ok := strings.CutPrefix(path, module); ok && (!known || !slices.Contains(allowed, own)) {
				t.Errorf("%s imports %s; it may import %v", pkg, own, allowed)
			}
			for external, rule := range onlyIn {
				if (path == external || strings.HasPrefix(path, external+"/")) && !slices.Contains(strings.Fields(rule.pkg), pkg) {
					t.Errorf("%s imports %s, which is for %s: %s", pkg, path, rule.pkg, rule.why)
				}
			}
		}
	}
}
