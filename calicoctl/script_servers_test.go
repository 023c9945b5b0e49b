package main

import (
	"context"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/edfb3db0/calicoctl/test/cluster"
	"github.com/edfb3db0/calicoctl/test/transcript"
)

// oneByOne runs scripts one after the other: they share a datastore.
type oneByOne struct{ *testing.T }

func (oneByOne) Parallel() {}

func (o oneByOne) Run(name string, f func(testscript.T)) {
	o.T.Run(name, func(t *testing.T) { f(oneByOne{t}) })
}

func (o oneByOne) Verbose() bool { return testing.Verbose() }

// command is a command of scripts.
type command = func(*testscript.TestScript, bool, []string)

// scriptsOn runs the scripts on a datastore that prepare makes empty, with these variables in the environment. A
// file has those that are about something else, each with its reason. A folder has those that are about this datastore
// alone; for them there are more commands.
func scriptsOn(t *testing.T, datastore string, world transcript.World, environment map[string]string, commands map[string]command) {
	folder := filepath.Join(root(t), "testdata", "script")
	elsewhere := transcript.Exceptions(t, filepath.Join(root(t), "testdata", "elsewhere.txt"))
	all, err := filepath.Glob(filepath.Join(folder, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, file := range all {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		if e, ok := elsewhere[name]; !ok || e.Section != "local" && e.Section != datastore {
			files = append(files, file)
		}
		delete(elsewhere, name)
	}
	for name := range elsewhere {
		t.Errorf("elsewhere.txt: there is no script %s", name)
	}
	own, err := filepath.Glob(filepath.Join(folder, datastore, "*.txtar"))
	if err != nil || len(own) == 0 {
		t.Fatalf("no scripts about %s alone: %v", datastore, err)
	}
	files = append(files, own...)
	slices.Sort(files)
	params := scriptParams(t)
	maps.Copy(params.Cmds, commands)
	params.Dir, params.Files, params.UpdateScripts, params.Condition = "", files, false, condition(false)
	setup := params.Setup
	params.Setup = func(env *testscript.Env) error {
		if err := setup(env); err != nil {
			return err
		}
		world.Prepare(t, transcript.Transcript{})
		newCluster(t, world)
		for name, value := range environment {
			env.Setenv(name, value)
		}
		return nil
	}
	testscript.RunT(oneByOne{t}, params)
	t.Logf("%d scripts of %d", len(files), len(all)+len(own))
}

// newCluster makes what a new cluster has: its description, the built-in tiers and the controllers' configuration.
func newCluster(t *testing.T, world transcript.World) {
	t.Helper()
	const document = `{"apiVersion":"projectcalico.org/v3","kind":"KubeControllersConfiguration","metadata":{"name":"default"}}`
	if code, _, stderr := world.Run(t, transcript.Step{Args: []string{"create", "-f", "-"}, Stdin: document}); code != 0 {
		t.Fatal(stderr)
	}
}

// TestScriptsOnEtcd runs on etcd the scripts that are not about the embedded datastore.
func TestScriptsOnEtcd(t *testing.T) {
	t.Parallel()
	world := newEtcdWorld(t)
	scriptsOn(t, "etcd", world, map[string]string{"DATASTORE_TYPE": "etcdv3", "ETCD_ENDPOINTS": "http://" + world.endpoint},
		map[string]command{"put": world.put})
}

// put KEY FILE stores the content of FILE under KEY.
func (w *etcdWorld) put(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: put key file")
	}
	_, err := w.client.Put(context.Background(), args[0], strings.TrimSpace(ts.ReadFile(args[1])))
	ts.Check(err)
}

// TestScriptsOnKubernetes runs on both forms of custom resources the scripts that are not about the embedded datastore.
func TestScriptsOnKubernetes(t *testing.T) {
	t.Parallel()
	for form, group := range map[string]string{"v1": "crd.projectcalico.org/v1", "v3": "projectcalico.org/v3"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			api := cluster.StartAPIServer(t) // on one, both forms would have the same nodes
			api.InstallCRDs(t, cluster.Groups()...)
			world := newKubernetesWorld(t, api, group)
			file := filepath.Join(t.TempDir(), "kubeconfig") // scripts have a home of their own
			text, err := os.ReadFile(world.kubeconfig)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			scriptsOn(t, "kubernetes", world, map[string]string{
				"DATASTORE_TYPE": "kubernetes", "KUBECONFIG": file, "CALICO_API_GROUP": group,
				"API_SERVER": world.api.URL, "API_CA": world.api.CAFile,
				"ADMIN_TOKEN": cluster.Token(cluster.Admin), "NOBODY_TOKEN": cluster.Token(cluster.Nobody),
			}, map[string]command{"create": func(ts *testscript.TestScript, neg bool, args []string) { world.create(t, ts, neg, args) }})
		})
	}
}

// create PATH FILE creates the Kubernetes object in FILE, as the admin, and deletes it after the test.
func (w *kubernetesWorld) create(t *testing.T, ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: create path file")
	}
	name := w.api.CreateYAML(t, args[0], ts.ReadFile(args[1]))
	ts.Defer(func() { w.api.Do(t, http.MethodDelete, args[0]+"/"+name, nil) })
}
