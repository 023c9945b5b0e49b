package controller_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// TestUnreadNode spoils a node while a controller works: it is counted and told of, nobody tries to delete its endpoint,
// and when the node goes the endpoint goes too.
func TestUnreadNode(t *testing.T) {
	e := cluster.StartEtcd(t)
	client := etcdClient(t, e)
	b := newBackend(t, openEtcd(t, e), nil)
	b.configure(t, enabled())
	port := cluster.FreePort(t)
	b.edit(t, resources.KubeControllersConfiguration.Key(v3.DefaultName), func(o resources.Object) resources.Object {
		o.(*v3.KubeControllersConfiguration).Spec.PrometheusMetricsPort = &port
		return o
	})
	for i := range 2 {
		b.addNode(t, kubeNode(fmt.Sprintf("u-%d", i), i))
	}
	spoil := func() {
		t.Helper()
		if _, err := client.Put(t.Context(), "/calico/resources/v3/projectcalico.org/nodes/u-1", `{"kind":"No`); err != nil {
			t.Fatal(err)
		}
	}
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	told := func() bool {
		return fetch(t, base+"/readyz") == "working, but node \"u-1\" cannot be understood\n" &&
			metric(t, base, `calicoctl_autohep_nodes{state="problem"}`) == "1"
	}
	r, _ := startWithHealth(t, openEtcd(t, e))
	awaitInStep(t, openEtcd(t, e), environment(t, nil))
	spoil()
	await(t, "nobody tells of the node", told)
	r.stop()
	r, ready := startWithHealth(t, openEtcd(t, e))
	await(t, "nobody tells of it when a controller starts", told)
	got := map[string]string{}
	for _, name := range []string{`nodes{state="all"}`, `nodes{state="unprotected"}`, `errors_total{reason="invalid"}`, `queue_depth{state="retrying"}`} {
		got[name] = metric(t, base, "calicoctl_autohep_"+name)
	}
	want := map[string]string{
		`nodes{state="all"}`: "2", `nodes{state="unprotected"}`: "0", `errors_total{reason="invalid"}`: "1", `queue_depth{state="retrying"}`: "0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(b.endpoints(t)) != 2 || strings.Contains(r.log.String(), "delete HostEndpoint") {
		t.Error("the endpoint is not left alone")
	}
	if _, err := client.Delete(t.Context(), "/calico/resources/v3/projectcalico.org/nodes/u-1"); err != nil {
		t.Fatal(err)
	}
	await(t, "the endpoint of a node that is gone stays", func() bool {
		_, err := b.store.Get(t.Context(), resources.HostEndpoint.Key("u-1-auto-hep"))
		return errors.Is(err, datastore.ErrNotFound) && ready() == "working\n"
	})
}
