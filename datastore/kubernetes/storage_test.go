package kubernetes

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/resources"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// TestRecordedStorage reads what calicoctl stored and writes it again: nothing becomes different, byte for byte in
// the annotation that holds the metadata.
func TestRecordedStorage(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(cluster.Root(), "testdata", "storage", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded storage: %v", err)
	}
	seen := map[string]int{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var recorded map[string]json.RawMessage
		if err := json.Unmarshal(text, &recorded); err != nil {
			t.Fatal(err)
		}
		for form, group := range map[string]string{"crd_v1": groupV1, "crd_v3": groupV3} {
			var objects map[string]json.RawMessage
			if err := json.Unmarshal(recorded[form], &objects); recorded[form] != nil && err != nil {
				t.Fatal(err)
			}
			for name, stored := range objects {
				if strings.HasPrefix(name, "nodes/") || filepath.Base(path) == "hep-labels-reserved.json" && group == groupV1 {
					continue // the one is not stored like this, in the other the metadata was lost
				}
				seen[form]++
				t.Run(filepath.Base(path)+"/"+form+"/"+name, func(t *testing.T) { rewrite(t, group, stored) })
			}
		}
	}
	if seen["crd_v1"] < 20 || seen["crd_v3"] < 20 {
		t.Errorf("only %v were compared", seen)
	}
}

func rewrite(t *testing.T, group string, stored []byte) {
	text := strings.NewReplacer(
		"<UID>", "93991d6e-1269-4777-b0f7-bda0b2e46cc2", "<TIME>", "2026-01-02T03:04:05Z", "<RV>", "7",
		"<GUID>", "0123456789abcdef0123456789abcdef").Replace(string(stored))
	var head struct{ Kind string }
	if err := json.Unmarshal([]byte(text), &head); err != nil {
		t.Fatal(err)
	}
	kind, ok := resources.ByName(head.Kind)
	if !ok {
		t.Fatalf("unknown kind %q", head.Kind)
	}
	o, err := decodeCustom(kind, group, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if uid := map[string]string{
		groupV1: "c999b876-4896-47ee-b0ef-bd054d273643", groupV3: "93991d6e-1269-4777-b0f7-bda0b2e46cc2",
	}[group]; string(o.GetUID()) != uid {
		t.Errorf("the uid is %s, want %s", o.GetUID(), uid)
	}
	written, err := encodeCustom(kind, group, o, metav1.ObjectMeta{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ours(t, []byte(text)), ours(t, written)); diff != "" {
		t.Errorf("-recorded +written:\n%s", diff)
	}
}

// ours is a stored object without what the server sets, and without the status, which it takes from no such request.
func ours(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	metadata := o["metadata"].(map[string]any)
	delete(metadata, "generation")
	delete(metadata, "creationTimestamp")
	delete(o, "status")
	return o
}

// TestWrittenByHand reads objects that have their metadata where kubectl puts it, and loses nothing when it writes
// them: labels, finalizers and owners that the server heeds, and no book-keeping of the server's.
func TestWrittenByHand(t *testing.T) {
	api := servers.APIServer(t)
	s := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Admin), APIGroup: groupV1})
	const path = "/apis/" + groupV1 + "/globalnetworksets"
	api.CreateYAML(t, path, `
apiVersion: crd.projectcalico.org/v1
kind: GlobalNetworkSet
metadata:
  name: by-hand
  labels: {role: k8s, projectcalico.org/mine: "1"}
  annotations: {note: hi}
  finalizers: [example.com/held]
  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: owner, uid: 93991d6e-1269-4777-b0f7-bda0b2e46cc2}]
spec: {nets: [10.0.0.0/8]}
`)
	key := resources.GlobalNetworkSet.Key("by-hand")
	before, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if before.GetManagedFields() != nil {
		t.Error("managedFields are shown")
	}
	o := before.DeepCopyObject().(resources.Object)
	o.SetFinalizers(append(o.GetFinalizers(), "example.com/ours"))
	after, err := s.Update(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	o.SetResourceVersion(after.GetResourceVersion())
	o.SetGeneration(0)
	if diff := cmp.Diff(o, after); diff != "" {
		t.Errorf("-given +stored:\n%s", diff)
	}
	var stored struct{ Metadata metav1.ObjectMeta }
	if err := json.Unmarshal(api.Do(t, "GET", path+"/by-hand", nil), &stored); err != nil {
		t.Fatal(err)
	}
	got := map[string]any{
		"finalizers": stored.Metadata.Finalizers, "owners": len(stored.Metadata.OwnerReferences), "labels": stored.Metadata.Labels,
		"annotation": stored.Metadata.Annotations[metadataAnnotation],
	}
	want := map[string]any{
		"finalizers": []string{"example.com/held"}, "owners": 1, "labels": map[string]string{"projectcalico.org/mine": "1"},
		"annotation": `{"creationTimestamp":"` + before.GetCreationTimestamp().UTC().Format("2006-01-02T15:04:05Z") +
			`","labels":{"projectcalico.org/mine":"1","role":"k8s"},"annotations":{"note":"hi"},"finalizers":["example.com/ours"]}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +stored:\n%s", diff)
	}
	o = after.DeepCopyObject().(resources.Object)
	o.SetFinalizers(nil)
	if _, err := s.Update(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), key, ""); err != nil {
		t.Fatal(err)
	}
	_, err = s.Get(t.Context(), key)
	wants(t, err, nil, "resource does not exist: GlobalNetworkSet(by-hand)")
}

// TestMalformedAnnotation names the object whose metadata somebody has damaged.
func TestMalformedAnnotation(t *testing.T) {
	api := cluster.StartAPIServer(t)
	api.InstallCRDs(t, "crd.projectcalico.org")
	s := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Admin)})
	api.CreateYAML(t, "/apis/"+groupV1+"/globalnetworksets", `
{apiVersion: crd.projectcalico.org/v1, kind: GlobalNetworkSet, metadata: {name: damaged, annotations: {projectcalico.org/metadata: "{"}}}`)
	_, err := s.Get(t.Context(), resources.GlobalNetworkSet.Key("damaged"))
	wants(t, err, nil, "invalid: GlobalNetworkSet(damaged): what is stored cannot be understood: annotation projectcalico.org/metadata")
	_, err = s.List(t.Context(), resources.GlobalNetworkSet)
	wants(t, err, nil, "damaged (annotation projectcalico.org/metadata")
}
