package controller_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/datastore"
)

// TestNobodyElected has the election be in a namespace that is missing: /readyz says so, and when it is there the
// controller works.
func TestNobodyElected(t *testing.T) {
	b := backends()["kubernetes-v1"](t)
	b.configure(t, enabled())
	address := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	start(t, controller.Options{
		Store: b.store, HealthAddress: address, Election: datastore.Election{Namespace: "not-yet", Name: "a", Identity: "b"},
	})
	ready := func() string { return fetch(t, "http://"+address+"/readyz") }
	await(t, "/readyz does not say why", func() bool {
		text := ready()
		return strings.HasPrefix(text, "standing by, but this process cannot be elected: ") && strings.Contains(text, `there is no namespace "not-yet"`)
	})
	b.kube.Do(t, "POST", "/api/v1/namespaces", []byte(`{"metadata": {"name": "not-yet"}}`))
	await(t, "it does not work when the namespace is there", func() bool { return ready() == "working\n" })
}
