package controller_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// TestNobodyElected has the election be in a namespace that is missing: /readyz says so, and when it is there the
// controller works.
func TestNobodyElected(t *testing.T) {
	b := backends()["kubernetes-v1"](t)
	b.configure(t, enabled())
	namespace := fmt.Sprintf("not-yet-%d", time.Now().UnixNano()) // none that an earlier run has left
	address := cluster.FreeAddress(t)
	start(t, controller.Options{
		Store: b.store, HealthAddress: address, Election: datastore.Election{Namespace: namespace, Name: "a", Identity: "b"},
	})
	ready := func() string { return fetch(t, "http://"+address+"/readyz") }
	await(t, "/readyz does not say why", func() bool {
		text := ready()
		return strings.HasPrefix(text, "standing by, but this process cannot be elected: ") && strings.Contains(text, fmt.Sprintf("there is no namespace %q", namespace))
	})
	b.kube.Do(t, "POST", "/api/v1/namespaces", fmt.Appendf(nil, `{"metadata": {"name": %q}}`, namespace))
	await(t, "it does not work when the namespace is there", func() bool { return ready() == "working\n" })
}

// TestStoppedWhileElected has a process be stopped when it has been elected and does not know it yet: the lead is free at once.
func TestStoppedWhileElected(t *testing.T) {
	api := servers.APIServer(t)
	s, requests := openCounted(t, api, "kubernetes-v1")
	ctx, stop := context.WithCancel(t.Context())
	taken := false
	requests.answered = func(r *http.Request) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/leases") {
			taken = true
			stop()
			<-r.Context().Done() // nobody waits for the answer any more
		}
	}
	e := datastore.Election{Namespace: "default", Name: fmt.Sprintf("stopped-%d", time.Now().UnixNano()), Identity: "a"}
	elector := s.(datastore.Elector)
	err := elector.Lead(ctx, e, func(context.Context) { t.Error("it leads") })
	leader, failed := elector.Leader(t.Context(), e)
	if !taken || !errors.Is(err, context.Canceled) || failed != nil || leader != "" {
		t.Errorf("taken: %v, %v; then %q leads, %v", taken, err, leader, failed)
	}
}

// TestElectionWithoutServer has the server be away, and come back: /readyz says so of a process that stands by, as long as it
// is so.
func TestElectionWithoutServer(t *testing.T) {
	t.Parallel()
	api := cluster.StartAPIServer(t)
	api.InstallCRDs(t, "crd.projectcalico.org")
	b := newBackend(t, openKubernetes(t, api, "crd.projectcalico.org/v1"), api)
	b.configure(t, enabled())
	address := cluster.FreeAddress(t)
	api.CreateYAML(t, "/apis/coordination.k8s.io/v1/namespaces/default/leases", `{apiVersion: coordination.k8s.io/v1, kind: Lease,
metadata: {name: away}, spec: {holderIdentity: somebody-else, leaseDurationSeconds: 3600}}`)
	start(t, controller.Options{
		Store: b.store, HealthAddress: address, Election: datastore.Election{Namespace: "default", Name: "away", Identity: "b"},
	})
	ready := func() string { return fetch(t, "http://"+address+"/readyz") }
	await(t, "it does not stand by", func() bool { return ready() == "standing by\n" })
	api.Kill()
	await(t, "/readyz does not say why", func() bool {
		return strings.HasPrefix(ready(), "standing by, but this process cannot be elected: get Lease(default/away): datastore is unavailable: ")
	})
	api.Restart(t)
	await(t, "/readyz does not say that it is over", func() bool { return ready() == "standing by\n" })
}
