package datastore

import (
	"context"
	"fmt"
	"time"

	"github.com/edfb3db0/calicoctl/resources"
)

// task is what a verb wants of one object.
type task struct {
	key resources.Key
	// decide says what to do, given the object as it is stored: nil if there is none.
	// With Created or Configured next is the object to write, otherwise the one that
	// is there. It is called again when somebody else was faster.
	decide func(stored resources.Object) (next resources.Object, done Action, err error)
}

// batch carries out tasks: it reads what they are about, decides, and writes what differs. What is
// planned and not yet written counts as stored for the tasks after it.
type batch struct {
	store    Store
	dryRun   bool
	together bool
	known    Known
	progress func()

	results []Result
	// stored is what was read and what is planned; nil for an object that is not there.
	stored map[resources.Key]resources.Object
	// unread holds why objects could not be read, and absent what was said of those that are not there.
	unread, absent map[resources.Key]error
	// changes are the planned writes, and waiting the tasks whose results depend on each.
	changes map[resources.Key]Change
	waiting map[resources.Key][]int
	// order lists the keys of changes in the order of the tasks.
	order []resources.Key
}

func newBatch(s Store, tasks int, known Known, progress func()) *batch {
	if known == nil {
		known = func(*resources.Kind) ([]resources.Object, bool) { return nil, false }
	}
	if progress == nil {
		progress = func() {}
	}
	return &batch{
		store: s, known: known, progress: progress, results: make([]Result, tasks),
		stored: map[resources.Key]resources.Object{}, unread: map[resources.Key]error{}, absent: map[resources.Key]error{},
	}
}

// Conflicts are retried this often, waiting twice as long each time.
const (
	conflictTries = 6
	conflictWait  = 20 * time.Millisecond
)

// run gives one result for each task, in their order. An error is one that ends the whole command;
// the results tell how far it came.
func (b *batch) run(ctx context.Context, tasks []task) ([]Result, error) {
	for i, t := range tasks {
		b.results[i].Key = t.key
	}
	if err := b.readAll(ctx, tasks); err != nil {
		return b.results, b.fail(&NotBegunError{err})
	}
	again := neededFirst(tasks)
	wait := conflictWait
	for try := 1; ; try++ {
		if err := b.plan(ctx, tasks, again); err != nil {
			if try == 1 {
				err = &NotBegunError{err}
			}
			return b.results, b.fail(b.failWaiting(b.order, err))
		}
		lost, err := b.write(ctx)
		if err != nil || len(lost) == 0 {
			return b.results, err
		}
		if try == conflictTries {
			b.giveUp(lost, try)
			return b.results, nil
		}
		select {
		case <-ctx.Done():
			return b.results, ctx.Err()
		case <-time.After(wait):
		}
		wait *= 2
		again = lost
		if err := b.readAgain(ctx, tasks, lost); err != nil {
			return b.results, err
		}
	}
}

// fail makes err the outcome of every task that has none.
func (b *batch) fail(err error) error {
	for i := range b.results {
		if r := &b.results[i]; r.Err == nil && r.Object == nil {
			r.Err = err
		}
	}
	return err
}

func (b *batch) giveUp(lost []int, tries int) {
	for _, i := range lost {
		b.results[i].Err = fmt.Errorf("gave up after %d tries: %w", tries, b.results[i].Err)
	}
}

// neededFirst orders the indices of tasks: first those about kinds that need nothing.
func neededFirst(tasks []task) []int {
	var first, rest []int
	for i, t := range tasks {
		if t.key.Kind.Needs.Kind == "" {
			first = append(first, i)
		} else {
			rest = append(rest, i)
		}
	}
	return append(first, rest...)
}

// plan decides about the tasks of the given indices and collects the changes to make.
func (b *batch) plan(ctx context.Context, tasks []task, indices []int) error {
	b.changes, b.waiting, b.order = map[resources.Key]Change{}, map[resources.Key][]int{}, nil
	for _, i := range indices {
		r := Result{Key: tasks[i].key}
		r.Err = b.unread[r.Key]
		if r.Err == nil {
			r.Object, r.Action, r.Err = tasks[i].decide(b.stored[r.Key])
		}
		_, planned := b.changes[r.Key]
		switch writes := r.Action == Created || r.Action == Configured; {
		case r.Err == nil && writes:
			r.Err = b.checkNeeds(ctx, r.Key, r.Object)
			if aborts(r.Err) {
				return r.Err
			}
			if r.Err == nil {
				b.add(i, r)
			}
		case r.Err == nil && planned: // the object is as it should be if that change is made
			b.waiting[r.Key] = append(b.waiting[r.Key], i)
			b.progress()
		}
		if r.Err != nil {
			r.Object, r.Action = nil, ""
		}
		b.results[i] = r
		if _, later := b.changes[r.Key]; !later {
			b.progress()
		}
	}
	return nil
}

// add plans to write the object of r.
func (b *batch) add(i int, r Result) {
	change, again := b.changes[r.Key]
	switch {
	case again:
		b.progress() // two tasks in one change
	case r.Action == Created:
		change = Change{Op: ChangeCreate, Key: r.Key}
	default:
		change = Change{Op: ChangeUpdate, Key: r.Key}
	}
	if !again {
		b.order = append(b.order, r.Key)
	}
	change.Object = r.Object
	b.changes[r.Key] = change
	b.waiting[r.Key] = append(b.waiting[r.Key], i)
	b.stored[r.Key] = r.Object
}

// checkNeeds makes sure that the object which o needs is there or planned.
func (b *batch) checkNeeds(ctx context.Context, key resources.Key, o resources.Object) error {
	needed, ok := needOf(key, o)
	if !ok {
		return nil
	}
	if err := b.read(ctx, needed); err != nil {
		return err
	}
	if b.stored[needed] != nil || b.unread[needed] != nil {
		return b.unread[needed]
	}
	if said := b.absent[needed]; said != nil {
		return said
	}
	return ErrorOf("get", needed, ErrNotFound, "")
}

// needOf is what o, an object of key, needs.
func needOf(key resources.Key, o resources.Object) (needed resources.Key, ok bool) {
	link := key.Kind.Needs
	if link.Kind == "" || link.Name(o) == "" {
		return resources.Key{}, false
	}
	kind, _ := resources.ByName(link.Kind)
	return kind.Key(link.Name(o)), true
}
