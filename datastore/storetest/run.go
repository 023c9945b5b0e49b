package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// patience bounds each test. Nothing in a test that passes waits for it.
const patience = 60 * time.Second

// Run runs the suite. open gives a working Store for one test, which closes it; the
// Store may be full of other objects, and all of them may lie in one place.
func Run(t *testing.T, open func(t *testing.T) datastore.Store) {
	for _, group := range [][]test{basics, versions, lists, watches, crowds} {
		runGroup(t, open, group)
	}
	runGroup(t, func(t *testing.T) datastore.Store {
		s := open(t)
		if _, ok := s.(datastore.Atomic); !ok {
			t.Skip("the store is not a datastore.Atomic")
		}
		return s
	}, transactions)
	runGroup(t, func(t *testing.T) datastore.Store {
		s := open(t)
		if _, ok := s.(datastore.Bulk); !ok {
			t.Skip("the store is not a datastore.Bulk")
		}
		return s
	}, bulks)
}

type test struct {
	name string
	run  func(*fixture)
}

func runGroup(t *testing.T, open func(t *testing.T) datastore.Store, group []test) {
	for _, test := range group {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			store := open(t)
			defer func() {
				if err := store.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}()
			test.run(&fixture{T: t, ctx: ctx, store: store, prefix: "t" + uuid.NewString()[:8] + "-"})
		})
	}
}

// fixture is what one test works with.
type fixture struct {
	*testing.T
	ctx   context.Context
	store datastore.Store
	// prefix starts the names of this test's objects.
	prefix string
}

// atomic is the store, in tests that run on such stores only.
func (f *fixture) atomic() datastore.Atomic { return f.store.(datastore.Atomic) }

// set makes a network set to write.
func (f *fixture) set(name string, nets ...string) *v3.GlobalNetworkSet {
	o := resources.GlobalNetworkSet.New().(*v3.GlobalNetworkSet)
	o.Name = f.prefix + name
	o.Labels = map[string]string{"suite": f.prefix + "x"}
	o.Spec.Nets = nets
	return o
}

// key names a network set of this test.
func (f *fixture) key(name string) resources.Key {
	return resources.GlobalNetworkSet.Key(f.prefix + name)
}

func (f *fixture) create(s datastore.Store, o resources.Object) resources.Object {
	f.Helper()
	out, err := s.Create(f.ctx, o)
	if err != nil {
		f.Fatalf("Create %s: %v", o.GetName(), err)
	}
	return out
}

func (f *fixture) update(s datastore.Store, o resources.Object) resources.Object {
	f.Helper()
	out, err := s.Update(f.ctx, o)
	if err != nil {
		f.Fatalf("Update %s: %v", o.GetName(), err)
	}
	return out
}

func (f *fixture) get(s datastore.Store, key resources.Key) resources.Object {
	f.Helper()
	out, err := s.Get(f.ctx, key)
	if err != nil {
		f.Fatalf("Get %s: %v", key, err)
	}
	return out
}

func (f *fixture) delete(s datastore.Store, key resources.Key) {
	f.Helper()
	if err := s.Delete(f.ctx, key, ""); err != nil {
		f.Fatalf("Delete %s: %v", key, err)
	}
}

// list reads a kind and gives those objects that belong to this test.
func (f *fixture) list(s datastore.Store, kind *resources.Kind) (own []resources.Object, resourceVersion string) {
	f.Helper()
	list, err := s.List(f.ctx, kind)
	if err != nil {
		f.Fatalf("List %s: %v", kind.Name, err)
	}
	for _, o := range list.Items {
		if strings.HasPrefix(o.GetName(), f.prefix) {
			own = append(own, o)
		}
	}
	return own, list.ResourceVersion
}

// same compares whole values.
func (f *fixture) same(what string, want, got any) {
	f.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		f.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// fails checks that err is the one kind of error, and names what it is about.
func (f *fixture) fails(what string, err, want error, about resources.Key) {
	f.Helper()
	for _, sentinel := range sentinels() {
		if errors.Is(err, sentinel) != errors.Is(want, sentinel) {
			f.Errorf("%s: got error %v, want %v and no other", what, err, want)
			return
		}
	}
	if !strings.Contains(err.Error(), about.String()) {
		f.Errorf("%s: error %q does not name %s", what, err, about)
	}
}

func sentinels() []error {
	return []error{
		datastore.ErrNotFound, datastore.ErrExists, datastore.ErrConflict, datastore.ErrInvalid,
		datastore.ErrUnsupported, datastore.ErrUnauthorized, datastore.ErrUnavailable, datastore.ErrCompacted,
	}
}

// ownPart copies o without the metadata that datastores set.
func ownPart(o resources.Object) resources.Object {
	o = copyOf(o)
	o.SetUID("")
	o.SetResourceVersion("")
	o.SetGeneration(0)
	o.SetManagedFields(nil)
	o.SetCreationTimestamp(resources.GlobalNetworkSet.New().GetCreationTimestamp())
	return o
}

func copyOf[T resources.Object](o T) T { return o.DeepCopyObject().(T) }

func names(objects []resources.Object) []string {
	var all []string
	for _, o := range objects {
		all = append(all, o.GetName())
	}
	return all
}
