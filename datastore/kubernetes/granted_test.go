package kubernetes

import (
	"context"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// TestControllerRefusals names the file that grants what only a controller needs, and a namespace that is missing.
func TestControllerRefusals(t *testing.T) {
	api := servers.APIServer(t)
	nobody := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Nobody), APIGroup: groupV3})
	for verb, err := range map[string]error{
		"create events": nobody.RecordEvent(t.Context(), datastore.ObjectEvent{Key: resources.Node.Key("a")}),
		"get leases.coordination.k8s.io": nobody.Lead(t.Context(), datastore.Election{Namespace: "default", Name: "a", Identity: "b"},
			func(context.Context) { t.Error("nobody leads") }),
	} {
		wants(t, err, datastore.ErrUnauthorized, "it takes the right to "+verb+", which deploy/controller.yaml shows how to grant")
	}
	kcc := resources.NewKubeControllersConfiguration()
	kcc.SetResourceVersion("1")
	kcc.SetUID("u")
	kcc.SetCreationTimestamp(metav1.Now())
	_, err := nobody.UpdateStatus(t.Context(), kcc)
	wants(t, err, datastore.ErrUnauthorized, "update kubecontrollersconfigurations/status.projectcalico.org, which deploy/controller.yaml shows")
	admin := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Admin), APIGroup: groupV3})
	err = admin.Lead(t.Context(), datastore.Election{Namespace: "nosuchns", Name: "a", Identity: "b"}, func(context.Context) { t.Error("leads nowhere") })
	wants(t, err, datastore.ErrNotFound, `create Lease(nosuchns/a): resource does not exist: there is no namespace "nosuchns"`)
}

// TestLeaseInTime has a server not answer: what asks for a lease says how long it waits, which is less than other requests do.
func TestLeaseInTime(t *testing.T) {
	t.Parallel()
	stuck := newServer(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	s := open(t, Config{Endpoint: stuck, APIGroup: groupV3})
	_, err := s.Leader(t.Context(), datastore.Election{Namespace: "default", Name: "a"})
	wants(t, err, datastore.ErrUnavailable, "did not answer within 3s")
	if strings.Contains(err.Error(), "--request-timeout") {
		t.Errorf("another limit is named: %v", err)
	}
}
