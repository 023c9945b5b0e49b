package datastore_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/local"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// TestOverlay makes the same random calls on an overlay and on a real store with the same objects: all answers are
// the same, and the store below the overlay stays what it was.
func TestOverlay(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		base, twin := memory(t), memory(t)
		names := []string{"a", "b", "c", "d"}
		for _, name := range names[:2] {
			mustCreate(t, base, name, "before")
			mustCreate(t, twin, name, "before")
		}
		before := listed(t, base)
		overlay := datastore.NewOverlay(base)
		if rapid.Bool().Draw(r, "list first") {
			listed(t, overlay)
		}
		for range rapid.IntRange(1, 12).Draw(r, "calls") {
			name := rapid.SampledFrom(names).Draw(r, "name")
			call := rapid.SampledFrom([]string{"get", "create", "update", "stale", "versionless", "delete", "delete stale", "list"}).Draw(r, "call")
			net := fmt.Sprintf("10.0.0.%d/32", rapid.IntRange(0, 9).Draw(r, "net"))
			want, got := called(t, twin, call, name, net), called(t, overlay, call, name, net)
			if diff := cmp.Diff(want, got); diff != "" {
				r.Fatalf("%s %s: -store +overlay:\n%s", call, name, diff)
			}
		}
		if diff := cmp.Diff(listed(t, twin), listed(t, overlay)); diff != "" {
			r.Fatalf("-store +overlay:\n%s", diff)
		}
		if diff := cmp.Diff(before, listed(t, base)); diff != "" {
			r.Fatalf("the store below has changed:\n%s", diff)
		}
	})
}

func memory(t *testing.T) datastore.Store {
	t.Helper()
	s, err := local.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func networkSet(name, version string, nets ...string) *v3.GlobalNetworkSet {
	o := resources.GlobalNetworkSet.New().(*v3.GlobalNetworkSet)
	o.Name, o.ResourceVersion, o.Spec.Nets = name, version, nets
	return o
}

func mustCreate(t *testing.T, s datastore.Store, name, label string) {
	t.Helper()
	o := networkSet(name, "", "192.168.0.0/16")
	o.Labels = map[string]string{"when": label}
	if _, err := s.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// listed are names, labels and networks of all sets.
func listed(t *testing.T, s datastore.Store) (all []string) {
	t.Helper()
	list, err := s.List(t.Context(), resources.GlobalNetworkSet)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list.Items {
		all = append(all, shown(o))
	}
	return all
}

func shown(o resources.Object) string {
	set := o.(*v3.GlobalNetworkSet)
	return fmt.Sprint(set.Kind, set.Name, set.Labels, set.Spec.Nets, set.UID != "", set.ResourceVersion != "", set.CreationTimestamp.IsZero())
}

// called makes a call and says what came of it.
func called(t *testing.T, s datastore.Store, call, name, net string) string {
	ctx := context.WithoutCancel(t.Context())
	key := resources.GlobalNetworkSet.Key(name)
	version := "stale"
	if stored, err := s.Get(ctx, key); err == nil && call != "stale" && call != "delete stale" {
		version = stored.GetResourceVersion()
	}
	var o resources.Object
	var err error
	switch call {
	case "get":
		o, err = s.Get(ctx, key)
	case "create":
		o, err = s.Create(ctx, networkSet(name, "", net))
	case "update", "stale":
		o, err = s.Update(ctx, networkSet(name, version, net))
	case "versionless":
		o, err = s.Update(ctx, networkSet(name, "", net))
	case "delete", "delete stale":
		err = s.Delete(ctx, key, version)
	case "list":
		return fmt.Sprint(listed(t, s))
	}
	for _, known := range []error{datastore.ErrNotFound, datastore.ErrExists, datastore.ErrConflict, datastore.ErrInvalid} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if err != nil || o == nil {
		return fmt.Sprint(err)
	}
	return shown(o)
}

// completingStore is a Store that completes objects with an annotation.
type completingStore struct{ datastore.Store }

func (completingStore) Complete(stored, next resources.Object) (resources.Object, []datastore.Ignored, error) {
	completed := next.DeepCopyObject().(resources.Object)
	completed.SetAnnotations(map[string]string{"completed": "yes"})
	return completed, []datastore.Ignored{{Field: "spec.x", Why: "others write it"}}, nil
}

// TestWriteCompletes writes and compares objects as the store completes them, through an overlay as well.
func TestWriteCompletes(t *testing.T) {
	overlay := datastore.NewOverlay(completingStore{memory(t)})
	set := resources.GlobalNetworkSet.New()
	set.SetName("s")
	for _, want := range []datastore.Action{datastore.Created, datastore.Unchanged} {
		results, err := datastore.Write(t.Context(), overlay, datastore.Apply, []resources.Object{set}, datastore.WriteOptions{})
		if err != nil || results[0].Err != nil {
			t.Fatal(err, results[0].Err)
		}
		got := datastore.Result{Action: results[0].Action, Ignored: results[0].Ignored}
		if diff := cmp.Diff(datastore.Result{Action: want, Ignored: []datastore.Ignored{{Field: "spec.x", Why: "others write it"}}}, got); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[string]string{"completed": "yes"}, results[0].Object.GetAnnotations()); diff != "" {
			t.Error(diff)
		}
	}
}
