package commands

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// TestProtectedSince counts the endpoints that protect a node as it should be, and no others.
func TestProtectedSince(t *testing.T) {
	at := time.Unix(1000, 0).UTC()
	node := resources.Node.New().(*v3.Node)
	node.Name, node.Spec.BGP = "n", &v3.NodeBGPSpec{IPv4Address: "10.0.0.1"}
	config := autohep.Config{AutoCreate: true, CreateDefault: true}
	for name, test := range map[string]struct {
		change          func(*v3.HostEndpoint)
		config          autohep.Config
		inStep, protect bool
		deleting        int
	}{
		"as it should be": {func(*v3.HostEndpoint) {}, config, true, true, 0},
		"another label":   {func(h *v3.HostEndpoint) { h.Labels["a"] = "b" }, config, false, true, 0},
		"other addresses": {func(h *v3.HostEndpoint) { h.Spec.ExpectedIPs = nil }, config, false, false, 0},
		"another name":    {func(h *v3.HostEndpoint) { h.Name = "old-auto-hep" }, config, false, false, 0},
		"switched off":    {func(*v3.HostEndpoint) {}, autohep.Config{}, false, false, 0},
		"another mark":    {func(h *v3.HostEndpoint) { h.Labels[v3.LabelCreatedBy] = "me" }, config, false, false, 0},
		"being deleted":   {func(h *v3.HostEndpoint) { h.DeletionTimestamp = &metav1.Time{Time: at} }, config, false, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			planned, _ := autohep.Plan([]*v3.Node{node}, nil, config)
			endpoints := planned.Create
			h := endpoints[0]
			h.CreationTimestamp = metav1.Time{Time: at}
			test.change(h)
			r := &controller.Reading{Nodes: []*v3.Node{node}, Endpoints: endpoints, Settings: controller.Settings{Active: true, Endpoints: test.config}}
			r.Changes, r.Problems = autohep.Plan(r.Nodes, r.Endpoints, test.config)
			got := statusOf(r)
			var since *time.Time
			if test.protect {
				since = &at
			}
			want := []nodeStatus{{Name: "n", InStep: test.inStep, ProtectedSince: since, Endpoints: owned(h), Problems: got.Nodes[0].Problems}}
			if diff := cmp.Diff(want, got.Nodes); diff != "" {
				t.Error(diff)
			}
			if got.InStep != test.inStep || got.Deleting != test.deleting {
				t.Errorf("in step: %v; being deleted: %d", got.InStep, got.Deleting)
			}
		})
	}
}

// owned is the name of an endpoint, if it is automatic.
func owned(h *v3.HostEndpoint) []string {
	if !autohep.Owned(h) {
		return []string{}
	}
	return []string{h.Name}
}
