package controller_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/cluster"
	"github.com/edfb3db0/calicoctl/test/experiment"
)

// TestRepairs spoils an automatic endpoint in every way: each time it is as before in a moment.
func TestRepairs(t *testing.T) {
	spoil := map[string]func(*v3.HostEndpoint){
		"addresses":  func(h *v3.HostEndpoint) { h.Spec.ExpectedIPs = []string{"192.0.2.1"} },
		"interface":  func(h *v3.HostEndpoint) { h.Spec.InterfaceName = "eth0" },
		"label":      func(h *v3.HostEndpoint) { delete(h.Labels, "a") },
		"profiles":   func(h *v3.HostEndpoint) { h.Spec.Profiles = nil },
		"ports":      func(h *v3.HostEndpoint) { h.Spec.Ports = []v3.EndpointPort{{Name: "http", Port: 80}} },
		"node":       func(h *v3.HostEndpoint) { h.Spec.Node = "elsewhere" },
		"annotation": func(h *v3.HostEndpoint) { h.Annotations = map[string]string{"x": "y"} },
	}
	for name, open := range backends() {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			b.configure(t, enabled())
			b.addNode(t, kubeNode("spoilt", 1))
			start(t, controller.Options{Store: b.store})
			awaitInStep(t, b.store, environment(t, nil))
			want := experiment.View(b.endpoints(t))
			key := resources.HostEndpoint.Key("spoilt-auto-hep")
			restored := func(t *testing.T) {
				t.Helper()
				await(t, "the endpoint is not as before", func() bool { return cmp.Equal(want, experiment.View(b.endpoints(t))) })
			}
			for what, change := range spoil {
				t.Run(what, func(t *testing.T) {
					b.edit(t, key, func(o resources.Object) resources.Object {
						change(o.(*v3.HostEndpoint))
						return o
					})
					restored(t)
				})
			}
			if err := b.store.Delete(t.Context(), key, ""); err != nil {
				t.Fatal(err)
			}
			restored(t)
			if b.kube != nil {
				await(t, "no event tells of the repair", func() bool {
					return b.hasEvent(t, "spoilt", "HostEndpointRepaired", `Host endpoint "spoilt-auto-hep" was deleted by somebody else`)
				})
			}
		})
	}
}

