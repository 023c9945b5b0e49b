package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/edfb3db0/calicoctl/test/cluster"
	"github.com/edfb3db0/calicoctl/test/transcript"
)

// root is the folder of the project.
func root(t *testing.T) string {
	t.Helper()
	folder, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// buildProgram builds the program for a test and returns its path.
func buildProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "calicoctl")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// runProgram runs the built program with only the environment that is given.
func runProgram(t *testing.T, program string, environment map[string]string, s transcript.Step) (code int, stdout, stderr string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, s.Args...)
	command.Stdin = strings.NewReader(s.Stdin)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	for name, value := range environment {
		if changed, ok := s.Env[name]; ok && changed == nil {
			continue
		}
		command.Env = append(command.Env, name+"="+value)
	}
	for name, value := range s.Env {
		if value != nil {
			command.Env = append(command.Env, name+"="+*value)
		}
	}
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), out.String(), errs.String()
}

// etcdWorld runs command lines of the built program on etcd.
type etcdWorld struct {
	program, endpoint string
	client            *clientv3.Client
}

func newEtcdWorld(t *testing.T) *etcdWorld {
	t.Helper()
	w := &etcdWorld{endpoint: servers.Etcd(t).Endpoint, program: buildProgram(t)}
	var err error
	if w.client, err = clientv3.New(clientv3.Config{Endpoints: []string{w.endpoint}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.client.Close() })
	return w
}

