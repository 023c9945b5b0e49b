package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/lint"
	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// input reads what to look at. Manifests have to be readable, and need not be valid.
func (o *lintOptions) input(ctx context.Context) (*world, lint.Input, error) {
	in := lint.Input{Workloads: o.workloads, Limit: policy.Limit{Steps: o.deps.EngineSteps, Stop: ctx.Err}}
	items, err := o.lintItems(ctx)
	if err != nil {
		return nil, in, err
	}
	store, closeStore, err := o.open(ctx, o.deps, o.global)
	if err != nil {
		return nil, in, err
	}
	defer closeStore()
	broken := leaveOutBroken(store)
	before, err := readKinds(ctx, o.deps, store, append(slices.Clone(worldKinds), resources.StagedGlobalNetworkPolicy))
	if err != nil {
		return nil, in, fmt.Errorf("reading the datastore: %w", err)
	}
	in.Unreadable = broken.sorted()
	after, planned := before, before
	if len(items) > 0 {
		after = before.with(items)
		if o.base == baseNone {
			planned = after
		}
	}
	in.Outgrown = outgrown(planned)
	if len(items) > 0 && o.controlled {
		_, after = inStep(before, after)
	}
	after.workloads, in.NetworkSets = o.workloads, after.networkSets
	for key, object := range after.objects {
		_, written := after.items[key]
		in.Sources = append(in.Sources, lint.Source{Object: object, Stored: !written})
	}
	slices.SortFunc(in.Sources, func(a, b lint.Source) int {
		x, _ := resources.KeyOf(a.Object)
		y, _ := resources.KeyOf(b.Object)
		return strings.Compare(x.String(), y.String())
	})
	return after, in, nil
}

// lintItems are the objects of the manifests, which need not be valid.
func (o *lintOptions) lintItems(ctx context.Context) ([]manifest.Item, error) {
	if len(o.files) == 0 {
		return nil, nil
	}
	g := o.global
	if o.base == baseNone {
		g = nil // no configuration is read
	}
	input, err := o.read(ctx, o.deps, g)
	if errors.Is(err, errNoObjects) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, item := range input.Items {
		if err := notNamespaced(item.Kind, o.namespace); err != nil {
			return nil, err
		}
	}
	o.deps.warnAbout(input.Warnings, nil)
	o.deps.warnOfRepeats(input.Items, true)
	return input.Items, nil
}

// brokenObjects are what a datastore holds and nobody can understand.
type brokenObjects struct {
	lock sync.Mutex
	list []lint.Unreadable
}

// leaveOutBroken has a store leave out what it cannot understand, and tells what that is.
func leaveOutBroken(store datastore.Store) *brokenObjects {
	b := &brokenObjects{}
	tolerant, ok := store.(datastore.Tolerant)
	if !ok {
		return b
	}
	tolerant.Tolerate(datastore.Tolerance{
		LeaveOut: func(key resources.Key, err error) bool {
			b.note(lint.Unreadable{Key: key, Why: datastore.Unreadable(err)})
			return true
		},
		Remark: func(key resources.Key, remarks []string) {
			for _, text := range remarks {
				b.note(lint.Unreadable{Key: key, Why: text, Partly: true})
			}
		},
	})
	return b
}

func (b *brokenObjects) note(u lint.Unreadable) {
	b.lock.Lock()
	defer b.lock.Unlock()
	if !slices.Contains(b.list, u) { // as when a list is begun again
		b.list = append(b.list, u)
	}
}

func (b *brokenObjects) sorted() []lint.Unreadable {
	slices.SortFunc(b.list, func(x, y lint.Unreadable) int { return strings.Compare(x.Key.String()+x.Why, y.Key.String()+y.Why) })
	return b.list
}

// outgrown are the automatic host endpoints of a world that its nodes do not ask for any more as they are.
func outgrown(w *world) []lint.Automatic {
	config, enabled := w.autoCreates()
	if !enabled {
		return nil
	}
	all := ofKind[*v3.HostEndpoint](w, resources.HostEndpoint)
	is := map[string]*v3.HostEndpoint{}
	for _, h := range all {
		is[h.Name] = h
	}
	changes, _ := autohep.Plan(ofKind[*v3.Node](w, resources.Node), all, config)
	var list []lint.Automatic
	for _, h := range changes.Update {
		list = append(list, lint.Automatic{Is: is[h.Name], Should: h})
	}
	for _, h := range changes.Delete {
		list = append(list, lint.Automatic{Is: h})
	}
	return list
}
