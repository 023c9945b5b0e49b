package autohep_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/local"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/experiment"
)

// meddler lets somebody else do something right before a write.
type meddler struct {
	datastore.Store
	meddle func(op, name string)
}

func (m meddler) Create(ctx context.Context, o resources.Object) (resources.Object, error) {
	m.meddle("create", o.GetName())
	return m.Store.Create(ctx, o)
}

func (m meddler) Update(ctx context.Context, o resources.Object) (resources.Object, error) {
	m.meddle("update", o.GetName())
	return m.Store.Update(ctx, o)
}

func (m meddler) Delete(ctx context.Context, key resources.Key, resourceVersion string) error {
	m.meddle("delete", key.Name)
	return m.Store.Delete(ctx, key, resourceVersion)
}

func memory(t *testing.T, objects ...resources.Object) datastore.Store {
	t.Helper()
	store, err := local.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	for _, o := range objects {
		put(t, store, o)
	}
	return store
}

func put(t *testing.T, store datastore.Store, o resources.Object) {
	t.Helper()
	if _, err := store.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// edit changes a stored endpoint as another process would.
func edit(t *testing.T, store datastore.Store, name string, change func(*v3.HostEndpoint)) {
	t.Helper()
	o, err := store.Get(t.Context(), resources.HostEndpoint.Key(name))
	if err != nil {
		t.Fatal(err)
	}
	change(o.(*v3.HostEndpoint))
	if _, err := store.Update(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, store datastore.Store, name string) {
	t.Helper()
	if err := store.Delete(t.Context(), resources.HostEndpoint.Key(name), ""); err != nil {
		t.Fatal(err)
	}
}

func stored(t *testing.T, store datastore.Store) map[string]experiment.Content {
	t.Helper()
	read, err := store.List(t.Context(), resources.HostEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	endpoints := make([]*v3.HostEndpoint, 0, len(read.Items))
	for _, o := range read.Items {
		endpoints = append(endpoints, o.(*v3.HostEndpoint))
	}
	return experiment.View(endpoints)
}

func wantStored(t *testing.T, store datastore.Store, want ...*v3.HostEndpoint) {
	t.Helper()
	if diff := cmp.Diff(experiment.View(want), stored(t, store), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("endpoints (-want +stored):\n%s", diff)
	}
}

func TestReconcile(t *testing.T) {
	ctx := t.Context()
	store := memory(t, host("n1", "10.0.0.1"), host("n2"), host("n3", "bad"),
		endpoint("n2-auto-hep", "n2", "eth0"), endpoint("gone-auto-hep", "gone", "*"))
	want := list(endpoint("n1-auto-hep", "n1", "*", "10.0.0.1"), endpoint("n2-auto-hep", "n2", "*"), endpoint("n3-auto-hep", "n3", "*"))

	result, err := autohep.Reconcile(ctx, store, everything())
	if err != nil {
		t.Fatal(err)
	}
	wantProblems(t, list(`Node "n3": spec.addresses[0] is "bad"`), result.Problems)
	result.Problems = nil
	if diff := cmp.Diff(autohep.Result{Created: 2, Updated: 1, Deleted: 1}, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	wantStored(t, store, want...)

	result, err = autohep.Reconcile(ctx, store, everything())
	result.Problems = nil
	if diff := cmp.Diff(autohep.Result{}, result); err != nil || diff != "" {
		t.Errorf("a second time: %v, result (-want +got):\n%s", err, diff)
	}
}

func TestReconcileInsideATransaction(t *testing.T) {
	store, ok := memory(t).(datastore.Atomic)
	if !ok {
		t.Fatal("the embedded store is not atomic")
	}
	undo := errors.New("undo")
	for _, want := range []error{undo, nil} {
		err := store.Atomically(t.Context(), func(tx datastore.Store) error {
			if _, err := tx.Create(t.Context(), host("n1")); err != nil {
				return err
			}
			if _, err := autohep.Reconcile(t.Context(), tx, everything()); err != nil {
				return err
			}
			wantStored(t, tx, endpoint("n1-auto-hep", "n1", "*"))
			return want
		})
		if !errors.Is(err, want) {
			t.Fatalf("error %v, want %v", err, want)
		}
	}
	wantStored(t, store, endpoint("n1-auto-hep", "n1", "*"))
}

// TestReconcileAgainstOthers has other processes write at the worst moment. What they
// did stays, and is one error each; everything else is done.
func TestReconcileAgainstOthers(t *testing.T) {
	store := memory(
		t, host("a1"), host("a2"), host("b1"), host("b2"), host("b3"),
		endpoint("b1-auto-hep", "b1", "eth0"), endpoint("b2-auto-hep", "b2", "eth0"), endpoint("b3-auto-hep", "b3", "eth0"),
		endpoint("c1", "c", "*"), endpoint("c2", "c", "*"), endpoint("c3", "c", "*"))
	byHand := changed(endpoint("a1-auto-hep", "a1", "eth7"), func(h *v3.HostEndpoint) { h.Labels = nil })
	unmarked := func(h *v3.HostEndpoint) { h.Labels = nil }
	meddling := meddler{store, func(op, name string) {
		switch op + " " + name {
		case "create a1-auto-hep":
			put(t, store, byHand)
		case "update b1-auto-hep":
			edit(t, store, name, unmarked)
		case "update b2-auto-hep", "delete c2":
			remove(t, store, name)
		case "delete c1":
			edit(t, store, name, unmarked)
		}
	}}
	result, err := autohep.Reconcile(t.Context(), meddling, everything())
	if diff := cmp.Diff(autohep.Result{Created: 1, Updated: 1, Deleted: 1}, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	for _, want := range []error{datastore.ErrExists, datastore.ErrConflict, datastore.ErrNotFound} {
		if !errors.Is(err, want) {
			t.Errorf("%v is missing from the error", want)
		}
	}
	lines := strings.Split(err.Error(), "\n")
	for i, want := range list("create HostEndpoint(a1-auto-hep): ", "update HostEndpoint(b1-auto-hep): ",
		"update HostEndpoint(b2-auto-hep): ", "delete HostEndpoint(c1): ") {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Errorf("errors %q, want %q at %d", lines, want, i)
		}
	}
	wantStored(t, store, byHand, endpoint("a2-auto-hep", "a2", "*"),
		changed(endpoint("b1-auto-hep", "b1", "eth0"), unmarked), endpoint("b3-auto-hep", "b3", "*"),
		changed(endpoint("c1", "c", "*"), unmarked))
}

func TestReconcileStopsWithItsContext(t *testing.T) {
	store := memory(t, host("n1"), host("n2"), host("n3"))
	ctx, cancel := context.WithCancel(t.Context())
	meddling := meddler{store, func(_, name string) {
		if name == "n2-auto-hep" {
			cancel()
		}
	}}
	result, err := autohep.Reconcile(ctx, meddling, everything())
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "n3-auto-hep") || result.Created != 1 {
		t.Errorf("result %+v, error %v", result, err)
	}
	if _, err := autohep.Reconcile(ctx, store, everything()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v when there is no list", err)
	}
}

// refuser takes no endpoint of this name.
type refuser struct {
	datastore.Store
	name string
}

func (r refuser) Create(ctx context.Context, o resources.Object) (resources.Object, error) {
	if o.GetName() == r.name {
		return nil, datastore.ErrorOf("create", resources.HostEndpoint.Key(r.name), datastore.ErrInvalid, "a webhook refuses it")
	}
	return r.Store.Create(ctx, o)
}

// TestRefusedReplacement has the datastore refuse an endpoint of one node: that node keeps its
// stale one, and another node does not.
func TestRefusedReplacement(t *testing.T) {
	store := memory(t, host("n1"), host("n2"), endpoint("n1-old", "n1", "*"), endpoint("n2-old", "n2", "*"))
	result, err := autohep.Reconcile(t.Context(), refuser{store, "n1-auto-hep"}, everything())
	if !errors.Is(err, datastore.ErrInvalid) {
		t.Errorf("error: %v", err)
	}
	if diff := cmp.Diff(autohep.Result{Created: 1, Deleted: 1}, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	wantStored(t, store, endpoint("n1-old", "n1", "*"), endpoint("n2-auto-hep", "n2", "*"))
}
