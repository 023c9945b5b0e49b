package autohep

import (
	"context"
	"errors"
	"fmt"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Result is what carrying out a plan came to.
type Result struct {
	// Created, Updated and Deleted count the endpoints written.
	Created, Updated, Deleted int
	// Problems are those of the plan.
	Problems []Problem
}

// Reconcile makes the automatic endpoints of a datastore right. New ones are written
// before stale ones are deleted, and a node keeps its stale ones while one that it needs
// cannot be written. An endpoint that somebody else has changed since it was read is left
// alone.
//
// An endpoint that cannot be written does not keep the others from being: the error
// joins one "create HostEndpoint(name): cause" for each, and the result counts the rest.
// Only if the datastore itself fails, or ctx ends, are the rest not tried. Deleting what
// is gone already is no error.
func Reconcile(ctx context.Context, store datastore.Store, config Config) (Result, error) {
	nodes, err := list[*v3.Node](ctx, store, resources.Node)
	if err != nil {
		return Result{}, err
	}
	existing, err := list[*v3.HostEndpoint](ctx, store, resources.HostEndpoint)
	if err != nil {
		return Result{}, err
	}
	changes, problems := Plan(nodes, existing, config)
	result, err := CarryOut(ctx, store, changes)
	result.Problems = problems
	return result, err
}

// CarryOut writes changes, in the way that Reconcile says. The result has no problems.
func CarryOut(ctx context.Context, store datastore.Store, changes Changes) (Result, error) {
	var result Result
	steps := []struct {
		op    datastore.ChangeOp
		what  []*v3.HostEndpoint
		count *int
		write func(*v3.HostEndpoint) error
	}{
		{datastore.ChangeCreate, changes.Create, &result.Created, func(h *v3.HostEndpoint) error {
			_, err := store.Create(ctx, h)
			return err
		}},
		{datastore.ChangeUpdate, changes.Update, &result.Updated, func(h *v3.HostEndpoint) error {
			_, err := store.Update(ctx, h)
			return err
		}},
		{datastore.ChangeDelete, changes.Delete, &result.Deleted, func(h *v3.HostEndpoint) error {
			return store.Delete(ctx, resources.HostEndpoint.Key(h.Name), h.ResourceVersion)
		}},
	}
	var failures Failures
	for _, step := range steps {
		for _, h := range step.what {
			if step.op == datastore.ChangeDelete && !failures.MayDelete(h) {
				continue
			}
			err := step.write(h)
			if err == nil {
				*step.count++
			}
			if failures.Add(step.op, h, err) && !onlyThatOne(err) {
				return result, failures.Err()
			}
		}
	}
	return result, failures.Err()
}

// onlyThatOne tells whether a failed write says nothing about the next one.
func onlyThatOne(err error) bool {
	for _, target := range []error{
		datastore.ErrExists, datastore.ErrConflict, datastore.ErrNotFound, datastore.ErrInvalid,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// list reads all objects of a kind, whose type is T.
func list[T resources.Object](ctx context.Context, store datastore.Store, kind *resources.Kind) ([]T, error) {
	read, err := store.List(ctx, kind)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", kind.Plural, err)
	}
	items := make([]T, 0, len(read.Items))
	for _, item := range read.Items {
		o, ok := item.(T)
		if !ok {
			return nil, fmt.Errorf("list %s: %w: the datastore gave %T", kind.Plural, datastore.ErrInvalid, item)
		}
		items = append(items, o)
	}
	return items, nil
}
