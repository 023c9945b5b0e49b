package autohep_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/experiment"
)

// world is the state between the steps of a case.
type world struct {
	nodes     map[string]json.RawMessage
	kcc       *v3.KubeControllersConfiguration
	endpoints map[string]*v3.HostEndpoint
}

// TestCorpus plays every recorded case that does not depend on the environment of a
// controller's process. exceptions.txt lists the steps in which the plan differs on
// purpose; one that does not differ any more has to leave that list.
func TestCorpus(t *testing.T) {
	exceptions := experiment.Exceptions(t, "exceptions.txt")
	recorded := len(exceptions)
	skipped := map[string]int{}
	cases, steps := 0, 0
	for _, e := range experiment.All(t) {
		if reason := skipReason(e); reason != "" {
			skipped[reason]++
			continue
		}
		cases++
		steps += 1 + len(e.Phases)
		t.Run(e.Name, func(t *testing.T) { play(t, e, exceptions) })
	}
	t.Logf("%d cases with %d steps, %d of them exceptions; skipped: %v", cases, steps, recorded-len(exceptions), skipped)
	for _, step := range slices.Sorted(maps.Keys(exceptions)) {
		t.Errorf("%s is in exceptions.txt, but there is no such step", step)
	}
}

// play runs one case and takes the exceptions that it meets off the list.
func play(t *testing.T, e *experiment.Experiment, exceptions map[string]string) {
	w := start(t, e)
	for i, wants := range e.Wants() {
		if i > 0 {
			for _, o := range e.Phases[i-1].Do {
				w.do(t, o)
			}
		}
		w.plan(t)
		got := slices.Collect(maps.Values(w.endpoints))
		diff := ""
		for _, want := range wants {
			if diff = cmp.Diff(experiment.View(want), experiment.View(got), cmpopts.EquateEmpty()); diff == "" {
				break
			}
		}
		step := fmt.Sprintf("%s/%d", e.Name, i)
		reason, excepted := exceptions[step]
		delete(exceptions, step)
		switch {
		case excepted && diff == "":
			t.Errorf("step %d is as recorded; remove it from exceptions.txt (%s)", i, reason)
		case excepted:
			t.Logf("step %d differs on purpose: %s", i, reason)
		case diff != "":
			t.Errorf("step %d (-recorded +planned):\n%s", i, diff)
		}
	}
}

// plan brings the endpoints up to date, and checks that once is enough.
func (w *world) plan(t *testing.T) {
	t.Helper()
	nodes := make([]*v3.Node, 0, len(w.nodes))
	for _, raw := range w.nodes {
		var in resources.KubernetesNode
		decode(t, raw, &in)
		node, ignored := resources.NodeFromKubernetes(&in, resources.KubernetesNodeOptions{})
		for _, text := range ignored {
			t.Log(text)
		}
		nodes = append(nodes, node)
	}
	config := autohep.ConfigFrom(w.kcc)
	changes, problems := autohep.Plan(nodes, slices.Collect(maps.Values(w.endpoints)), config)
	for _, p := range problems {
		t.Log(p.Text)
	}
	w.endpoints = carriedOut(t, w.endpoints, changes)
	if again, _ := autohep.Plan(nodes, slices.Collect(maps.Values(w.endpoints)), config); !again.Empty() {
		t.Errorf("a second plan changes something: %+v", again)
	}
}

func (w *world) do(t *testing.T, o experiment.Operation) {
	t.Helper()
	switch o.Op {
	case "createNode":
		w.addNode(t, o.Object)
	case "deleteNode":
		delete(w.nodes, o.Name)
	case "patchNode", "patchNodeStatus":
		w.nodes[o.Name] = patched(t, w.nodes[o.Name], o.Patch)
	case "createHostEndpoint":
		h := &v3.HostEndpoint{}
		decode(t, o.Object, h)
		w.endpoints[h.Name] = h
	case "deleteHostEndpoint":
		delete(w.endpoints, o.Name)
	case "patchHostEndpoint":
		before, err := json.Marshal(w.endpoints[o.Name])
		if err != nil {
			t.Fatal(err)
		}
		h := &v3.HostEndpoint{}
		decode(t, patched(t, before, o.Patch), h)
		w.endpoints[o.Name] = h
	case "setKubeControllersConfiguration":
		w.configure(t, o.Spec)
	case "deleteKubeControllersConfiguration":
		w.kcc = nil
	case "wait", "restartController":
	default:
		t.Fatalf("unknown operation %q", o.Op)
	}
}

func start(t *testing.T, e *experiment.Experiment) *world {
	w := &world{nodes: map[string]json.RawMessage{}, endpoints: map[string]*v3.HostEndpoint{}}
	for _, raw := range e.KubeNodes {
		w.addNode(t, raw)
	}
	for _, h := range e.Existing {
		w.endpoints[h.Name] = h
	}
	if e.KCC != nil {
		w.configure(t, e.KCC.Spec)
	}
	return w
}

func (w *world) addNode(t *testing.T, raw json.RawMessage) {
	var node resources.KubernetesNode
	decode(t, raw, &node)
	w.nodes[node.Name] = raw
}

func (w *world) configure(t *testing.T, spec json.RawMessage) {
	w.kcc = &v3.KubeControllersConfiguration{}
	decode(t, spec, &w.kcc.Spec)
}

// carriedOut is the endpoints after changes, none of which may hit another state than it
// was made for.
func carriedOut(t interface {
	Helper()
	Errorf(string, ...any)
}, endpoints map[string]*v3.HostEndpoint, c autohep.Changes,
) map[string]*v3.HostEndpoint {
	t.Helper()
	after := maps.Clone(endpoints)
	for _, h := range c.Create {
		if after[h.Name] != nil {
			t.Errorf("create of %s, which exists", h.Name)
		}
		after[h.Name] = h
	}
	for _, h := range c.Update {
		if endpoints[h.Name] == nil {
			t.Errorf("update of %s, which does not exist", h.Name)
		}
		after[h.Name] = h
	}
	for _, h := range c.Delete {
		if endpoints[h.Name] == nil {
			t.Errorf("deletion of %s, which does not exist", h.Name)
		}
		delete(after, h.Name)
	}
	return after
}

// skipReason tells why a case says nothing about plans; empty if it does.
func skipReason(e *experiment.Experiment) string {
	if e.Env["AUTO_HOST_ENDPOINTS"] != nil {
		return "AUTO_HOST_ENDPOINTS overrides the configuration"
	}
	controllers := e.Env["ENABLED_CONTROLLERS"]
	if controllers != nil && !slices.Contains([]string{"node", "policy,node"}, *controllers) {
		return "ENABLED_CONTROLLERS keeps the controller from running"
	}
	if controllers == nil && !strings.Contains(string(e.KCC.Spec), `"node"`) {
		return "no section about nodes and no ENABLED_CONTROLLERS: the controller does not run"
	}
	return ""
}

func patched(t *testing.T, before, patch []byte) []byte {
	t.Helper()
	after, err := jsonpatch.MergePatch(before, patch)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}