func (w *etcdWorld) Prepare(t *testing.T, tr transcript.Transcript) {
	t.Helper()
	if _, err := w.client.Delete(t.Context(), "/", clientv3.WithPrefix()); err != nil {
		t.Fatal(err)
	}
	for key, value := range tr.Seed {
		if _, err := w.client.Put(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
}

// After compares the keys with those that there were after the recording.
func (w *etcdWorld) After(t *testing.T, tr transcript.Transcript) string {
	t.Helper()
	return cmp.Diff(slices.Sorted(maps.Keys(tr.After)), slices.Sorted(maps.Keys(w.stored(t))))
}

// stored are all keys and values.
func (w *etcdWorld) stored(t *testing.T) map[string]string {
	t.Helper()
	answer, err := w.client.Get(context.WithoutCancel(t.Context()), "/", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, kv := range answer.Kvs {
		all[string(kv.Key)] = string(kv.Value)
	}
	return all
}

func (w *etcdWorld) Run(t *testing.T, s transcript.Step) (code int, stdout, stderr string) {
	t.Helper()
	s.Stdin = w.Expected(s.Stdin)
	for name := range s.Files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(w.Expected(string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	environment := map[string]*string{}
	for name, value := range s.Env {
		if value != nil {
			text := w.Expected(*value)
			value = &text
		}
		environment[name] = value
	}
	s.Env = environment
	return runProgram(t, w.program, map[string]string{"DATASTORE_TYPE": "etcdv3", "ETCD_ENDPOINTS": "http://" + w.endpoint}, s)
}

// Expected puts etcd's address in its place.
func (w *etcdWorld) Expected(stdout string) string {
	return strings.ReplaceAll(stdout, "<ETCD>", w.endpoint)
}

// TestTranscriptsOnEtcd replays what was recorded with calicoctl on an empty etcd.
func TestTranscriptsOnEtcd(t *testing.T) {
	world := newEtcdWorld(t)
	folder := filepath.Join(root(t), "testdata", "transcripts")
	transcript.Replay(t, filepath.Join(folder, "*.json"), filepath.Join(folder, "exceptions.txt"), world, "required", "other", "on etcd")
}

// kubernetesWorld runs command lines of the built program on a Kubernetes API server.
type kubernetesWorld struct {
	program, kubeconfig, group string
	api                        *cluster.APIServer
}

func newKubernetesWorld(t *testing.T, api *cluster.APIServer, group string) *kubernetesWorld {
	t.Helper()
	return &kubernetesWorld{program: buildProgram(t), api: api, kubeconfig: api.Kubeconfig(t, cluster.Admin), group: group}
}

func (w *kubernetesWorld) Prepare(t *testing.T, tr transcript.Transcript) {
	t.Helper()
	w.clean(t)
	for _, node := range tr.Nodes {
		w.createNode(t, node)
	}
	if !strings.Contains(tr.Name, "first-") {
		w.initialize(t)
	}
}

// initialize makes what every cluster has, by a write that changes nothing else.
func (w *kubernetesWorld) initialize(t *testing.T) {
	t.Helper()
	document := `{"apiVersion":"projectcalico.org/v3","kind":"GlobalNetworkSet","metadata":{"name":"x"}}`
	for _, args := range [][]string{{"create", "-f", "-"}, {"delete", "-f", "-"}} {
		if code, _, stderr := w.Run(t, transcript.Step{Args: args, Stdin: document}); code != 0 {
			t.Fatal(stderr)
		}
	}
}

// createNode creates a Kubernetes node, whose status takes a request of its own.
func (w *kubernetesWorld) createNode(t *testing.T, node []byte) {
	t.Helper()
	created := w.api.Do(t, http.MethodPost, "/api/v1/nodes", node)
	var name struct{ Metadata struct{ Name string } }
	var status struct{ Status json.RawMessage }
	if err := errors.Join(json.Unmarshal(created, &name), json.Unmarshal(node, &status)); err != nil {
		t.Fatal(err)
	}
	if status.Status != nil {
		patch, err := json.Marshal(status)
		if err != nil {
			t.Fatal(err)
		}
		w.api.Do(t, http.MethodPatch, "/api/v1/nodes/"+name.Metadata.Name+"/status", bytes.ReplaceAll(patch, []byte(`"Status"`), []byte(`"status"`)))
	}
}

func (w *kubernetesWorld) collections() []string {
	collections := []string{"/api/v1/nodes"}
	for _, plural := range []string{
		"clusterinformations", "felixconfigurations", "globalnetworkpolicies", "globalnetworksets", "hostendpoints",
		"kubecontrollersconfigurations", "stagedglobalnetworkpolicies", "tiers",
	} {
		collections = append(collections, "/apis/"+w.group+"/"+plural)
	}
	return collections
}

func (w *kubernetesWorld) clean(t *testing.T) {
	t.Helper()
	for _, collection := range w.collections() {
		var list struct {
			Items []struct {
				Metadata struct {
					Name       string
					Finalizers []string
				}
			}
		}
		if err := json.Unmarshal(w.api.Do(t, http.MethodGet, collection, nil), &list); err != nil {
			t.Fatal(err)
		}
		for _, item := range list.Items {
			w.api.Do(t, http.MethodDelete, collection+"/"+item.Metadata.Name, nil)
			if len(item.Metadata.Finalizers) > 0 {
				w.api.Do(t, http.MethodPatch, collection+"/"+item.Metadata.Name, []byte(`{"metadata":{"finalizers":null}}`))
			}
		}
	}
}

func (w *kubernetesWorld) Run(t *testing.T, s transcript.Step) (code int, stdout, stderr string) {
	t.Helper()
	return runProgram(t, w.program, map[string]string{
		"DATASTORE_TYPE": "kubernetes", "KUBECONFIG": w.kubeconfig, "CALICO_API_GROUP": w.group,
	}, s)
}

var (
	managedYAML = regexp.MustCompile(`(?m)^( *)managedFields:\n(?:(?: *- |  +).*\n)*?((?: *)(?:name|namespace):)`)
	managedJSON = regexp.MustCompile(`(?s),\n( *)"managedFields": \[.*?\n *\](\n *\})`)
)

// Expected drops managedFields, which are the server's own book-keeping and not shown here.
func (*kubernetesWorld) Expected(stdout string) string {
	stdout = managedYAML.ReplaceAllString(stdout, "$2")
	return managedJSON.ReplaceAllString(stdout, "$2")
}

// TestTranscriptsOnKubernetes replays what was recorded with calicoctl on a Kubernetes API server.
func TestTranscriptsOnKubernetes(t *testing.T) {
	folder := filepath.Join(root(t), "testdata", "transcripts-kdd")
	for form, group := range map[string]string{"v1": "crd.projectcalico.org/v1", "v3": "projectcalico.org/v3"} {
		t.Run(form, func(t *testing.T) {
			world := newKubernetesWorld(t, servers.APIServer(t), group)
			transcript.Replay(t, filepath.Join(folder, form+"-*.json"), filepath.Join(folder, "exceptions.txt"), world, form)
		})
	}
}
