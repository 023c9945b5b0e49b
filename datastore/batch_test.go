package datastore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// refusing is a store that the user may read alone.
type refusing struct{ datastore.Store }

func (refusing) Create(_ context.Context, o resources.Object) (resources.Object, error) {
	key, _ := resources.KeyOf(o)
	return nil, datastore.ErrorOf("create", key, datastore.ErrUnauthorized, "")
}

func (refusing) List(_ context.Context, kind *resources.Kind) (*resources.List, error) {
	return nil, datastore.ErrorOf("list", kind.Key(""), datastore.ErrUnauthorized, "")
}

// TestRepeatedObject: an object that is in the input twice is not reported as done when its one write failed.
func TestRepeatedObject(t *testing.T) {
	got := write(t, refusing{open(t)}, datastore.Apply, tier("a", 1), tier("a", 1), tier("a", 2))
	why := "connection is unauthorized: Tier(a)"
	if diff := cmp.Diff([]string{why, why, why}, got); diff != "" {
		t.Error(diff)
	}
}

// TestWithoutTheRightToList: many objects may be written by somebody who may not list them.
func TestWithoutTheRightToList(t *testing.T) {
	s := open(t)
	var objects []resources.Object
	var want []string
	for i := range 40 {
		o := tier("t"+string(rune('a'+i%26))+string(rune('a'+i/26)), 1)
		objects = append(objects, o)
		want = append(want, "Tier("+o.Name+") created")
	}
	if diff := cmp.Diff(want, write(t, listless{s}, datastore.Apply, objects...)); diff != "" {
		t.Error(diff)
	}
}

// listless is a store that the user may not list.
type listless struct{ datastore.Store }

func (listless) List(ctx context.Context, kind *resources.Kind) (*resources.List, error) {
	return refusing{}.List(ctx, kind)
}

// overtaking is a store in which another writer is always faster with one object.
type overtaking struct{ datastore.Store }

func (o overtaking) WriteAll(context.Context, []datastore.Change, func()) []datastore.Outcome {
	return nil // this test writes together
}

func (o overtaking) CanWriteTogether([]datastore.Change) error { return nil }

func (o overtaking) WriteTogether(_ context.Context, changes []datastore.Change) ([]datastore.Outcome, error) {
	outcomes := make([]datastore.Outcome, len(changes))
	outcomes[0].Err = datastore.ErrorOf("create", changes[0].Key, datastore.ErrExists, "")
	return outcomes, outcomes[0].Err
}

// TestOvertakenTogether: when all or nothing is given up, no object passes for written.
func TestOvertakenTogether(t *testing.T) {
	results, err := datastore.Write(t.Context(), overtaking{open(t)}, datastore.Apply,
		[]resources.Object{tier("a", 1), tier("b", 1)}, datastore.WriteOptions{Together: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"gave up after 6 tries: resource already exists: Tier(a)",
		"gave up after 6 tries: update conflict: Tier(b): another object of this command was changed meanwhile, and all are written or none",
	}
	if diff := cmp.Diff(want, outcome(results)); diff != "" {
		t.Error(diff)
	}
}

// away is a store that is not there.
type away struct{ datastore.Store }

func (away) Get(_ context.Context, key resources.Key) (resources.Object, error) {
	return nil, datastore.ErrorOf("get", key, datastore.ErrUnavailable, "")
}

// TestNotBegun: an error before the first write says so.
func TestNotBegun(t *testing.T) {
	_, err := datastore.Write(t.Context(), away{open(t)}, datastore.Apply, []resources.Object{tier("a", 1)}, datastore.WriteOptions{})
	if _, ok := errors.AsType[*datastore.NotBegunError](err); !ok || !errors.Is(err, datastore.ErrUnavailable) {
		t.Errorf("%v of %T", err, err)
	}
}
