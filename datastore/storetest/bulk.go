package storetest

import (
	"errors"
	"fmt"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

var bulks = []test{
	{"WriteAllMakesEveryChange", writeAllMakesEveryChange},
	{"WriteAllFailsOneByOne", writeAllFailsOneByOne},
	{"WriteAllOfMany", writeAllOfMany},
	{"WriteTogetherIsAllOrNothing", writeTogetherIsAllOrNothing},
}

// bulk is the store, in tests that run on such stores only.
func (f *fixture) bulk() datastore.Bulk { return f.store.(datastore.Bulk) }

func (f *fixture) creation(name string, nets ...string) datastore.Change {
	return datastore.Change{Op: datastore.ChangeCreate, Key: f.key(name), Object: f.set(name, nets...)}
}

func writeAllMakesEveryChange(f *fixture) {
	old := f.create(f.store, f.set("old", "10.0.0.0/8"))
	f.create(f.store, f.set("gone"))
	next := copyOf(old).(*v3.GlobalNetworkSet)
	next.Spec.Nets = []string{"11.0.0.0/8"}
	steps := 0
	outcomes := f.bulk().WriteAll(f.ctx, []datastore.Change{
		f.creation("new", "12.0.0.0/8"),
		{Op: datastore.ChangeUpdate, Key: f.key("old"), Object: next},
		{Op: datastore.ChangeDelete, Key: f.key("gone")},
	}, func() { steps++ })
	for i, o := range outcomes {
		if o.Err != nil {
			f.Fatalf("change %d: %v", i, o.Err)
		}
	}
	f.same("steps", 3, steps)
	f.same("the created object", f.get(f.store, f.key("new")), outcomes[0].Object)
	f.same("the updated object", f.get(f.store, f.key("old")), outcomes[1].Object)
	f.same("what was updated", ownPart(next), ownPart(outcomes[1].Object))
	_, err := f.store.Get(f.ctx, f.key("gone"))
	f.fails("Get of what was deleted", err, datastore.ErrNotFound, f.key("gone"))
}

func writeAllFailsOneByOne(f *fixture) {
	first := f.create(f.store, f.set("a"))
	second := f.update(f.store, func() resources.Object {
		o := copyOf(first).(*v3.GlobalNetworkSet)
		o.Spec.Nets = []string{"10.0.0.0/8"}
		return o
	}())
	outcomes := f.bulk().WriteAll(f.ctx, []datastore.Change{
		f.creation("b"),
		{Op: datastore.ChangeUpdate, Key: f.key("a"), Object: first},
		{Op: datastore.ChangeDelete, Key: f.key("none")},
		{Op: datastore.ChangeCreate, Key: f.key("a2"), Object: f.set("a2")},
	}, nil)
	f.fails("an update of an old revision", outcomes[1].Err, datastore.ErrConflict, f.key("a"))
	f.fails("a deletion of what is not there", outcomes[2].Err, datastore.ErrNotFound, f.key("none"))
	again := f.bulk().WriteAll(f.ctx, []datastore.Change{f.creation("b"), f.creation("c")}, nil)
	f.fails("a creation of what is there", again[0].Err, datastore.ErrExists, f.key("b"))
	f.same("what has changed meanwhile", second, f.get(f.store, f.key("a")))
	own, _ := f.list(f.store, resources.GlobalNetworkSet)
	f.same("what is there", []string{f.prefix + "a", f.prefix + "a2", f.prefix + "b", f.prefix + "c"}, names(own))
}

func writeAllOfMany(f *fixture) {
	const many = 300 // more than any one transaction takes
	f.create(f.store, f.set("n007"))
	changes := make([]datastore.Change, many)
	for i := range changes {
		changes[i] = f.creation(fmt.Sprintf("n%03d", i))
	}
	for i, o := range f.bulk().WriteAll(f.ctx, changes, nil) {
		switch {
		case i == 7:
			f.fails("the one that exists", o.Err, datastore.ErrExists, changes[i].Key)
		case o.Err != nil:
			f.Errorf("%s: %v", changes[i].Key, o.Err)
		case o.Object.GetName() != changes[i].Key.Name:
			f.Errorf("the outcome of %s is about %s", changes[i].Key, o.Object.GetName())
		}
	}
	own, _ := f.list(f.store, resources.GlobalNetworkSet)
	f.same("how many are there", many, len(own))
}

func writeTogetherIsAllOrNothing(f *fixture) {
	f.create(f.store, f.set("there"))
	_, err := f.bulk().WriteTogether(f.ctx, []datastore.Change{f.creation("a"), f.creation("b")})
	if errors.Is(err, datastore.ErrUnsupported) {
		own, _ := f.list(f.store, resources.GlobalNetworkSet)
		f.same("what is there", []string{f.prefix + "there"}, names(own))
		return
	}
	if err != nil {
		f.Fatal(err)
	}
	outcomes, err := f.bulk().WriteTogether(f.ctx, []datastore.Change{f.creation("c"), f.creation("there"), f.creation("d")})
	f.fails("writing together with what exists", err, datastore.ErrExists, f.key("there"))
	f.fails("its outcome", outcomes[1].Err, datastore.ErrExists, f.key("there"))
	own, _ := f.list(f.store, resources.GlobalNetworkSet)
	f.same("what is there", []string{f.prefix + "a", f.prefix + "b", f.prefix + "there"}, names(own))

	tooMany := make([]datastore.Change, 129)
	for i := range tooMany {
		tooMany[i] = f.creation(fmt.Sprintf("n%03d", i))
	}
	if _, err = f.bulk().WriteTogether(f.ctx, tooMany); !errors.Is(err, datastore.ErrUnsupported) {
		f.Errorf("writing %d together: %v", len(tooMany), err)
	}
}
