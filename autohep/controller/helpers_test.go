package controller_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"

	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/commands"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/kubernetes"
	"github.com/edfb3db0/calicoctl/datastore/local"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

var servers cluster.Servers

// asProgram makes the test's program behave as calicoctl.
const asProgram = "CALICOCTL_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(commands.Main(context.Background(), commands.Build{Version: "test"}))
	}
	defer servers.Stop()
	m.Run()
}

// patience bounds how long a test waits for what should take much less than a second.
const patience = 30 * time.Second

// backend is a datastore, and how nodes get into it.
type backend struct {
	store datastore.Store
	// kube is set if nodes are those of a Kubernetes API.
	kube *cluster.APIServer
	// raw are the Kubernetes nodes that there are.
	raw map[string]json.RawMessage
}

// backends are all datastores that a controller runs on.
func backends() map[string]func(*testing.T) *backend {
	inKubernetes := func(group string) func(*testing.T) *backend {
		return func(t *testing.T) *backend {
			api := servers.APIServer(t)
			return newBackend(t, openKubernetes(t, api, group), api)
		}
	}
	return map[string]func(*testing.T) *backend{
		"local": func(t *testing.T) *backend {
			s, err := local.Open(t.Context(), filepath.Join(t.TempDir(), "datastore.db"))
			if err != nil {
				t.Fatal(err)
			}
			return newBackend(t, s, nil)
		},
		"etcd":          func(t *testing.T) *backend { return newBackend(t, openEtcd(t, servers.Etcd(t)), nil) },
		"kubernetes-v1": inKubernetes("crd.projectcalico.org/v1"),
		"kubernetes-v3": inKubernetes("projectcalico.org/v3"),
	}
}

// ownBackends are backends, but each form of custom resources has a server of its own, so that nodes are not shared.
func ownBackends() map[string]func(*testing.T) *backend {
	all := backends()
	for name, group := range map[string]string{"kubernetes-v1": "crd.projectcalico.org/v1", "kubernetes-v3": "projectcalico.org/v3"} {
		all[name] = func(t *testing.T) *backend {
			api := cluster.StartAPIServer(t)
			plain, _, _ := strings.Cut(group, "/")
			api.InstallCRDs(t, plain)
			return newBackend(t, openKubernetes(t, api, group), api)
		}
	}
	return all
}

func newBackend(t *testing.T, s datastore.Store, kube *cluster.APIServer) *backend {
	b := &backend{store: s, kube: kube, raw: map[string]json.RawMessage{}}
	t.Cleanup(func() { _ = s.Close() })
	b.clear(t)
	return b
}

func openKubernetes(t *testing.T, api *cluster.APIServer, group string) datastore.Store {
	return openKubernetesAs(t, api, group, cluster.Admin)
}

