// Package experiment reads the recorded experiments with Calico's controller of automatic host
// endpoints that are in testdata/autohep.
package experiment

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// Experiment is one recorded case: a start, then changes, and what there was after each.
type Experiment struct {
	Name      string             `json:"name"`
	Env       map[string]*string `json:"env"`
	KubeNodes []json.RawMessage  `json:"kubeNodes"`
	KCC       *struct {
		Spec json.RawMessage `json:"spec"`
	} `json:"kubeControllersConfiguration"`
	Existing    []*v3.HostEndpoint   `json:"existingHostEndpoints"`
	WantInitial []*v3.HostEndpoint   `json:"wantInitial"`
	Phases      []Phase              `json:"phases"`
	Want        []*v3.HostEndpoint   `json:"want"`
	WantAnyOf   [][]*v3.HostEndpoint `json:"wantAnyOf"`
	// Exited is the exit code of a controller that ended by itself.
	Exited *int `json:"controllerExited"`
	// KCCAfter is the configuration at the end.
	KCCAfter *struct {
		Status *v3.KubeControllersConfigurationStatus `json:"status"`
	} `json:"kccAfter"`
}

// Phase is changes, and the endpoints after them.
type Phase struct {
	Do   []Operation        `json:"do"`
	Want []*v3.HostEndpoint `json:"want"`
}

// Operation is one change.
type Operation struct {
	Op     string          `json:"op"`
	Name   string          `json:"name"`
	Patch  json.RawMessage `json:"patch"`
	Object json.RawMessage `json:"object"`
	Spec   json.RawMessage `json:"spec"`
}

// Wants lists, for each step, the recorded states of which one is right. Step 0 is the start.
func (e *Experiment) Wants() [][][]*v3.HostEndpoint {
	if len(e.Phases) == 0 {
		if len(e.WantAnyOf) > 0 {
			return [][][]*v3.HostEndpoint{e.WantAnyOf}
		}
		return [][][]*v3.HostEndpoint{{e.Want}}
	}
	wants := [][][]*v3.HostEndpoint{{e.WantInitial}}
	for _, p := range e.Phases {
		wants = append(wants, [][]*v3.HostEndpoint{p.Want})
	}
	return wants
}

func folder() string { return filepath.Join(cluster.Root(), "testdata", "autohep") }

// All reads every experiment.
func All(tb testing.TB) []*Experiment {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(folder(), "*.json"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no experiments: %v", err)
	}
	all := make([]*Experiment, len(files))
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		all[i] = &Experiment{}
		if err := json.Unmarshal(data, all[i]); err != nil {
			tb.Fatalf("%s: %v", file, err)
		}
	}
	return all
}

// Exceptions reads the lines "case/step: reason" of a file beside the experiments.
func Exceptions(tb testing.TB, file string) map[string]string {
	tb.Helper()
	in, err := os.Open(filepath.Join(folder(), file))
	if err != nil {
		tb.Fatal(err)
	}
	defer in.Close()
	exceptions := map[string]string{}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		step, reason, ok := strings.Cut(line, ": ")
		if !ok {
			tb.Fatalf("%s: %q has no reason", file, line)
		}
		exceptions[step] = reason
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return exceptions
}

// Content is what is recorded of an endpoint.
type Content struct {
	Labels, Annotations map[string]string
	Spec                v3.HostEndpointSpec
}

// View is the recorded content of endpoints, by name.
func View(endpoints []*v3.HostEndpoint) map[string]Content {
	out := make(map[string]Content, len(endpoints))
	for _, h := range endpoints {
		out[h.Name] = Content{h.Labels, h.Annotations, h.Spec}
	}
	return out
}
