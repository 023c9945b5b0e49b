package storetest

import (
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

var versions = []test{
	{"EveryWriteGetsAnother", everyWriteGetsAnother},
	{"UpdateNeedsCurrent", updateNeedsCurrent},
	{"UpdateNeedsAny", updateNeedsAny},
	{"DeleteTakesCurrent", deleteTakesCurrent},
	{"OtherObjectsDoNotMatter", otherObjectsDoNotMatter},
}

func everyWriteGetsAnother(f *fixture) {
	o := f.create(f.store, f.set("a"))
	seen := map[string]bool{o.GetResourceVersion(): true}
	for _, net := range []string{"10.0.0.0/8", "11.0.0.0/8", "12.0.0.0/8"} {
		o.(*v3.GlobalNetworkSet).Spec.Nets = []string{net}
		o = f.update(f.store, o)
		if seen[o.GetResourceVersion()] {
			f.Errorf("resource version %s comes twice", o.GetResourceVersion())
		}
		seen[o.GetResourceVersion()] = true
		f.same("resource version read", o.GetResourceVersion(), f.get(f.store, f.key("a")).GetResourceVersion())
	}
}

func updateNeedsCurrent(f *fixture) {
	first := f.create(f.store, f.set("a", "10.0.0.0/8"))
	next := copyOf(first).(*v3.GlobalNetworkSet)
	next.Spec.Nets = []string{"11.0.0.0/8"}
	second := f.update(f.store, next)

	late := copyOf(first).(*v3.GlobalNetworkSet)
	late.Spec.Nets = []string{"12.0.0.0/8"}
	_, err := f.store.Update(f.ctx, late)
	f.fails("Update of an old revision", err, datastore.ErrConflict, f.key("a"))
	f.same("what is read", second, f.get(f.store, f.key("a")))
}

func updateNeedsAny(f *fixture) {
	first := f.create(f.store, f.set("a", "10.0.0.0/8"))
	_, err := f.store.Update(f.ctx, f.set("a", "11.0.0.0/8"))
	f.fails("Update without a resource version", err, datastore.ErrInvalid, f.key("a"))
	f.same("what is read", first, f.get(f.store, f.key("a")))
}

func deleteTakesCurrent(f *fixture) {
	first := f.create(f.store, f.set("a", "10.0.0.0/8"))
	next := copyOf(first).(*v3.GlobalNetworkSet)
	next.Spec.Nets = []string{"11.0.0.0/8"}
	second := f.update(f.store, next)

	err := f.store.Delete(f.ctx, f.key("a"), first.GetResourceVersion())
	f.fails("Delete of an old revision", err, datastore.ErrConflict, f.key("a"))
	f.same("what is read", second, f.get(f.store, f.key("a")))

	if err := f.store.Delete(f.ctx, f.key("a"), second.GetResourceVersion()); err != nil {
		f.Errorf("Delete of the current revision: %v", err)
	}
	err = f.store.Delete(f.ctx, f.key("a"), second.GetResourceVersion())
	f.fails("Delete of what is gone", err, datastore.ErrNotFound, f.key("a"))
}

func otherObjectsDoNotMatter(f *fixture) {
	a := f.create(f.store, f.set("a", "10.0.0.0/8"))
	f.create(f.store, f.set("b"))
	f.same("resource version", a.GetResourceVersion(), f.get(f.store, f.key("a")).GetResourceVersion())
	own, _ := f.list(f.store, resources.GlobalNetworkSet)
	f.same("resource version in a list", a.GetResourceVersion(), own[0].GetResourceVersion())
	a.(*v3.GlobalNetworkSet).Spec.Nets = nil
	f.update(f.store, a)
}