// TestWithItsOwnRights runs the controller as the service account of deploy/controller.yaml, which
// may do exactly what is needed: endpoints, events, the configuration and its status, the lease.
func TestWithItsOwnRights(t *testing.T) {
	api := cluster.StartAPIServer(t)
	api.InstallCRDs(t, "crd.projectcalico.org", "projectcalico.org")
	api.Install(t, "controller.yaml")
	podIsTaken(t, api)
	for _, group := range []string{"crd.projectcalico.org/v1", "projectcalico.org/v3"} {
		t.Run(group, func(t *testing.T) {
			b := newBackend(t, openKubernetes(t, api, group), api)
			s := openKubernetesAs(t, api, group, cluster.Controller)
			defer s.Close()
			b.addNode(t, kubeNode("mine", 1))
			b.addNode(t, []byte(`{"metadata": {"name": "taken"}}`))
			h := resources.HostEndpoint.New().(*v3.HostEndpoint)
			h.Name, h.Spec = "taken-auto-hep", v3.HostEndpointSpec{Node: "taken", InterfaceName: "eth7"}
			if _, err := b.store.Create(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			election := datastore.Election{Namespace: "calico-system", Name: "calicoctl-controller", Identity: "me"}
			r := start(t, controller.Options{Store: s, Election: election})
			key := resources.KubeControllersConfiguration.Key(v3.DefaultName)
			await(t, "there is no configuration with a status", func() bool {
				o, err := b.store.Get(t.Context(), key)
				return err == nil && o.(*v3.KubeControllersConfiguration).Status.RunningConfig != nil
			})
			b.configure(t, enabled())
			awaitInStep(t, b.store, environment(t, nil))
			await(t, "no event tells of the name that is taken", func() bool {
				return b.hasEvent(t, "taken", "HostEndpointProblem", `Node "taken": host endpoint "taken-auto-hep" is needed`)
			})
			leader, err := b.store.(datastore.Elector).Leader(t.Context(), election)
			if err != nil || leader != "me" {
				t.Errorf("the leader is %q: %v", leader, err)
			}
			b.deleteNode(t, "mine")
			awaitInStep(t, b.store, environment(t, nil))
			r.stop()
			if strings.Contains(r.log.String(), "unauthorized") {
				t.Errorf("something was refused:\n%s", r.log)
			}
		})
	}
}

// podIsTaken has the server judge a pod of the Deployment by its strictest standard.
func podIsTaken(t *testing.T, api *cluster.APIServer) {
	t.Helper()
	const namespace = "/api/v1/namespaces/calico-system"
	api.Do(t, http.MethodPatch, namespace, []byte(`{"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}`))
	var deployment struct {
		Spec struct {
			Template struct {
				Spec json.RawMessage `json:"spec"`
			}
		}
	}
	decode(t, api.Do(t, http.MethodGet, "/apis/apps/v1/namespaces/calico-system/deployments/calicoctl-controller", nil), &deployment)
	pod := fmt.Appendf(nil, `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": %s}`, deployment.Spec.Template.Spec)
	api.Do(t, http.MethodPost, namespace+"/pods?dryRun=All", pod)
}

// TestPassesAreQuiet makes pass after pass where everything is in step: nothing is written, and a Kubernetes server is
// asked for three lists each time, and for nothing else.
func TestPassesAreQuiet(t *testing.T) {
	for name, open := range backends() {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			port := cluster.FreePort(t)
			spec := enabled(v3.Template{GenerateName: "t", InterfaceCIDRs: []string{"10.0.0.0/8"}})
			for i := range 20 {
				b.addNode(t, kubeNode(fmt.Sprintf("quiet-%d", i), i))
			}
			b.configure(t, spec)
			b.edit(t, resources.KubeControllersConfiguration.Key(v3.DefaultName), func(o resources.Object) resources.Object {
				kcc := o.(*v3.KubeControllersConfiguration)
				decode(t, []byte(`{"reconcilerPeriod": "1s", "hostEndpoint": {"autoCreate": "Enabled"}}`), kcc.Spec.Controllers.Node)
				kcc.Spec.PrometheusMetricsPort = &port
				return kcc
			})
			var requests *requestCount
			s := b.store
			if b.kube != nil {
				s, requests = openCounted(t, b.kube, name)
			}
			start(t, controller.Options{Store: s})
			awaitInStep(t, b.store, environment(t, nil))
			before := revisionsOf(b.endpoints(t))
			base := fmt.Sprintf("http://127.0.0.1:%d", port)
			passes := func() string { return metric(t, base, "calicoctl_autohep_full_pass_seconds_count") }
			await(t, "there are no passes", func() bool { return passes() != "" && passes() != "0" && passes() != "1" })
			if requests != nil {
				requests.onlyLists(t, func() int {
					n, _ := strconv.Atoi(passes())
					return n
				})
			}
			if diff := cmp.Diff(before, revisionsOf(b.endpoints(t))); diff != "" {
				t.Errorf("a pass over what is in step writes:\n%s", diff)
			}
			for name, want := range map[string]string{
				`calicoctl_autohep_endpoints{state="automatic"}`: "40",
				`calicoctl_autohep_nodes{state="unprotected"}`:   "0",
				`calicoctl_autohep_writes_total{op="create"}`:    "40",
				`calicoctl_autohep_writes_total{op="update"}`:    "0",
				`calicoctl_autohep_leader`:                       "1",
			} {
				if got := metric(t, base, name); got != want {
					t.Errorf("%s is %q, want %s", name, got, want)
				}
			}
			for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "working\n"} {
				if got := fetch(t, base+path); got != want {
					t.Errorf("%s answers %q, want %q", path, got, want)
				}
			}
		})
	}
}

// fetch gets a page; empty while nobody serves it.
func fetch(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func metric(t *testing.T, base, name string) string {
	t.Helper()
	for line := range strings.Lines(fetch(t, base+"/metrics")) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// TestOnce makes one pass where there is nothing yet, and then one with nothing to do.
func TestOnce(t *testing.T) {
	for name, open := range backends() {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			for i := range 3 {
				b.addNode(t, kubeNode(fmt.Sprintf("once-%d", i), i))
			}
			on := controller.Options{Store: b.store, Environment: environment(t, map[string]string{"AUTO_HOST_ENDPOINTS": "enabled"})}
			for _, want := range []int{3, 0} {
				result, err := controller.Once(t.Context(), on)
				if err != nil || result.Created != want || result.Updated+result.Deleted != 0 {
					t.Errorf("%+v %v, want %d created", result, err, want)
				}
			}
			off := controller.Options{Store: b.store, Environment: environment(t, map[string]string{"AUTO_HOST_ENDPOINTS": "disabled"})}
			if result, err := controller.Once(t.Context(), off); err != nil || result.Deleted != 3 {
				t.Errorf("%+v %v, want 3 deleted", result, err)
			}
		})
	}
}

