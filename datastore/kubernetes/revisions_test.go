package kubernetes

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
)

func metadataList() *metav1.PartialObjectMetadataList {
	list := &metav1.PartialObjectMetadataList{ListMeta: metav1.ListMeta{ResourceVersion: "77", Continue: "no"}}
	list.APIVersion, list.Kind = "meta.k8s.io/v1", "PartialObjectMetadataList"
	for _, name := range []string{"a", "b"} {
		list.Items = append(list.Items, metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
			Name: name, ResourceVersion: "1" + name, UID: "u", Generation: 300, Labels: map[string]string{"name": "x"},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m", Operation: "Update"}},
		}})
	}
	return list
}

// TestReadRevisions reads both forms of a list, as apimachinery writes them.
func TestReadRevisions(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	binary, err := runtime.Encode(protobuf.NewSerializer(scheme, scheme), metadataList())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(metadataList())
	if err != nil {
		t.Fatal(err)
	}
	want := revisions{revision: "77", items: []revisionOf{{"a", "1a"}, {"b", "1b"}}}
	for name, body := range map[string][]byte{"binary": binary, "JSON": text} {
		got, err := readRevisions(body)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(revisions{}, revisionOf{})); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	for n := range bytes.Index(binary, []byte("1b")) {
		if got, err := readRevisions(binary[:n]); err == nil && len(got.items) == len(want.items) {
			t.Errorf("%d bytes of %d are read as a whole list", n, len(binary))
		}
	}
}

// TestReadRevisionsOfNoList takes what says no revision for no list, in both forms, and not for an empty one.
func TestReadRevisionsOfNoList(t *testing.T) {
	for _, body := range []string{"k8s\x00\x12\x02\x0a\x00", "k8s\x00", "{}", `{"metadata": {}, "items": []}`} {
		if got, err := readRevisions([]byte(body)); err == nil {
			t.Errorf("%q is read as %+v", body, got)
		}
	}
}

// FuzzReadRevisions reads whatever may come instead of a list.
func FuzzReadRevisions(f *testing.F) {
	f.Add([]byte("k8s\x00\x12\x02\x0a\x00"))
	f.Add([]byte("k8s\x00\xff"))
	f.Add([]byte("{}"))
	f.Fuzz(func(_ *testing.T, body []byte) { _, _ = readRevisions(body) })
}
