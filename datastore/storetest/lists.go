package storetest

import (
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

var lists = []test{
	{"Form", listForm},
	{"ByName", listByName},
	{"TiersByOrder", listTiersByOrder},
	{"IsWhatGetGives", listIsWhatGetGives},
	{"Large", listLarge},
}

// largeList is more than any server gives in one page.
const largeList = 2_000

func listForm(f *fixture) {
	list, err := f.store.List(f.ctx, resources.StagedGlobalNetworkPolicy)
	if err != nil {
		f.Fatal(err)
	}
	if list.Items == nil {
		f.Error("the items are nil")
	}
	want := resources.StagedGlobalNetworkPolicy.NewList(list.ResourceVersion, list.Items)
	f.same("list", want, list)
	if list.ResourceVersion == "" {
		f.Error("the list has no resource version")
	}
}

func listByName(f *fixture) {
	for _, name := range []string{"b", "a.z", "c", "a", "a-z", "a0", "a10", "a9"} {
		f.create(f.store, f.set(name))
	}
	own, _ := f.list(f.store, resources.GlobalNetworkSet)
	var want []string
	for _, name := range []string{"a", "a-z", "a.z", "a0", "a10", "a9", "b", "c"} {
		want = append(want, f.prefix+name)
	}
	f.same("names", want, names(own))
}

func listTiersByOrder(f *fixture) {
	for name, order := range map[string]float64{"a": 30, "b": 10.5, "c": 10, "d": 30, "e": -1} {
		o := resources.Tier.New().(*v3.Tier)
		action := v3.Pass
		o.Name, o.Spec = f.prefix+name, v3.TierSpec{Order: &order, DefaultAction: &action}
		f.create(f.store, o)
	}
	own, _ := f.list(f.store, resources.Tier)
	var want []string
	for _, name := range []string{"e", "c", "b", "a", "d"} {
		want = append(want, f.prefix+name)
	}
	f.same("names", want, names(own))

	list, err := f.store.List(f.ctx, resources.Tier)
	if err != nil {
		f.Fatal(err)
	}
	if !slices.IsSortedFunc(list.Items, resources.Tier.Compare) {
		f.Errorf("the whole list is out of order: %v", names(list.Items))
	}
}

func listIsWhatGetGives(f *fixture) {
	f.create(f.store, f.set("a", "10.0.0.0/8"))
	b := f.create(f.store, f.set("b"))
	b.SetLabels(map[string]string{"changed": "yes"})
	f.update(f.store, b)
	want := []resources.Object{f.get(f.store, f.key("a")), f.get(f.store, f.key("b"))}
	own, _ := f.list(f.store, resources.GlobalNetworkSet)
	f.same("items", want, own)
}

func listLarge(f *fixture) {
	objects := make([]resources.Object, largeList)
	var want []string
	for i := range objects {
		objects[i] = f.set(fmt.Sprintf("n%04d", i), fmt.Sprintf("10.%d.%d.0/24", i/250, i%250))
		want = append(want, objects[i].GetName())
	}
	f.createAll(objects)
	own, _ := f.list(f.store, resources.GlobalNetworkSet)
	f.same("names", want, names(own))
	for i, o := range own {
		f.same(o.GetName(), objects[i], ownPart(o))
	}
}

// createAll creates many objects the fastest way that the store offers.
func (f *fixture) createAll(objects []resources.Object) {
	f.Helper()
	var group errgroup.Group
	group.SetLimit(16)
	create := func(s datastore.Store) {
		for _, o := range objects {
			group.Go(func() error {
				_, err := s.Create(f.ctx, o)
				return err
			})
		}
	}
	var err error
	if s, ok := f.store.(datastore.Atomic); ok {
		err = s.Atomically(f.ctx, func(tx datastore.Store) error {
			create(tx)
			return group.Wait()
		})
	} else {
		create(f.store)
		err = group.Wait()
	}
	if err != nil {
		f.Fatal(err)
	}
}
