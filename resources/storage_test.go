package resources_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/resources"
)

// TestStoredBytes checks that what is stored comes out of the types as it went in, byte
// by byte: the order of fields, what is left out, and how values are spelled.
func TestStoredBytes(t *testing.T) {
	files, err := filepath.Glob("../testdata/storage/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded storage: %v", err)
	}
	kinds := map[string]bool{}
	for _, file := range files {
		var stored struct{ Etcd map[string]json.RawMessage }
		if err := json.Unmarshal(readFile(t, file), &stored); err != nil {
			t.Fatal(err)
		}
		for path, value := range stored.Etcd {
			want := strings.ReplaceAll(compact(t, value), "<TIME>", "2026-01-02T03:04:05Z")
			var head struct{ Kind string }
			if err := json.Unmarshal(value, &head); err != nil {
				t.Fatal(err)
			}
			kind, ok := resources.ByName(head.Kind)
			if !ok {
				t.Fatalf("%s %s: unknown kind %q", file, path, head.Kind)
			}
			kinds[head.Kind] = true
			o := kind.New()
			if err := json.Unmarshal([]byte(want), o); err != nil {
				t.Errorf("%s %s: %v", file, path, err)
				continue
			}
			if diff := cmp.Diff(want, encode(t, o)); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", file, path, diff)
			}
			kind.Default(o)
			if diff := cmp.Diff(want, encode(t, o)); diff != "" {
				t.Errorf("%s %s: defaults change what is stored (-want +got):\n%s", file, path, diff)
			}
		}
	}
	for _, kind := range resources.All() {
		// Nothing that is recorded writes the other two.
		if !kinds[kind.Name] && kind != resources.Profile && kind != resources.ClusterInformation {
			t.Errorf("no recorded storage of %s", kind.Name)
		}
	}
}

func compact(t *testing.T, value json.RawMessage) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, value); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// encode writes characters as they are, which JSON allows and the recordings do.
func encode(t *testing.T, o resources.Object) string {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(o); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(out.String(), "\n")
}
