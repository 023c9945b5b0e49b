package datastore

import (
	"context"
	"errors"
	"slices"

	"github.com/edfb3db0/calicoctl/resources"
)

// write makes the planned changes. lost are the tasks to decide anew, since somebody else
// changed their objects meanwhile.
func (b *batch) write(ctx context.Context) (lost []int, err error) {
	if b.together {
		return b.writeTogether(ctx)
	}
	if b.dryRun {
		return nil, nil
	}
	var first, rest []resources.Key
	for _, key := range b.order {
		if _, needs := needOf(key, b.changes[key].Object); needs {
			rest = append(rest, key)
		} else {
			first = append(first, key)
		}
	}
	lost, err = b.writeKeys(ctx, first)
	if err != nil {
		return lost, b.failWaiting(rest, err)
	}
	ready, later := b.withNeeds(rest)
	more, err := b.writeKeys(ctx, ready)
	return slices.Concat(lost, later, more), err
}

// withNeeds leaves out the changes of objects whose needed object could not be written.
// lost are tasks to decide anew, since that object will be tried again.
func (b *batch) withNeeds(keys []resources.Key) (ready []resources.Key, lost []int) {
	for _, key := range keys {
		needed, _ := needOf(key, b.changes[key].Object)
		var err error
		if tasks := b.waiting[needed]; len(tasks) > 0 {
			err = b.results[tasks[0]].Err
		}
		switch {
		case err == nil:
			ready = append(ready, key)
		case overtaken(b.changes[needed].Op, err):
			lost = append(lost, b.waiting[key]...)
			fallthrough
		default:
			_ = b.failWaiting([]resources.Key{key}, ErrorOf("get", needed, ErrNotFound, "it could not be written, see there"))
		}
	}
	return ready, lost
}

func (b *batch) failWaiting(keys []resources.Key, err error) error {
	for _, key := range keys {
		b.settle(key, Outcome{Err: err})
	}
	return err
}

func (b *batch) writeKeys(ctx context.Context, keys []resources.Key) (lost []int, err error) {
	changes := make([]Change, len(keys))
	for i, key := range keys {
		changes[i] = b.changes[key]
	}
	for i, outcome := range writeAll(ctx, b.store, changes, b.progress) {
		b.settle(keys[i], outcome)
		switch {
		case overtaken(changes[i].Op, outcome.Err):
			lost = append(lost, b.waiting[keys[i]]...)
		case err == nil && aborts(outcome.Err):
			err = outcome.Err
		}
	}
	return lost, err
}

// settle gives the tasks that wait for a change its outcome.
func (b *batch) settle(key resources.Key, outcome Outcome) {
	for _, i := range b.waiting[key] {
		r := &b.results[i]
		r.Object, r.Err = outcome.Object, outcome.Err
		if r.Err != nil {
			r.Action = ""
		}
	}
	b.stored[key] = outcome.Object
}

func (b *batch) writeTogether(ctx context.Context) (lost []int, err error) {
	if len(Failed(b.results)) > 0 || len(b.order) == 0 {
		return nil, nil // one that fails is reason enough to write none
	}
	bulk, ok := b.store.(Bulk)
	switch {
	case !ok && b.dryRun:
		return nil, nil
	case !ok:
		return b.writeKeys(ctx, b.order) // in a transaction of the caller
	}
	changes := make([]Change, len(b.order))
	for i, key := range b.order {
		changes[i] = b.changes[key]
	}
	if b.dryRun {
		if err := bulk.CanWriteTogether(changes); err != nil {
			return nil, b.failWaiting(b.order, err)
		}
		return nil, nil
	}
	outcomes, err := bulk.WriteTogether(ctx, changes)
	switch overtook := b.settleTogether(changes, outcomes, err); {
	case err == nil:
		return nil, nil
	case overtook:
		return b.allLost(changes), nil
	case len(Failed(b.results)) > 0:
		return nil, nil
	}
	return nil, b.failWaiting(b.order, err)
}

// settleTogether keeps the outcomes of a transaction: all of them, or those that were the reason of err. It tells
// whether somebody else was faster with one of the objects.
func (b *batch) settleTogether(changes []Change, outcomes []Outcome, err error) (overtook bool) {
	for i, key := range b.order {
		if i < len(outcomes) && (err == nil || outcomes[i].Err != nil) {
			b.settle(key, outcomes[i])
			overtook = overtook || overtaken(changes[i].Op, outcomes[i].Err)
		}
	}
	return overtook
}

// allLost are all tasks with a change. Those that were not the reason have failed as well.
func (b *batch) allLost(changes []Change) (lost []int) {
	for i, key := range b.order {
		if b.results[b.waiting[key][0]].Err == nil {
			b.settle(key, Outcome{Err: ErrorOf(string(changes[i].Op), key, ErrConflict,
				"another object of this command was changed meanwhile, and all are written or none")})
		}
		lost = append(lost, b.waiting[key]...)
	}
	return lost
}

// overtaken tells whether a change failed since somebody else has changed the object.
func overtaken(op ChangeOp, err error) bool {
	return errors.Is(err, ErrConflict) ||
		op == ChangeCreate && errors.Is(err, ErrExists) || op == ChangeUpdate && errors.Is(err, ErrNotFound)
}

// writeAll makes changes, all at once where the store can do that.
func writeAll(ctx context.Context, s Store, changes []Change, progress func()) []Outcome {
	if bulk, ok := s.(Bulk); ok && len(changes) > 1 {
		return bulk.WriteAll(ctx, changes, progress)
	}
	outcomes := make([]Outcome, len(changes))
	var ended error
	for i, c := range changes {
		if ended != nil {
			outcomes[i].Err = ended
			continue
		}
		outcomes[i] = writeOne(ctx, s, c)
		if aborts(outcomes[i].Err) {
			ended = outcomes[i].Err
		}
		progress()
	}
	return outcomes
}

func writeOne(ctx context.Context, s Store, c Change) (o Outcome) {
	switch c.Op {
	case ChangeCreate:
		o.Object, o.Err = s.Create(ctx, c.Object)
	case ChangeUpdate:
		o.Object, o.Err = s.Update(ctx, c.Object)
	case ChangeDelete:
		o.Err = s.Delete(ctx, c.Key, c.ResourceVersion)
	}
	return o
}