// TestCompacted cuts the watches off while history is lost, on etcd, and goes on.
func TestCompacted(t *testing.T) {
	e := cluster.StartEtcd(t)
	b := newBackend(t, openEtcd(t, e), nil)
	b.configure(t, enabled())
	r := start(t, controller.Options{Store: openEtcd(t, e)})
	await(t, "the controller does not work", func() bool { return strings.Contains(r.log.String(), "msg=working") })
	for i := 0; !strings.Contains(r.log.String(), "list again"); i++ {
		if i == 20 {
			t.Fatal("no watch has ever lost its history")
		}
		e.Kill()
		e.Restart(t)
		for j := range 5 {
			b.addNode(t, kubeNode(fmt.Sprintf("cut-%d-%d", i, j), j))
		}
		compact(t, e)
	}
	awaitInStep(t, b.store, environment(t, nil))
}

// compact forgets all history before the current revision.
func compact(t *testing.T, e *cluster.Etcd) {
	t.Helper()
	client := etcdClient(t, e)
	now, err := client.Get(t.Context(), "none")
	if err == nil {
		_, err = client.Compact(t.Context(), now.Header.Revision)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestUnreadable has an endpoint that nobody can read: its node is told of as a failure, and all
// others go on, at the start and later.
func TestUnreadable(t *testing.T) {
	e := cluster.StartEtcd(t)
	client := etcdClient(t, e)
	spoil := func(name string) {
		t.Helper()
		if _, err := client.Put(t.Context(), "/calico/resources/v3/projectcalico.org/hostendpoints/"+name, "{"); err != nil {
			t.Fatal(err)
		}
	}
	b := newBackend(t, openEtcd(t, e), nil)
	b.configure(t, enabled())
	for i := range 3 {
		b.addNode(t, kubeNode(fmt.Sprintf("r-%d", i), i))
	}
	spoil("r-0-auto-hep")
	r := start(t, controller.Options{Store: openEtcd(t, e)})
	there := func(name string) func() bool {
		return func() bool {
			_, err := b.store.Get(t.Context(), resources.HostEndpoint.Key(name))
			return err == nil
		}
	}
	await(t, "a broken endpoint keeps others away", there("r-2-auto-hep"))
	spoil("r-1-auto-hep")
	b.addNode(t, kubeNode("r-3", 3))
	await(t, "a broken endpoint keeps others away later", there("r-3-auto-hep"))
	await(t, "the log does not tell of it", func() bool { return strings.Contains(r.log.String(), "HostEndpoint(r-1-auto-hep)") })
	if err := b.store.Delete(t.Context(), resources.HostEndpoint.Key("r-1-auto-hep"), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Put(t.Context(), configurationPath, "{"); err != nil {
		t.Fatal(err)
	}
	await(t, "the log does not tell of the configuration", func() bool {
		return strings.Contains(r.log.String(), "KubeControllersConfiguration(default)")
	})
	await(t, "an endpoint is not made again when the broken one is gone", there("r-1-auto-hep"))
}

// TestOnceUnreadable makes a pass while a node, an endpoint and a configuration that does not
// count cannot be understood: nothing of theirs is touched, and everything else goes on.
func TestOnceUnreadable(t *testing.T) {
	e := cluster.StartEtcd(t)
	client := etcdClient(t, e)
	b := newBackend(t, openEtcd(t, e), nil)
	b.configure(t, enabled())
	once := func() autohep.Result {
		t.Helper()
		result, err := controller.Once(t.Context(), controller.Options{Store: b.store, Environment: environment(t, nil)})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	b.addNode(t, kubeNode("a", 1))
	once()
	b.addNode(t, kubeNode("b", 2))
	b.addNode(t, kubeNode("c", 3))
	for _, path := range []string{"nodes/a", "hostendpoints/b-auto-hep", "kubecontrollersconfigurations/other"} {
		if _, err := client.Put(t.Context(), "/calico/resources/v3/projectcalico.org/"+path, "{"); err != nil {
			t.Fatal(err)
		}
	}
	result := once()
	var about []string
	for _, p := range result.Problems {
		text, _, _ := strings.Cut(p.Text, ",")
		about = append(about, text)
	}
	want := []string{
		"KubeControllersConfiguration(other) cannot be understood", "HostEndpoint(b-auto-hep) cannot be understood", "Node(a) cannot be understood",
	}
	if diff := cmp.Diff(want, about); diff != "" {
		t.Errorf("problems: %s", diff)
	}
	result.Problems = nil
	if diff := cmp.Diff(autohep.Result{Created: 1}, result); diff != "" {
		t.Error(diff)
	}
	if _, err := b.store.Get(t.Context(), resources.HostEndpoint.Key("a-auto-hep")); err != nil {
		t.Errorf("the endpoint of a node that cannot be understood: %v", err)
	}
}
