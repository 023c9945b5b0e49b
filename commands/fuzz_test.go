package commands

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/transcript"
)

// patchTargets are stored objects for patches to meet.
var patchTargets = []string{
	`
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: p, uid: u, resourceVersion: "7", labels: {a/b~c: d}, annotations: {"": x}, creationTimestamp: "2020-01-01T00:00:00Z"}
spec:
  order: 100
  selector: has(kubernetes-host)
  types: [Ingress, Egress]
  ingress:
  - action: Allow
    protocol: TCP
    source: {nets: [10.0.0.0/8]}
    destination: {ports: [22, "2379:2380", ssh]}
  - {action: Deny, protocol: ICMPv6, icmp: {type: 128}}
  egress: [{action: Pass}]
`, `
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: h}
spec: {node: n, interfaceName: eth0, expectedIPs: [10.0.0.1], profiles: [x], ports: [{name: ssh, port: 22, protocol: TCP}]}
`, `
apiVersion: projectcalico.org/v3
kind: KubeControllersConfiguration
metadata: {name: default}
spec:
  etcdV3CompactionPeriod: 10m
  controllers:
    node: {reconcilerPeriod: 5m, leakGracePeriod: 15m, hostEndpoint: {autoCreate: Enabled, templates: [{generateName: t, labels: {a: b}}]}}
    policy: {}
`,
}

var nastyPatches = []string{
	"", "null", "[]", "{}", "5", `""`, "\x00", "\ufeff{}", "{} {}", "{}\n---\n{}", "a: &a [*a]", "a: &a {<<: *a}", strings.Repeat("[", 300), strings.Repeat(`{"spec":`, 300) + "1" + strings.Repeat("}", 300),
	"spec: &a {x: 1}\nmetadata: {<<: *a}", "? [a]\n: b", "spec: {order: .inf}", "spec: {order: 1e309}", "spec: {order: 0x10}", "spec: {order: 1:30}", "spec: {selector: !!binary YQ==}", "spec: {order: 2020-01-01}",
	`{"kind": "Tier"}`, `{"kind": null, "apiVersion": null}`, `{"Kind": "Tier", "metadata": {"name": "other", "uid": null, "resourceVersion": 7}}`, `{"metadata": null}`, `{"spec": null}`, `{"spec": []}`,
	`{"spec": {"order": null, "ingress": [null, {}]}}`, `{"spec": {"order": 1, "order": 2}}`, `{"spec": {"$patch": "replace", "order": 5}}`, `{"$retainKeys": ["spec"]}`, `{"spec": {"$deleteFromPrimitiveList/types": ["Egress"]}}`,
	`{"spec": {"controllers": {"node": null}, "etcdV3CompactionPeriod": 5}}`, `{"spec": {"ports": {"0": null}}}`, `{"metadata": {"labels": {"\ud83d\ude00": "\u0000", "\ud800": 5}}}`,
	`[{"op": "add", "path": "", "value": {}}]`, `[{"op": "replace", "path": "", "value": null}]`, `[{"op": "remove", "path": ""}]`, `[{"op": "remove", "path": "/"}]`, `[null]`, `[[]]`, `[{}]`, `[{"op": 5}]`, `{"op": "add"}`,
	`[{"op": "add", "path": "/spec/ingress/-", "value": {"action": "Log"}}]`, `[{"op": "add", "path": "/spec/ingress/-1", "value": 1}]`, `[{"op": "remove", "path": "/spec/ingress/99999999999999999999"}]`,
	`[{"op": "copy", "from": "/spec", "path": "/spec/x"}, {"op": "copy", "from": "/spec", "path": "/spec/y"}]`, `[{"op": "move", "from": "/spec", "path": "/spec/ingress"}]`, `[{"op": "move", "from": "/metadata/name", "path": "/kind"}]`,
	`[{"op": "test", "path": "/spec/order", "value": 1e2}, {"op": "replace", "path": "/spec/order", "value": -0}]`, `[{"op": "test", "path": "/metadata/labels/a~1b~0c", "value": "d"}]`, `[{"op": "add", "path": "/a~", "value": 1}]`,
	`[{"op": "copy", "from": "/nosuch", "path": "/spec/order"}]`, `[{"op": "add", "path": "/spec/order/x", "value": 1}]`, `[{"op": "add", "path": "/metadata/annotations/", "value": "y"}]`, `[{"op": "replace", "path": "/metadata/labels", "value": null}, {"op": "add", "path": "/metadata/labels/a", "value": "b"}]`,
	strings.Repeat(`{"spec":{"selector":"all()"}}`, 2), "- op: replace\n  path: /spec/order\n  value: 5\n",
}

