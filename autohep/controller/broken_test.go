package controller_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// brokenSpec asks for endpoints, and has a duration that is none in a section of another controller.
const brokenSpec = `{"prometheusMetricsPort": 0, "controllers": {"policy": {"reconcilerPeriod": "banana"},
"node": {"hostEndpoint": {"autoCreate": "Enabled"}}}}`

// startWithHealth starts a controller and gives a function that asks whether it is ready.
func startWithHealth(t *testing.T, s datastore.Store) (r *running, ready func() string) {
	t.Helper()
	address := cluster.FreeAddress(t)
	r = start(t, controller.Options{Store: s, HealthAddress: address})
	return r, func() string { return fetch(t, "http://"+address+"/readyz") }
}

// problemsIn are the beginnings of the problems that "controller status" tells of.
func problemsIn(t *testing.T, s datastore.Store) []string {
	t.Helper()
	r, err := controller.Read(t.Context(), s, environment(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, p := range r.Problems {
		text, _, _ := strings.Cut(p.Text, ",")
		all = append(all, text)
	}
	return all
}

const aboutBanana = `spec.controllers.policy.reconcilerPeriod is "banana"`

// TestBrokenDuration starts controllers where a duration of another controller cannot be read: they work, and the
// log, /readyz, the status and an event tell of it. The duration stays as it is.
func TestBrokenDuration(t *testing.T) {
	for name, group := range map[string]string{"kubernetes-v1": "crd.projectcalico.org/v1", "kubernetes-v3": "projectcalico.org/v3"} {
		t.Run(name, func(t *testing.T) {
			b := backends()[name](t)
			b.addNode(t, kubeNode("n", 1))
			path := "/apis/" + group + "/kubecontrollersconfigurations"
			b.kube.Do(t, http.MethodPost, path, fmt.Appendf(nil,
				`{"apiVersion": %q, "kind": "KubeControllersConfiguration", "metadata": {"name": "default"}, "spec": %s}`, group, brokenSpec))
			defer b.kube.Do(t, http.MethodDelete, path+"/default", nil)
			r, ready := startWithHealth(t, b.store)
			reader := openKubernetes(t, b.kube, group)
			defer reader.Close()
			await(t, "the node is not protected", func() bool { return len(b.endpoints(t)) == 1 })
			await(t, "/readyz does not tell of it", func() bool {
				return strings.HasPrefix(ready(), "working, but of the configuration, "+aboutBanana)
			})
			if !strings.Contains(r.log.String(), "a part of the configuration is left out") {
				t.Error("the log does not tell of it")
			}
			if diff := cmp.Diff([]string{"KubeControllersConfiguration(default): " + aboutBanana}, problemsIn(t, reader)); diff != "" {
				t.Errorf("problems: %s", diff)
			}
			await(t, "no event tells of it", func() bool {
				return b.hasEventOf(t, "KubeControllersConfiguration", "default", "ConfigurationProblem", aboutBanana)
			})
			var stored struct{ Spec, Status json.RawMessage }
			await(t, "the status is not written", func() bool {
				decode(t, b.kube.Do(t, http.MethodGet, path+"/default", nil), &stored)
				return strings.Contains(string(stored.Status), "runningConfig")
			})
			if !strings.Contains(string(stored.Spec), "banana") {
				t.Errorf("what cannot be understood has been removed: %s", stored.Spec)
			}
			b.kube.Do(t, http.MethodPatch, path+"/default", []byte(`{"spec": {"controllers": {"policy": {"reconcilerPeriod": "1m"}}}}`))
			await(t, "/readyz does not tell that it is over", func() bool { return ready() == "working\n" })
		})
	}
}

// TestBrokenConfigurationOnEtcd starts where a duration cannot be read, and where the section about host endpoints cannot
// be: with that, the controller waits and says for what.
func TestBrokenConfigurationOnEtcd(t *testing.T) {
	e := cluster.StartEtcd(t)
	client := etcdClient(t, e)
	put := func(spec string) { t.Helper(); putConfiguration(t, client, spec) }
	b := newBackend(t, openEtcd(t, e), nil)
	b.addNode(t, kubeNode("n", 1))
	put(`{"controllers": {"node": {"hostEndpoint": {"autoCreate": true}}}}`)
	_, ready := startWithHealth(t, openEtcd(t, e))
	await(t, "/readyz does not tell for what it waits", func() bool {
		return strings.HasPrefix(ready(), "the configuration cannot be understood: ")
	})
	put(brokenSpec)
	await(t, "the node is not protected", func() bool { return len(b.endpoints(t)) == 1 })
	if got := ready(); !strings.HasPrefix(got, "working, but of the configuration, "+aboutBanana) {
		t.Errorf("/readyz answers %q", got)
	}
	if diff := cmp.Diff([]string{"KubeControllersConfiguration(default): " + aboutBanana}, problemsIn(t, openEtcd(t, e))); diff != "" {
		t.Errorf("problems: %s", diff)
	}
	for _, section := range []string{`{"autoCreate": "perhaps"}`, `{"autoCreate": "Enabled", "createDefaultHostEndpoint": "enabled"}`} {
		put(fmt.Sprintf(`{"controllers": {"node": {"hostEndpoint": %s}}}`, section))
		await(t, "/readyz does not tell of the word", func() bool {
			return strings.HasPrefix(ready(), "working, but the configuration cannot be understood: spec.controllers.node.hostEndpoint.")
		})
		if _, err := controller.Once(t.Context(), controller.Options{Store: openEtcd(t, e), Environment: environment(t, nil)}); err == nil {
			t.Error("one pass takes the word for something")
		}
		time.Sleep(200 * time.Millisecond)
		if got := b.endpoints(t); len(got) != 1 {
			t.Errorf("%s: %d endpoints are left", section, len(got))
		}
		put(brokenSpec)
		await(t, "/readyz does not tell that it is over", func() bool { return strings.HasPrefix(ready(), "working, but of the configuration, ") })
	}
	time.Sleep(200 * time.Millisecond)
	answer, err := client.Get(t.Context(), configurationPath)
	if err != nil || !strings.Contains(string(answer.Kvs[0].Value), "banana") {
		t.Errorf("what cannot be understood has been removed: %v %v", answer, err)
	}
}

// TestBrokenAnnotations has nodes with annotations that cannot be read: each has a problem and an event, and is
// protected with what can be read, as are all others.
func TestBrokenAnnotations(t *testing.T) {
	api := cluster.StartAPIServer(t)
	api.InstallCRDs(t, "crd.projectcalico.org")
	b := newBackend(t, openKubernetes(t, api, "crd.projectcalico.org/v1"), api)
	b.configure(t, enabled())
	broken := func(name, annotation, value string) {
		b.addNode(t, fmt.Appendf(nil, `{"metadata": {"name": %q, "annotations": {%q: %q}},
"status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.9"}]}}`, name, "projectcalico.org/"+annotation, value))
	}
	broken("a", "IPv4Address", "10.0.0")
	broken("b", "Interfaces", "[{")
	b.addNode(t, kubeNode("c", 3))
	start(t, controller.Options{Store: b.store})
	awaitInStep(t, b.store, environment(t, nil))
	reader := openKubernetes(t, api, "crd.projectcalico.org/v1")
	defer reader.Close()
	want := []string{
		`The annotation projectcalico.org/IPv4Address of Kubernetes node "a" is ignored: "10.0.0" is no IPv4 address. Correct it or remove it.`,
		`The annotation projectcalico.org/Interfaces of Kubernetes node "b" is ignored: it is no JSON list of interfaces (unexpected end of JSON input). Correct it or remove it.`,
	}
	if diff := cmp.Diff(want, problemsIn(t, reader)); diff != "" {
		t.Errorf("problems: %s", diff)
	}
	for i, node := range []string{"a", "b"} {
		await(t, "no event tells of "+node, func() bool { return b.hasEvent(t, node, "HostEndpointProblem", want[i]) })
	}
	if got := b.endpoints(t); len(got) != 3 || len(got[0].Spec.ExpectedIPs) != 1 {
		t.Errorf("endpoints: %v", got)
	}
	b.patchNode(t, "a", "", []byte(`{"metadata": {"annotations": {"projectcalico.org/IPv4Address": "10.0.0.1/8"}}}`))
	await(t, "the problem stays when it is corrected", func() bool { return cmp.Equal(want[1:], problemsIn(t, reader)) })
}

// statusOf is the status of the configuration.
func (b *backend) statusOf(t *testing.T) v3.KubeControllersConfigurationStatus {
	t.Helper()
	o, err := b.store.Get(t.Context(), resources.KubeControllersConfiguration.Key(v3.DefaultName))
	if err != nil {
		t.Fatal(err)
	}
	return o.(*v3.KubeControllersConfiguration).Status
}

// TestStatusIsKept has somebody else overwrite the status again and again: each time it says what runs, soon after.
func TestStatusIsKept(t *testing.T) {
	for name, open := range backends() {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			b.configure(t, enabled())
			start(t, controller.Options{Store: b.store})
			written := func() bool { return b.statusOf(t).RunningConfig != nil }
			await(t, "the status is not written", written)
			want := b.statusOf(t)
			for i := range 5 {
				b.overwriteStatus(t, fmt.Sprint(i))
				await(t, "the status stays overwritten", func() bool { return cmp.Equal(want, b.statusOf(t)) })
			}
		})
	}
}

