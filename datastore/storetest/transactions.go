package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

var transactions = []test{
	{"KeepsEverything", txKeepsEverything},
	{"KeepsNothingAfterAnError", txKeepsNothingAfterAnError},
	{"KeepsNothingAfterAPanic", txKeepsNothingAfterAPanic},
	{"KeepsNothingAfterCancellation", txKeepsNothingAfterCancellation},
	{"SeesItsOwnWrites", txSeesItsOwnWrites},
	{"IsUnseenBeforeItsEnd", txIsUnseenBeforeItsEnd},
	{"SurvivesRefusedWrites", txSurvivesRefusedWrites},
	{"Watched", txWatched},
	{"Nested", txNested},
	{"OffersNoWatch", txOffersNoWatch},
	{"TakesTurns", txTakesTurns},
	{"IsOverAfterwards", txIsOverAfterwards},
}

var errOnPurpose = errors.New("on purpose")

func (f *fixture) atomically(fn func(tx datastore.Store)) {
	f.Helper()
	err := f.atomic().Atomically(f.ctx, func(tx datastore.Store) error {
		fn(tx)
		return nil
	})
	if err != nil {
		f.Fatalf("Atomically: %v", err)
	}
}

// mixed creates, updates and deletes, on top of one existing object each.
func (f *fixture) mixed(tx datastore.Store) (want []resources.Object) {
	f.Helper()
	created := f.create(tx, f.set("created", "10.0.0.0/8"))
	old := f.get(tx, f.key("updated")).(*v3.GlobalNetworkSet)
	old.Spec.Nets = []string{"11.0.0.0/8"}
	updated := f.update(tx, old)
	f.delete(tx, f.key("deleted"))
	return []resources.Object{created, updated}
}

// before makes the objects that mixed wants.
func (f *fixture) before() (want []resources.Object) {
	f.Helper()
	return []resources.Object{f.create(f.store, f.set("deleted")), f.create(f.store, f.set("updated"))}
}

func txKeepsEverything(f *fixture) {
	f.before()
	var want []resources.Object
	f.atomically(func(tx datastore.Store) { want = f.mixed(tx) })
	own, _ := f.list(f.store, resources.GlobalNetworkSet)
	f.same("what is there", want, own)
}

func txKeepsNothingAfterAnError(f *fixture) {
	want := f.before()
	_, start := f.list(f.store, resources.GlobalNetworkSet)
	err := f.atomic().Atomically(f.ctx, func(tx datastore.Store) error {
		f.mixed(tx)
		return errOnPurpose
	})
	if err != errOnPurpose { //nolint:errorlint // it must be that very error
		f.Errorf("Atomically gives %v, want %v", err, errOnPurpose)
	}
	own, _ := f.list(f.store, resources.GlobalNetworkSet)
	f.same("what is there", want, own)
	after := f.create(f.store, f.set("created"))
	f.expect(f.watch(f.ctx, resources.GlobalNetworkSet, start), []datastore.Event{{Type: datastore.Put, Object: after}})
}

func txKeepsNothingAfterAPanic(f *fixture) {
	want := f.before()
	func() {
		defer func() {
			if r, ok := recover().(error); !ok || !errors.Is(r, errOnPurpose) {
				f.Errorf("recovered %v, want %v", r, errOnPurpose)
			}
		}()
		_ = f.atomic().Atomically(f.ctx, func(tx datastore.Store) error {
			f.mixed(tx)
			panic(errOnPurpose)
		})
	}()
	own, _ := f.list(f.store, resources.GlobalNetworkSet)
	f.same("what is there", want, own)
	f.create(f.store, f.set("created")) // the store still works
}

