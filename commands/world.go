package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// worldKinds are the kinds that decide what becomes of traffic.
var worldKinds = []*resources.Kind{
	resources.HostEndpoint, resources.GlobalNetworkPolicy, resources.Tier, resources.Profile, resources.GlobalNetworkSet,
	resources.FelixConfiguration, resources.Node, resources.KubeControllersConfiguration,
}

// world is all objects that decide what becomes of traffic. Objects in it are not changed.
type world struct {
	objects map[resources.Key]resources.Object
	// items are where those come from that a manifest has.
	items map[resources.Key]manifest.Item
	// networkSets are the sets of namespaces, which no manifest has.
	networkSets []*policy.NetworkSet
	// workloads are networks in which an address may be a pod's.
	workloads []netip.Prefix
}

func newWorld() *world {
	return &world{objects: map[resources.Key]resources.Object{}, items: map[resources.Key]manifest.Item{}}
}

// readWorld reads a datastore.
func readWorld(ctx context.Context, d *Deps, store datastore.Store) (*world, error) {
	return readKinds(ctx, d, store, worldKinds)
}

// readKinds reads some kinds, all at once, and the network sets of namespaces.
func readKinds(ctx context.Context, d *Deps, store datastore.Store, kinds []*resources.Kind) (*world, error) {
	lists := make([]*resources.List, len(kinds))
	errs := make([]error, len(kinds))
	var wait sync.WaitGroup
	for i, kind := range kinds {
		wait.Go(func() { lists[i], errs[i] = store.List(ctx, kind) })
	}
	sets, err := store.List(ctx, resources.NetworkSet)
	wait.Wait()
	if err := joined(errs); err != nil {
		return nil, err
	}
	w := newWorld()
	switch {
	case err == nil:
		w.putSets(sets.Items)
	case errors.Is(err, datastore.ErrNotFound): // a cluster without this kind
	case errors.Is(err, datastore.ErrUnauthorized):
		d.warn("the NetworkSets of namespaces cannot be read; what a selector of a rule means may be more than is told: " + err.Error())
	default:
		return nil, err
	}
	for _, list := range lists {
		for _, o := range list.Items {
			w.put(o)
		}
	}
	return w, nil
}

// putSets takes the network sets of namespaces.
func (w *world) putSets(items []resources.Object) {
	for _, o := range items {
		if set, ok := o.(*v3.GlobalNetworkSet); ok {
			w.networkSets = append(w.networkSets, &policy.NetworkSet{ObjectMeta: set.ObjectMeta, Spec: set.Spec})
		}
	}
}

// joined is the first of errs, and all that say what the user may not do: who grants one right wants to know the next.
func joined(errs []error) error {
	var forbidden []error
	for _, err := range errs {
		switch {
		case errors.Is(err, datastore.ErrUnauthorized):
			forbidden = append(forbidden, err)
		case err != nil:
			return err
		}
	}
	return errors.Join(forbidden...)
}

func (w *world) put(o resources.Object) {
	if key, ok := resources.KeyOf(o); ok {
		w.objects[key] = o
	}
}

// with is the world with the objects of manifests in it. The last one counts.
func (w *world) with(items []manifest.Item) *world {
	next := &world{objects: maps.Clone(w.objects), items: maps.Clone(w.items), workloads: w.workloads, networkSets: w.networkSets}
	for _, item := range items {
		next.put(item.Object)
		next.items[item.Kind.Key(item.Object.GetName())] = item
	}
	return next
}

// autoCreates tells what the controller is asked to do.
func (w *world) autoCreates() (config autohep.Config, enabled bool) {
	o, ok := w.objects[resources.KubeControllersConfiguration.Key(v3.DefaultName)].(*v3.KubeControllersConfiguration)
	if !ok {
		return autohep.Config{}, false
	}
	config = autohep.ConfigFrom(o)
	return config, config.AutoCreate
}

// inStep is the world as it is when the controller has made its automatic host endpoints. Those of a world in which
// it is switched off stay as they are, unless it was on before: then it removes them.
func (w *world) inStep(wasEnabled bool) *world {
	config, enabled := w.autoCreates()
	if !enabled && !wasEnabled {
		return w
	}
	changes, _ := autohep.Plan(ofKind[*v3.Node](w, resources.Node), ofKind[*v3.HostEndpoint](w, resources.HostEndpoint), config)
	next := &world{objects: maps.Clone(w.objects), items: w.items, workloads: w.workloads, networkSets: w.networkSets}
	for _, h := range changes.Delete {
		delete(next.objects, resources.HostEndpoint.Key(h.Name))
	}
	for _, h := range slices.Concat(changes.Create, changes.Update) {
		next.put(h)
	}
	return next
}

// ofKind are the objects of one kind, by name.
func ofKind[T resources.Object](w *world, kind *resources.Kind) []T {
	var all []T
	for key, o := range w.objects {
		if t, ok := o.(T); ok && key.Kind == kind {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b T) int { return strings.Compare(a.GetName(), b.GetName()) })
	return all
}

// snapshot is the world for the policy engine.
func (w *world) snapshot() policy.Snapshot {
	return policy.Snapshot{
		HostEndpoints:         ofKind[*v3.HostEndpoint](w, resources.HostEndpoint),
		GlobalNetworkPolicies: w.policies(),
		Tiers:                 ofKind[*v3.Tier](w, resources.Tier),
		Profiles:              ofKind[*v3.Profile](w, resources.Profile),
		GlobalNetworkSets:     ofKind[*v3.GlobalNetworkSet](w, resources.GlobalNetworkSet),
		FelixConfigurations:   ofKind[*v3.FelixConfiguration](w, resources.FelixConfiguration),
		Nodes:                 ofKind[*v3.Node](w, resources.Node),
		NetworkSets:           w.networkSets,
		Workloads:             w.workloads,
	}
}

// policies are as agents take them: one that is stored without types, as kubectl can, governs both
// directions. Those of manifests have their types by now.
func (w *world) policies() []*v3.GlobalNetworkPolicy {
	all := ofKind[*v3.GlobalNetworkPolicy](w, resources.GlobalNetworkPolicy)
	for i, p := range all {
		if len(p.Spec.Types) == 0 {
			all[i] = p.DeepCopy()
			all[i].Spec.Types = policy.StoredTypes()
		}
	}
	return all
}

// engine makes an engine for a world, whose work an interrupt ends.
func (d *Deps) engine(ctx context.Context, w *world) *policy.Engine {
	return policy.NewWithin(policy.Limit{Steps: d.EngineSteps, Stop: ctx.Err}, w.snapshot())
}

// cannotTell is an error where an engine could not work out what it was asked.
func cannotTell(e *policy.Engine) error {
	if err := e.Err(); err != nil {
		return fmt.Errorf("what becomes of traffic cannot be told: %w", err)
	}
	return nil
}

// where says where an object or a field of it is written: "FILE:LINE:COLUMN" of a manifest, or nothing.
func (w *world) where(o resources.Object, field string) string {
	if o == nil {
		return ""
	}
	key, _ := resources.KeyOf(o)
	item, ok := w.items[key]
	if !ok {
		return ""
	}
	return item.Mistake(field, "").Position.String()
}
