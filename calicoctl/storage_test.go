package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/test/transcript"
)

// stored is what is stored, by key or by plural/name, as JSON values.
type stored map[string]any

// storageCase is a recording of what calicoctl stored in each datastore.
type storageCase struct {
	Name  string            `json:"name"`
	Nodes []json.RawMessage `json:"kubernetes_nodes"`
	Bug   string            `json:"bug"`

	EtcdRun []transcript.Step `json:"etcd_run"`
	V1Run   []transcript.Step `json:"crd_v1_run"`
	V3Run   []transcript.Step `json:"crd_v3_run"`
	Etcd    stored            `json:"etcd"`
	V1      stored            `json:"crd_v1"`
	V3      stored            `json:"crd_v3"`
}

// storageWorld is a World that tells what is stored in it.
type storageWorld interface {
	transcript.World
	dump(t *testing.T) stored
}

// TestStorage writes what was recorded and compares what is stored then, byte for byte but for what is
// different each time and the order of keys in JSON.
func TestStorage(t *testing.T) {
	folder := filepath.Join(root(t), "testdata", "storage")
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("nothing is recorded", err)
	}
	exceptions := transcript.Exceptions(t, filepath.Join(folder, "exceptions.txt"))
	worlds := map[string]storageWorld{
		"etcd": newEtcdWorld(t),
		"v1":   newKubernetesWorld(t, servers.APIServer(t), "crd.projectcalico.org/v1"),
		"v3":   newKubernetesWorld(t, servers.APIServer(t), "projectcalico.org/v3"),
	}
	same, excused := 0, 0
	for _, file := range files {
		var c storageCase
		transcript.ReadJSON(t, file, &c)
		for name, world := range worlds {
			steps, want := c.recorded(name)
			if steps == nil {
				continue
			}
			at := c.Name + "/" + name
			t.Run(at, func(t *testing.T) {
				t.Chdir(t.TempDir())
				world.Prepare(t, transcript.Transcript{Name: c.Name, Nodes: c.Nodes})
				for _, s := range steps {
					world.Run(t, s)
				}
				diff := cmp.Diff(withoutOdds(want), comparable(t, c.Name, world.dump(t)))
				switch exception, excuse := exceptions[at]; {
				case excuse && diff == "":
					t.Errorf("%s is excused (%s), but it is as recorded: remove the excuse", at, exception.Reason)
				case excuse:
					excused++
				case diff != "":
					t.Errorf("what is stored (-recorded +here):\n%s", diff)
				default:
					same++
				}
				delete(exceptions, at)
			})
		}
	}
	for at := range exceptions {
		t.Errorf("exceptions.txt: there is no case %s", at)
	}
	t.Logf("%d as recorded, %d excused", same, excused)
}

func (c storageCase) recorded(world string) ([]transcript.Step, stored) {
	switch world {
	case "etcd":
		return c.EtcdRun, c.Etcd
	case "v1":
		return c.V1Run, c.V1
	default:
		return c.V3Run, c.V3
	}
}

// withoutOdds drops what a recording is not about: the server's counting of changes.
func withoutOdds(all stored) stored {
	for _, value := range all {
		if object, ok := value.(map[string]any); ok {
			if metadata, ok := object["metadata"].(map[string]any); ok {
				delete(metadata, "generation")
				delete(metadata, "managedFields")
			}
		}
	}
	return all
}

// comparable puts placeholders in what is stored, and drops what every cluster has.
func comparable(t *testing.T, name string, all stored) stored {
	t.Helper()
	for key := range all {
		own := strings.HasPrefix(name, "first-") || strings.HasPrefix(name, "tier-default-")
		for _, common := range []string{"clusterinformations/default", "tiers/default", "tiers/kube-admin", "tiers/kube-baseline"} {
			if !own && strings.HasSuffix(key, common) {
				delete(all, key)
			}
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	var out stored
	if err := json.Unmarshal([]byte(transcript.Normalized(string(text))), &out); err != nil {
		t.Fatal(err)
	}
	return withoutOdds(out)
}

func (w *etcdWorld) dump(t *testing.T) stored {
	t.Helper()
	all := stored{}
	for key, text := range w.stored(t) {
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(key, err)
		}
		all[key] = value
	}
	return all
}

func (w *kubernetesWorld) dump(t *testing.T) stored {
	t.Helper()
	all := stored{}
	for _, collection := range w.collections() {
		var list struct {
			Kind, APIVersion string
			Items            []map[string]any
		}
		if err := json.Unmarshal(w.api.Do(t, http.MethodGet, collection, nil), &list); err != nil {
			t.Fatal(err)
		}
		for _, item := range list.Items {
			metadata, ok := item["metadata"].(map[string]any)
			if !ok {
				t.Fatalf("%s has an object without metadata", collection)
			}
			all[fmt.Sprintf("%s/%s", filepath.Base(collection), metadata["name"])] = item
		}
	}
	return all
}