// FuzzPatch patches stored objects with anything, in every way. What comes of it is an
// error, or an object of the same kind; what is stored is left alone.
func FuzzPatch(f *testing.F) {
	for _, patch := range append(recordedPatches(f), nastyPatches...) {
		for target := range patchTargets {
			for how := range patchTypes {
				f.Add(patch, uint8(target), uint8(how))
			}
		}
	}
	f.Fuzz(func(t *testing.T, patch string, target, how uint8) {
		if len(patch) > 1<<16 {
			t.Skip("the fuzzer learns nothing from large input")
		}
		o := &patchOptions{patch: patch, patchType: patchTypes[int(how)%len(patchTypes)]}
		text, err := o.readPatch(t.Context())
		if err != nil {
			checkPatchError(t, err)
			return
		}
		if !json.Valid(text) {
			t.Fatalf("the patch is read as %q", text)
		}
		kind, stored := patchTarget(t, patchTargets[int(target)%len(patchTargets)])
		next, _, err := patched(kind, stored, text, o.patchType)
		if _, untouched := patchTarget(t, patchTargets[int(target)%len(patchTargets)]); !cmp.Equal(untouched, stored) {
			t.Fatalf("what is stored has changed:\n%s", cmp.Diff(untouched, stored))
		}
		if err != nil {
			checkPatchError(t, err)
			return
		}
		if key, ok := resources.KeyOf(next); !ok || key.Kind != kind || next.GetObjectKind().GroupVersionKind() != v3.SchemeGroupVersion.WithKind(kind.Name) {
			t.Fatalf("a %s has become %T, %s", kind.Name, next, next.GetObjectKind().GroupVersionKind())
		}
		if err := datastore.Check(next); err != nil {
			checkPatchError(t, err)
		}
		if _, err := json.Marshal(next); err != nil {
			t.Fatal(err)
		}
	})
}

func checkPatchError(t *testing.T, err error) {
	t.Helper()
	if strings.TrimSpace(err.Error()) == "" || strings.Contains(err.Error(), "goroutine ") {
		t.Fatalf("an error that says nothing: %q", err)
	}
}

func patchTarget(t *testing.T, text string) (*resources.Kind, resources.Object) {
	t.Helper()
	var meta struct{ Kind string }
	if err := yaml.Unmarshal([]byte(text), &meta); err != nil {
		t.Fatal(err)
	}
	kind, ok := resources.ByName(meta.Kind)
	if !ok {
		t.Fatal(meta.Kind)
	}
	o := kind.New()
	if err := yaml.UnmarshalStrict([]byte(text), o); err != nil {
		t.Fatal(err)
	}
	return kind, o
}

// recordedPatches are the patches of the transcripts.
func recordedPatches(f *testing.F) []string {
	f.Helper()
	files, err := filepath.Glob("../testdata/transcripts/*.json")
	if err != nil {
		f.Fatal(err)
	}
	var patches []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var tr transcript.Transcript
		if err := json.Unmarshal(text, &tr); err != nil {
			f.Fatal(file, err)
		}
		for _, step := range tr.Steps {
			for i, arg := range step.Args {
				if patch, ok := strings.CutPrefix(arg, "--patch="); ok {
					patches = append(patches, patch)
				} else if i > 0 && (step.Args[i-1] == "-p" || step.Args[i-1] == "--patch") {
					patches = append(patches, arg)
				}
			}
		}
	}
	if len(patches) == 0 {
		f.Fatal("no patches are recorded")
	}
	return patches
}