// overwriteStatus writes another status, as another controller would.
func (b *backend) overwriteStatus(t *testing.T, text string) {
	t.Helper()
	await(t, "the status cannot be overwritten", func() bool {
		o, err := b.store.Get(t.Context(), resources.KubeControllersConfiguration.Key(v3.DefaultName))
		if err != nil {
			t.Fatal(err)
		}
		kcc := o.(*v3.KubeControllersConfiguration)
		kcc.Status.RunningConfig.LogSeverityScreen = "Fatal"
		kcc.Status.EnvironmentVars = map[string]string{"LOG_LEVEL": text}
		_, err = datastore.UpdateStatus(t.Context(), b.store, kcc)
		return err == nil
	})
}

// TestFinalizers has an automatic endpoint that somebody's finalizer keeps when it is deleted: its node has a problem
// until it is gone, and then it is made again. That is a repair if somebody else deleted it, and none if the
// controller did.
func TestFinalizers(t *testing.T) {
	b := backends()["kubernetes-v1"](t)
	const path = "/apis/crd.projectcalico.org/v1/hostendpoints/held-auto-hep"
	finalizers := func(list string) {
		t.Helper()
		b.kube.Do(t, http.MethodPatch, path, []byte(`{"metadata": {"finalizers": `+list+`}}`))
	}
	b.configure(t, enabled())
	b.addNode(t, kubeNode("held", 1))
	r := start(t, controller.Options{Store: b.store})
	awaitInStep(t, b.store, environment(t, nil))
	uid := func() string {
		all := b.endpoints(t)
		if len(all) != 1 || all[0].DeletionTimestamp != nil {
			return ""
		}
		return string(all[0].UID)
	}
	const about = `Node "held": host endpoint "held-auto-hep" is being deleted`
	for what, test := range map[string]struct {
		remove func()
		repair bool
	}{
		"somebody else": {func() { b.kube.Do(t, http.MethodDelete, path, nil) }, true},
		"the controller": {func() {
			off := enabled()
			off.Controllers.Node.HostEndpoint.AutoCreate = v3.Disabled
			b.configure(t, off)
			await(t, "the endpoint is not deleted", func() bool { return uid() == "" })
			b.configure(t, enabled())
		}, false},
	} {
		before, repaired := uid(), strings.Count(r.log.String(), "msg=repaired")
		finalizers(`["calicoctl.test/hold"]`)
		test.remove()
		reader := openKubernetes(t, b.kube, "crd.projectcalico.org/v1")
		await(t, "the status does not tell that it is being deleted", func() bool { return cmp.Equal([]string{about}, problemsIn(t, reader)) })
		await(t, "no event tells of it", func() bool { return b.hasEvent(t, "held", "HostEndpointProblem", about) })
		finalizers(`null`)
		await(t, "it is not made again when it is gone", func() bool { return uid() != "" && uid() != before })
		awaitInStep(t, b.store, environment(t, nil))
		if got := strings.Count(r.log.String(), "msg=repaired") > repaired; got != test.repair {
			t.Errorf("deleted by %s, it is a repair: %v", what, got)
		}
		_ = reader.Close()
	}
}