func txKeepsNothingAfterCancellation(f *fixture) {
	want := f.before()
	ctx, cancel := context.WithCancel(f.ctx)
	err := f.atomic().Atomically(ctx, func(tx datastore.Store) error {
		f.mixed(tx)
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		f.Errorf("Atomically gives %v, want %v", err, context.Canceled)
	}
	own, _ := f.list(f.store, resources.GlobalNetworkSet)
	f.same("what is there", want, own)
	f.create(f.store, f.set("created"))
}

func txSeesItsOwnWrites(f *fixture) {
	f.before()
	f.atomically(func(tx datastore.Store) {
		want := f.mixed(tx)
		own, _ := f.list(tx, resources.GlobalNetworkSet)
		f.same("list", want, own)
		f.same("get", want[0], f.get(tx, f.key("created")))
		_, err := tx.Get(f.ctx, f.key("deleted"))
		f.fails("Get of a deleted object", err, datastore.ErrNotFound, f.key("deleted"))
		f.update(tx, want[1])
	})
}

func txIsUnseenBeforeItsEnd(f *fixture) {
	f.atomically(func(tx datastore.Store) {
		f.create(tx, f.set("a"))
		// A store may let others wait instead of showing them what was before.
		ctx, cancel := context.WithTimeout(f.ctx, soon)
		defer cancel()
		seen := make(chan error)
		go func() {
			_, err := f.store.Get(ctx, f.key("a"))
			seen <- err
		}()
		if err := <-seen; !errors.Is(err, datastore.ErrNotFound) && !errors.Is(err, context.DeadlineExceeded) {
			f.Errorf("Get from outside gives error %v, want %v", err, datastore.ErrNotFound)
		}
	})
	f.get(f.store, f.key("a"))
}

func txSurvivesRefusedWrites(f *fixture) {
	existing := f.create(f.store, f.set("existing", "10.0.0.0/8"))
	f.atomically(func(tx datastore.Store) {
		f.create(tx, f.set("first"))
		_, err := tx.Create(f.ctx, f.set("existing"))
		f.fails("Create", err, datastore.ErrExists, f.key("existing"))
		_, err = tx.Update(f.ctx, f.set("existing"))
		f.fails("Update without a resource version", err, datastore.ErrInvalid, f.key("existing"))
		f.fails("Delete", tx.Delete(f.ctx, f.key("none"), ""), datastore.ErrNotFound, f.key("none"))
		old := copyOf(existing)
		existing.(*v3.GlobalNetworkSet).Spec.Nets = nil
		existing = f.update(tx, existing)
		_, err = tx.Update(f.ctx, old)
		f.fails("Update of an old revision", err, datastore.ErrConflict, f.key("existing"))
		f.create(tx, f.set("last"))
	})
	own, _ := f.list(f.store, resources.GlobalNetworkSet)
	f.same("what is there", []string{f.prefix + "existing", f.prefix + "first", f.prefix + "last"}, names(own))
	f.same("what was updated", existing, f.get(f.store, f.key("existing")))
}

func txWatched(f *fixture) {
	f.before()
	_, start := f.list(f.store, resources.GlobalNetworkSet)
	w := f.watch(f.ctx, resources.GlobalNetworkSet, start)
	deleted := f.get(f.store, f.key("deleted"))
	var want []resources.Object
	f.atomically(func(tx datastore.Store) { want = f.mixed(tx) })
	f.expect(w, []datastore.Event{
		{Type: datastore.Put, Object: want[0]},
		{Type: datastore.Put, Object: want[1]},
		{Type: datastore.Gone, Object: deleted},
	})
}

func txNested(f *fixture) {
	err := f.atomic().Atomically(f.ctx, func(tx datastore.Store) error {
		f.create(tx, f.set("outer"))
		return tx.(datastore.Atomic).Atomically(f.ctx, func(inner datastore.Store) error {
			f.get(inner, f.key("outer"))
			f.create(inner, f.set("inner"))
			return errOnPurpose
		})
	})
	if !errors.Is(err, errOnPurpose) {
		f.Errorf("Atomically gives %v, want %v", err, errOnPurpose)
	}
	own, _ := f.list(f.store, resources.GlobalNetworkSet)
	f.same("what is there", []string(nil), names(own))
}

func txOffersNoWatch(f *fixture) {
	f.atomically(func(tx datastore.Store) {
		_, version := f.list(tx, resources.GlobalNetworkSet)
		if _, err := tx.Watch(f.ctx, resources.GlobalNetworkSet, version); !errors.Is(err, datastore.ErrUnsupported) {
			f.Errorf("Watch gives error %v, want %v", err, datastore.ErrUnsupported)
		}
		if err := tx.Close(); err != nil {
			f.Errorf("Close: %v", err)
		}
		f.create(tx, f.set("after-close"))
	})
	f.get(f.store, f.key("after-close"))
}

func txTakesTurns(f *fixture) {
	start := f.set("a")
	start.Labels = map[string]string{"count": "0"}
	f.create(f.store, start)
	won, lost := race(func(int) error {
		return f.atomic().Atomically(f.ctx, func(tx datastore.Store) error {
			time.Sleep(time.Millisecond)
			return f.increment(tx, f.key("a"))
		})
	})
	f.same("transactions", writers, won)
	f.same("errors", []error(nil), lost)
	f.same("count", "32", f.get(f.store, f.key("a")).GetLabels()["count"])
}

func txIsOverAfterwards(f *fixture) {
	var leaked datastore.Store
	f.atomically(func(tx datastore.Store) { leaked = tx })
	if _, err := leaked.Create(f.ctx, f.set("late")); err == nil {
		f.Error("a transaction takes writes after its end")
	}
	_, err := f.store.Get(f.ctx, f.key("late"))
	f.fails("Get", err, datastore.ErrNotFound, f.key("late"))
}
