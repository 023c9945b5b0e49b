package storetest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

var watches = []test{
	{"SeesEverything", watchSeesEverything},
	{"StartsAfterItsRevision", watchStartsAfterItsRevision},
	{"GoesOnFromAnEvent", watchGoesOnFromAnEvent},
	{"WaitsForWrites", watchWaitsForWrites},
	{"SeesOneKind", watchSeesOneKind},
	{"SharesNothing", watchSharesNothing},
	{"EndsWithItsContext", watchEndsWithItsContext},
	{"EndsWithTheContextOfNext", watchEndsWithTheContextOfNext},
	{"EndsWithClose", watchEndsWithClose},
}

// soon is a delay in which a test that goes wrong would get what it must not.
const soon = 150 * time.Millisecond

func (f *fixture) watch(ctx context.Context, kind *resources.Kind, resourceVersion string) datastore.Watcher {
	f.Helper()
	w, err := f.store.Watch(ctx, kind, resourceVersion)
	if err != nil {
		f.Fatalf("Watch %s from %s: %v", kind.Name, resourceVersion, err)
	}
	f.Cleanup(func() { _ = w.Close() })
	return w
}

// next waits for the next event about an object of this test.
func (f *fixture) next(w datastore.Watcher) datastore.Event {
	f.Helper()
	for {
		e, err := w.Next(f.ctx)
		if err != nil {
			f.Fatalf("Next: %v", err)
		}
		if strings.HasPrefix(e.Object.GetName(), f.prefix) {
			return e
		}
	}
}

// history writes for a while and gives the events that are to be seen.
func (f *fixture) history() []datastore.Event {
	f.Helper()
	a := f.create(f.store, f.set("a", "10.0.0.0/8"))
	b := f.create(f.store, f.set("b"))
	next := copyOf(a).(*v3.GlobalNetworkSet)
	next.Spec.Nets = []string{"11.0.0.0/8"}
	a2 := f.update(f.store, next)
	f.delete(f.store, f.key("b"))
	b2 := f.create(f.store, f.set("b", "12.0.0.0/8"))
	f.delete(f.store, f.key("a"))
	return []datastore.Event{
		{Type: datastore.Put, Object: a},
		{Type: datastore.Put, Object: b},
		{Type: datastore.Put, Object: a2},
		{Type: datastore.Gone, Object: b},
		{Type: datastore.Put, Object: b2},
		{Type: datastore.Gone, Object: a2},
	}
}

// expect compares what a watch delivers with want, whose deletions have revisions that
// only the watch knows. It gives all revisions.
func (f *fixture) expect(w datastore.Watcher, want []datastore.Event) (revisions []string) {
	f.Helper()
	for i, e := range want {
		got := f.next(w)
		at := got.Object.GetResourceVersion()
		revisions = append(revisions, at)
		if e.Type == datastore.Gone {
			if at == "" || at == e.Object.GetResourceVersion() {
				f.Errorf("event %d: the resource version of a deletion is %q, that of the object was %q",
					i, at, e.Object.GetResourceVersion())
			}
			e.Object = copyOf(e.Object)
			e.Object.SetResourceVersion(at)
		}
		f.same("event", e, got)
	}
	return revisions
}

func watchSeesEverything(f *fixture) {
	_, start := f.list(f.store, resources.GlobalNetworkSet)
	want := f.history()
	f.expect(f.watch(f.ctx, resources.GlobalNetworkSet, start), want)
}

func watchStartsAfterItsRevision(f *fixture) {
	f.create(f.store, f.set("before"))
	_, start := f.list(f.store, resources.GlobalNetworkSet)
	w := f.watch(f.ctx, resources.GlobalNetworkSet, start)
	after := f.create(f.store, f.set("after"))
	f.expect(w, []datastore.Event{{Type: datastore.Put, Object: after}})
}

func watchGoesOnFromAnEvent(f *fixture) {
	_, start := f.list(f.store, resources.GlobalNetworkSet)
	want := f.history()
	revisions := f.expect(f.watch(f.ctx, resources.GlobalNetworkSet, start), want)
	for i, revision := range revisions {
		f.expect(f.watch(f.ctx, resources.GlobalNetworkSet, revision), want[i+1:])
	}
}

func watchWaitsForWrites(f *fixture) {
	_, start := f.list(f.store, resources.GlobalNetworkSet)
	w := f.watch(f.ctx, resources.GlobalNetworkSet, start)
	written := make(chan error, 1)
	go func() {
		time.Sleep(soon)
		_, err := f.store.Create(f.ctx, f.set("a"))
		written <- err
	}()
	got := f.next(w)
	if err := <-written; err != nil {
		f.Fatalf("Create: %v", err)
	}
	f.same("event", datastore.Event{Type: datastore.Put, Object: f.get(f.store, f.key("a"))}, got)
}

func watchSeesOneKind(f *fixture) {
	_, start := f.list(f.store, resources.GlobalNetworkSet)
	w := f.watch(f.ctx, resources.GlobalNetworkSet, start)
	tier := resources.Tier.New().(*v3.Tier)
	order, action := 5.0, v3.Pass
	tier.Name, tier.Spec = f.prefix+"a", v3.TierSpec{Order: &order, DefaultAction: &action}
	f.create(f.store, tier)
	set := f.create(f.store, f.set("a"))
	f.expect(w, []datastore.Event{{Type: datastore.Put, Object: set}})
}

func watchSharesNothing(f *fixture) {
	_, start := f.list(f.store, resources.GlobalNetworkSet)
	first, second := f.watch(f.ctx, resources.GlobalNetworkSet, start), f.watch(f.ctx, resources.GlobalNetworkSet, start)
	created := f.create(f.store, f.set("a", "10.0.0.0/8"))
	want := copyOf(created)
	f.next(first).Object.SetLabels(nil)
	f.expect(second, []datastore.Event{{Type: datastore.Put, Object: want}})
	f.same("what is read", want, f.get(f.store, f.key("a")))
}

func watchEndsWithItsContext(f *fixture) {
	_, start := f.list(f.store, resources.GlobalNetworkSet)
	ctx, cancel := context.WithCancel(f.ctx)
	w := f.watch(ctx, resources.GlobalNetworkSet, start)
	time.AfterFunc(soon, cancel)
	f.ends(f.ctx, w, context.Canceled)
}

func watchEndsWithTheContextOfNext(f *fixture) {
	_, start := f.list(f.store, resources.GlobalNetworkSet)
	w := f.watch(f.ctx, resources.GlobalNetworkSet, start)
	ctx, cancel := context.WithTimeout(f.ctx, soon)
	defer cancel()
	f.ends(ctx, w, context.DeadlineExceeded)
}

// ends checks that a watch ends with an error, if other objects do not keep it alive.
func (f *fixture) ends(ctx context.Context, w datastore.Watcher, want error) {
	f.Helper()
	var err error
	for err == nil {
		_, err = w.Next(ctx)
	}
	if !errors.Is(err, want) {
		f.Errorf("the watch ended with %v, want %v", err, want)
	}
}

func watchEndsWithClose(f *fixture) {
	_, start := f.list(f.store, resources.GlobalNetworkSet)
	w := f.watch(f.ctx, resources.GlobalNetworkSet, start)
	time.AfterFunc(soon, func() { _ = w.Close() })
	var err error
	for err == nil {
		_, err = w.Next(f.ctx)
	}
	if f.ctx.Err() != nil {
		f.Error("the watch did not end")
	}
	if err := w.Close(); err != nil {
		f.Errorf("Close again: %v", err)
	}
}
