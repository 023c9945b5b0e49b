package controller_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// TestMovedEndpoint has somebody else say again and again that an endpoint is another node's: each time it is repaired,
// that is told of once, and nobody's write comes too late.
func TestMovedEndpoint(t *testing.T) {
	b := backends()["etcd"](t)
	b.configure(t, enabled())
	port := cluster.FreePort(t)
	b.edit(t, resources.KubeControllersConfiguration.Key(v3.DefaultName), func(o resources.Object) resources.Object {
		o.(*v3.KubeControllersConfiguration).Spec.PrometheusMetricsPort = &port
		return o
	})
	for i := range 2 {
		b.addNode(t, kubeNode(fmt.Sprintf("moved-%d", i), i))
	}
	r, _ := startWithHealth(t, b.store)
	awaitInStep(t, b.store, environment(t, nil))
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	const times = 15
	for i := range times {
		b.edit(t, resources.HostEndpoint.Key("moved-0-auto-hep"), func(o resources.Object) resources.Object {
			o.(*v3.HostEndpoint).Spec.Node = "moved-1"
			return o
		})
		await(t, "a repair is not told of", func() bool { return strings.Count(r.log.String(), "msg=repaired") > i })
		awaitInStep(t, b.store, environment(t, nil))
	}
	want := map[string]string{"repairs_total": fmt.Sprint(times), "conflicts_total": "0"}
	got := map[string]string{}
	for name := range want {
		got[name] = metric(t, base, "calicoctl_autohep_"+name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