func openKubernetesAs(t *testing.T, api *cluster.APIServer, group, user string) datastore.Store {
	s, err := kubernetes.Open(t.Context(), kubernetes.Config{Kubeconfig: api.Kubeconfig(t, user), APIGroup: group})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// clear removes everything that a controller looks at, and what the last one has told the Store to tolerate.
func (b *backend) clear(t *testing.T) {
	t.Helper()
	if tolerant, ok := b.store.(datastore.Tolerant); ok {
		tolerant.Tolerate(datastore.Tolerance{
			LeaveOut: func(resources.Key, error) bool { return false }, Remark: func(resources.Key, []string) {},
		})
	}
	for _, kind := range []*resources.Kind{resources.HostEndpoint, resources.KubeControllersConfiguration} {
		for _, o := range b.list(t, kind) {
			if err := b.store.Delete(t.Context(), kind.Key(o.GetName()), ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, o := range b.list(t, resources.Node) {
		b.deleteNode(t, o.GetName())
	}
}

func (b *backend) list(t *testing.T, kind *resources.Kind) []resources.Object {
	t.Helper()
	list, err := b.store.List(t.Context(), kind)
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func (b *backend) endpoints(t *testing.T) []*v3.HostEndpoint {
	t.Helper()
	var all []*v3.HostEndpoint
	for _, o := range b.list(t, resources.HostEndpoint) {
		all = append(all, o.(*v3.HostEndpoint))
	}
	return all
}

const nodesPath = "/api/v1/nodes"

// addNode makes a node of a Kubernetes node.
func (b *backend) addNode(t *testing.T, raw json.RawMessage) {
	t.Helper()
	var node resources.KubernetesNode
	decode(t, raw, &node)
	b.raw[node.Name] = raw
	if b.kube == nil {
		if _, err := b.store.Create(t.Context(), calicoNode(t, raw)); err != nil {
			t.Fatal(err)
		}
		return
	}
	b.kube.Do(t, http.MethodPost, nodesPath, withKind(t, raw))
	var status struct {
		Status json.RawMessage `json:"status,omitempty"`
	}
	decode(t, raw, &status)
	if status.Status != nil {
		b.kube.Do(t, http.MethodPatch, nodesPath+"/"+node.Name+"/status", encode(t, status))
	}
}

func withKind(t *testing.T, raw json.RawMessage) []byte {
	t.Helper()
	return patched(t, raw, []byte(`{"apiVersion": "v1", "kind": "Node"}`))
}

func calicoNode(t *testing.T, raw json.RawMessage) *v3.Node {
	t.Helper()
	var in resources.KubernetesNode
	decode(t, raw, &in)
	node, _ := resources.NodeFromKubernetes(&in, resources.KubernetesNodeOptions{})
	node.ResourceVersion = ""
	return node
}

// patchNode changes a Kubernetes node; part is "" or "/status".
func (b *backend) patchNode(t *testing.T, name, part string, patch json.RawMessage) {
	t.Helper()
	b.raw[name] = patched(t, b.raw[name], patch)
	if b.kube != nil {
		b.kube.Do(t, http.MethodPatch, nodesPath+"/"+name+part, patch)
		return
	}
	b.edit(t, resources.Node.Key(name), func(o resources.Object) resources.Object {
		node := calicoNode(t, b.raw[name])
		node.ResourceVersion, node.UID = o.GetResourceVersion(), o.GetUID()
		return node
	})
}

func (b *backend) deleteNode(t *testing.T, name string) {
	t.Helper()
	delete(b.raw, name)
	if b.kube != nil {
		b.kube.Do(t, http.MethodDelete, nodesPath+"/"+name, nil)
		return
	}
	if err := b.store.Delete(t.Context(), resources.Node.Key(name), ""); err != nil {
		t.Fatal(err)
	}
}

// edit changes a stored object, however often somebody else is faster.
func (b *backend) edit(t *testing.T, key resources.Key, change func(resources.Object) resources.Object) {
	t.Helper()
	for {
		o, err := b.store.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = b.store.Update(t.Context(), change(o)); err == nil {
			return
		}
		if !isConflict(err) {
			t.Fatal(err)
		}
	}
}

// configure gives the configuration this spec, whether there is one or not.
func (b *backend) configure(t *testing.T, spec v3.KubeControllersConfigurationSpec) {
	t.Helper()
	kcc := resources.KubeControllersConfiguration.New().(*v3.KubeControllersConfiguration)
	kcc.Name, kcc.Spec = v3.DefaultName, spec
	off := 0
	kcc.Spec.PrometheusMetricsPort = &off // tests run side by side
	_, err := b.store.Create(t.Context(), kcc)
	if err == nil {
		return
	}
	b.edit(t, resources.KubeControllersConfiguration.Key(v3.DefaultName), func(o resources.Object) resources.Object {
		o.(*v3.KubeControllersConfiguration).Spec = kcc.Spec
		return o
	})
}

// enabled is a configuration that asks for endpoints.
func enabled(templates ...v3.Template) v3.KubeControllersConfigurationSpec {
	var spec v3.KubeControllersConfigurationSpec
	spec.Controllers.Node = &v3.NodeControllerConfig{
		HostEndpoint: &v3.AutoHostEndpointConfig{AutoCreate: v3.Enabled, Templates: templates},
	}
	return spec
}

// running is a controller at work.
type running struct {
	stop func()
	log  *safeBuffer
}

// safeBuffer is a buffer that several goroutines write to.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func environment(t *testing.T, vars map[string]string) *controller.Environment {
	t.Helper()
	e, err := controller.ReadEnvironment(func(name string) (string, bool) {
		value, ok := vars[name]
		return value, ok
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// start runs a controller until the test ends, or stop is called.
func start(t *testing.T, o controller.Options) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{log: &safeBuffer{}}
	if o.Environment == nil {
		o.Environment = environment(t, nil)
	}
	o.Level, o.Now, o.MetricsHost = &slog.LevelVar{}, time.Now, "127.0.0.1"
	o.Log = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	done := make(chan struct{})
	c := controller.New(o)
	go func() {
		defer close(done)
		if err := c.Run(ctx); err != nil {
			t.Errorf("the controller: %v", err)
		}
	}()
	r.stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(func() {
		r.stop()
		if t.Failed() {
			t.Logf("log of the controller:\n%s", r.log)
		}
	})
	return r
}

// strict keeps a reader from telling a Store that others use what to tolerate.
type strict struct{ datastore.Store }

// awaitInStep waits until a plan has nothing to change.
func awaitInStep(t *testing.T, s datastore.Store, e *controller.Environment) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		r, err := controller.Read(t.Context(), strict{s}, e)
		if err == nil && r.Changes.Empty() {
			return
		}
		if time.Now().After(deadline) {
			if err != nil {
				t.Fatal(err)
			}
			t.Fatalf("not in step after %v: %d to create, %d to update, %d to delete", patience,
				len(r.Changes.Create), len(r.Changes.Update), len(r.Changes.Delete))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// await waits until something is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
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

func encode(t *testing.T, value any) []byte {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// wait waits a little, for what takes less than a second altogether.
func wait() { time.Sleep(10 * time.Millisecond) }
