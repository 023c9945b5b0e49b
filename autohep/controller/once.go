package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Reading is a datastore as it was read at once, and what a controller would do.
type Reading struct {
	// Configuration is the object "default"; nil if there is none.
	Configuration *v3.KubeControllersConfiguration
	Settings      Settings
	Nodes         []*v3.Node
	Endpoints     []*v3.HostEndpoint
	// Changes are those that a controller would make. There are none if it is not to work.
	Changes  autohep.Changes
	Problems []autohep.Problem

	// unread are objects that could not be understood, and remarks of others what was left out of them.
	unread  map[resources.Key]error
	remarks map[resources.Key][]string
}

// Read reads everything that a controller reads, and plans. What cannot be understood is a
// problem, and hides nothing else; only the configuration has to be understood.
func Read(ctx context.Context, store datastore.Store, environment *Environment) (*Reading, error) {
	r := &Reading{unread: map[resources.Key]error{}, remarks: map[resources.Key][]string{}}
	var mu sync.Mutex
	if tolerant, ok := store.(datastore.Tolerant); ok {
		tolerant.Tolerate(datastore.Tolerance{
			Understand: understand,
			LeaveOut: func(key resources.Key, err error) bool {
				mu.Lock()
				defer mu.Unlock()
				r.unread[key] = err
				return mayLeaveOut(key)
			},
			Remark: func(key resources.Key, remarks []string) {
				mu.Lock()
				defer mu.Unlock()
				r.remarks[key] = remarks
			},
		})
	}
	err := readAll(ctx, store, resources.KubeControllersConfiguration, func(kcc *v3.KubeControllersConfiguration) {
		if kcc.Name == v3.DefaultName {
			r.Configuration = kcc
		}
	})
	if err != nil {
		return nil, err
	}
	// Endpoints come first: one whose node has gone since is wanted again at worst, and
	// one whose node is new is not taken for stale.
	if err := readAll(ctx, store, resources.HostEndpoint, func(h *v3.HostEndpoint) { r.Endpoints = append(r.Endpoints, h) }); err != nil {
		return nil, err
	}
	if err := readAll(ctx, store, resources.Node, func(n *v3.Node) { r.Nodes = append(r.Nodes, n) }); err != nil {
		return nil, err
	}
	r.Settings = environment.Settings(r.Configuration)
	r.plan()
	return r, nil
}

// UnreadNodes are the names of the nodes that cannot be understood, in order.
func (r *Reading) UnreadNodes() (names []string) {
	for key := range r.unread {
		if key.Kind == resources.Node {
			names = append(names, key.Name)
		}
	}
	slices.Sort(names)
	return names
}

// plan makes the changes and problems of what was read.
func (r *Reading) plan() {
	r.Changes, r.Problems = autohep.Changes{}, nil
	if r.Settings.Active {
		r.Changes, r.Problems = autohep.Plan(r.Nodes, r.Endpoints, r.Settings.Endpoints)
		r.spare()
	}
	r.Problems = append(r.Problems, problemsOf(configurationKey(), r.Settings.problems())...)
	for key, remarks := range r.remarks {
		isNode := key.Kind == resources.Node
		if isNode && !r.Settings.Active || !isNode && mayLeaveOut(key) {
			continue
		}
		r.Problems = append(r.Problems, problemsOf(key, remarks)...)
	}
	slices.SortStableFunc(r.Problems, func(a, b autohep.Problem) int {
		return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Template, b.Template), cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Text, b.Text))
	})
}

// problemsOf are the problems that parts of an object are left out.
func problemsOf(key resources.Key, remarks []string) []autohep.Problem {
	problems := make([]autohep.Problem, len(remarks))
	for i, text := range remarks {
		problems[i].Text = text
		if key.Kind == resources.Node {
			problems[i].Node = key.Name
		} else {
			problems[i].Text = key.String() + ": " + text
		}
	}
	return problems
}

// spare drops changes that only look right because something could not be understood: a node
// that is there, and an endpoint that has its name.
func (r *Reading) spare() {
	is := func(kind *resources.Kind, name string) bool {
		_, ok := r.unread[kind.Key(name)]
		return ok
	}
	r.Changes.Create = slices.DeleteFunc(r.Changes.Create, func(h *v3.HostEndpoint) bool { return is(resources.HostEndpoint, h.Name) })
	if r.Settings.Endpoints.AutoCreate {
		r.Changes.Delete = slices.DeleteFunc(r.Changes.Delete, func(h *v3.HostEndpoint) bool { return is(resources.Node, h.Spec.Node) })
	}
	for key, err := range r.unread {
		r.Problems = append(r.Problems, unreadProblem(key, err))
	}
}

// understand refuses a configuration with a word that says neither that there are to be endpoints nor that there are
// not: to take it for either would make or delete those of all nodes.
func understand(o resources.Object) error {
	kcc, ok := o.(*v3.KubeControllersConfiguration)
	if !ok || kcc.Spec.Controllers.Node == nil || kcc.Spec.Controllers.Node.HostEndpoint == nil {
		return nil
	}
	section := kcc.Spec.Controllers.Node.HostEndpoint
	for _, s := range []struct{ field, word string }{
		{"autoCreate", section.AutoCreate}, {"createDefaultHostEndpoint", section.CreateDefaultHostEndpoint},
	} {
		if s.word != "" && s.word != v3.Enabled && s.word != v3.Disabled {
			return fmt.Errorf("spec.controllers.node.hostEndpoint.%s is %q, which is neither %s nor %s", s.field, s.word, v3.Enabled, v3.Disabled)
		}
	}
	return nil
}

