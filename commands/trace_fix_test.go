package commands

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// TestFixTurnsVerdicts carries out what is offered for packets of recorded sets, as the patches say it, and asks again.
func TestFixTurnsVerdicts(t *testing.T) {
	var probes struct{ Probes []flowQuestion }
	decodeFile(t, filepath.Join(verdictsDir, "probes.json"), &probes)
	files, err := filepath.Glob(filepath.Join(verdictsDir, "[0-9]*.json"))
	if err != nil {
		t.Fatal(err)
	}
	asked, offered := 0, 0
	for i := 0; i < len(files); i += 9 {
		var set recordedSet
		decodeFile(t, files[i], &set)
		if w, ok := worldOf(t, set); ok {
			for j := i % 11; j < len(probes.Probes); j += 11 {
				asked++
				if checkFix(t, set.Name, w, probes.Probes[j]) {
					offered++
				}
			}
		}
	}
	t.Logf("%d of %d verdicts can be turned", offered, asked)
	if offered < asked/2 {
		t.Errorf("only %d of %d verdicts can be turned", offered, asked)
	}
}

func worldOf(t *testing.T, set recordedSet) (*world, bool) {
	t.Helper()
	documents, ok := manifestOf(set)
	if !ok {
		return nil, false
	}
	file := filepath.Join(t.TempDir(), "objects.yaml")
	if err := os.WriteFile(file, documents, 0o600); err != nil {
		t.Fatal(err)
	}
	input, err := manifest.Read(t.Context(), []string{file}, manifest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	checked(input.Items, "")
	w := newWorld()
	for _, item := range input.Items {
		w.put(item.Object)
	}
	return w, true
}

// checkFix tells whether a fix is offered, and fails if it does not turn the verdict.
func checkFix(t *testing.T, set string, w *world, q flowQuestion) bool {
	t.Helper()
	tr := newTracer(t.Context(), &Deps{}, w)
	f, err := tr.ends.flow(q)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := tr.parts(q, f, tr.engine.Trace)
	if err != nil {
		t.Fatal(err)
	}
	trace := parts[0].trace
	mended := tr.fix(q, parts)
	if mended.Why != "" {
		return false
	}
	after := w.with(nil)
	for _, step := range mended.Steps {
		if step.Create != nil {
			after.put(step.Create)
			continue
		}
		key := resources.GlobalNetworkPolicy.Key(step.Policy)
		after.put(patchedBy(t, after.objects[key].(*v3.GlobalNetworkPolicy), step))
	}
	turned, err := policy.New(after.snapshot()).Judge(f)
	if err != nil || turned.Verdict != mended.Verdict || turned.Verdict == trace.Verdict {
		t.Errorf("%s: %+v is %s after %s, want %s (%v)", set, f, turned.Verdict, mended, mended.Verdict, err)
	}
	for _, c := range policy.Diff(tr.engine, policy.New(after.snapshot())) {
		if harmed := map[policy.Verdict]policy.Set{policy.Denied: c.Allowed, policy.Allowed: c.Denied}[mended.Verdict]; !harmed.Empty() {
			t.Errorf("%s: %s turns other traffic the other way: %+v", set, mended, harmed.Boxes())
		}
	}
	return true
}

// patchedBy applies the JSON patch of a step, which must come to what the step was judged by.
func patchedBy(t *testing.T, p *v3.GlobalNetworkPolicy, step fixStep) *v3.GlobalNetworkPolicy {
	t.Helper()
	before, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := json.Marshal(step.Patch)
	if err != nil {
		t.Fatal(err)
	}
	text, err := applyPatch(before, patch, patchJSON)
	if err != nil {
		t.Fatalf("%s: %v", patch, err)
	}
	after := &v3.GlobalNetworkPolicy{}
	if err := json.Unmarshal(text, after); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(after.Spec, step.after.Spec) {
		t.Errorf("%s makes %+v, want %+v", patch, after.Spec, step.after.Spec)
	}
	return after
}