// mayLeaveOut tells whether a controller can go on without an object: without any but the
// configuration that counts, of which nobody can guess what it says.
func mayLeaveOut(key resources.Key) bool { return key != configurationKey() }

// configurationKey is that of the configuration that counts.
func configurationKey() resources.Key {
	return resources.KubeControllersConfiguration.Key(v3.DefaultName)
}

func readAll[T resources.Object](ctx context.Context, store datastore.Store, kind *resources.Kind, take func(T)) error {
	_, err := list(ctx, store, kind, sink[T]{replace: func(all []T) {
		for _, o := range all {
			take(o)
		}
	}}, false)
	if err != nil {
		return fmt.Errorf("list %s: %w", kind.Plural, err)
	}
	return nil
}

// onceTries bounds how often a pass is made while others change the same endpoints.
const onceTries = 5

// Once makes one pass over everything: it brings all endpoints in step, makes the configuration
// if there is none, and has its status say what runs. The error joins what could not be
// written; the result counts the rest.
func Once(ctx context.Context, o Options) (autohep.Result, error) {
	if atomic, ok := o.Store.(datastore.Atomic); ok {
		var result autohep.Result
		err := atomic.Atomically(ctx, func(tx datastore.Store) (err error) {
			result, err = pass(ctx, tx, o)
			return err
		})
		return result, err
	}
	var total autohep.Result
	for try := 1; ; try++ {
		result, err := pass(ctx, o.Store, o)
		total.Created += result.Created
		total.Updated += result.Updated
		total.Deleted += result.Deleted
		total.Problems = result.Problems
		raced := errors.Is(err, datastore.ErrConflict) || errors.Is(err, datastore.ErrExists) || errors.Is(err, datastore.ErrNotFound)
		if err == nil || !raced || try == onceTries {
			return total, err
		}
		if !sleep(ctx, pauseAfter(try)) {
			return total, ctx.Err()
		}
	}
}

func pass(ctx context.Context, store datastore.Store, o Options) (autohep.Result, error) {
	r, err := Read(ctx, store, o.Environment)
	if err != nil {
		return autohep.Result{}, err
	}
	result, err := carryOutAll(ctx, store, r.Changes)
	result.Problems = r.Problems
	if ctx.Err() != nil {
		return result, cmp.Or(err, ctx.Err()) // the status is missing at least
	}
	if datastore.IsAway(err) {
		return result, err
	}
	return result, errors.Join(err, r.settle(ctx, store, o.LeaveStatus))
}

// settle makes the configuration if there is none, and writes its status if that is nobody else's.
func (r *Reading) settle(ctx context.Context, store datastore.Store, leaveStatus bool) error {
	if r.Configuration == nil {
		created, err := store.Create(ctx, resources.NewKubeControllersConfiguration())
		if err != nil {
			return fmt.Errorf("create the configuration: %w", err)
		}
		r.Configuration = created.(*v3.KubeControllersConfiguration)
	}
	if _, apart := store.(datastore.StatusWriter); !apart && len(r.remarks[configurationKey()]) > 0 {
		return nil // what cannot be understood would be lost
	}
	status := r.Settings.status(store)
	if leaveStatus || sameStatus(r.Configuration.Status, status) {
		return nil
	}
	next := r.Configuration.DeepCopy()
	next.Status = status
	if _, err := datastore.UpdateStatus(ctx, store, next); err != nil {
		return fmt.Errorf("write the status of the configuration: %w", err)
	}
	return nil
}

// carryOutAll writes changes as autohep.CarryOut does, many at once where the datastore takes that.
func carryOutAll(ctx context.Context, store datastore.Store, changes autohep.Changes) (autohep.Result, error) {
	bulk, ok := store.(datastore.Bulk)
	if !ok {
		return autohep.CarryOut(ctx, store, changes)
	}
	var result autohep.Result
	var failures autohep.Failures
	write := func(op datastore.ChangeOp, what []*v3.HostEndpoint, count *int) {
		batch := make([]datastore.Change, len(what))
		for i, h := range what {
			batch[i] = datastore.Change{Op: op, Key: resources.HostEndpoint.Key(h.Name), Object: h}
			if op == datastore.ChangeDelete {
				batch[i].Object, batch[i].ResourceVersion = nil, h.ResourceVersion
			}
		}
		for i, outcome := range bulk.WriteAll(ctx, batch, nil) {
			if outcome.Err == nil {
				*count++
			}
			failures.Add(op, what[i], outcome.Err)
		}
	}
	write(datastore.ChangeCreate, changes.Create, &result.Created)
	write(datastore.ChangeUpdate, changes.Update, &result.Updated)
	var stale []*v3.HostEndpoint
	for _, h := range changes.Delete {
		if failures.MayDelete(h) {
			stale = append(stale, h)
		}
	}
	write(datastore.ChangeDelete, stale, &result.Deleted)
	return result, failures.Err()
}
