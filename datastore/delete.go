package datastore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/edfb3db0/calicoctl/resources"
)

// Target is an object to delete.
type Target struct {
	Key resources.Key
	// ResourceVersion must be that of the stored object, unless it is empty.
	ResourceVersion string
}

// DeleteOptions refines DeleteAll.
type DeleteOptions struct {
	// SkipMissing makes an object that does not exist no error.
	SkipMissing bool
	// Together deletes nothing if one object cannot be deleted, as WriteOptions.Together says.
	Together bool
	// Progress is called after each object.
	Progress func()
}

// DeleteAll deletes objects and those that are part of them, and gives one result for
// each target, in the same order. Objects that need others or are part of
// them go before these, wherever they stand. An object that is still needed stays. Errors are as for Write.
func DeleteAll(ctx context.Context, s Store, targets []Target, o DeleteOptions) ([]Result, error) {
	d := &deleter{
		store: s, options: o,
		needing: map[resources.Key][]resources.Key{}, parts: map[resources.Key][]resources.Key{},
		read: map[string]bool{}, gone: map[resources.Key]bool{},
	}
	if d.options.Progress == nil {
		d.options.Progress = func() {}
	}
	results := make([]Result, len(targets))
	for i, t := range targets {
		results[i].Key = t.Key
	}
	stages := needingFirst(targets)
	if bulk, ok := s.(Bulk); ok && o.Together {
		return results, d.deleteTogether(ctx, bulk, targets, slices.Concat(stages[0], stages[1]), results)
	}
	var ended error
	for _, stage := range stages {
		if ended != nil {
			for _, i := range stage {
				results[i].Err = ended
			}
			continue
		}
		ended = d.deleteStage(ctx, targets, stage, results)
	}
	return results, ended
}

// deleter knows which objects are linked to which: it reads each kind that matters once.
type deleter struct {
	store   Store
	options DeleteOptions
	// needing and parts lead from an object to those that need it or are part of it.
	needing, parts map[resources.Key][]resources.Key
	// read are the kinds whose linked objects are in the maps.
	read map[string]bool
	// gone are the objects that have been deleted since.
	gone map[resources.Key]bool
}

// needingFirst groups the indices of targets: first those of kinds that need others or are part of them.
func needingFirst(targets []Target) (stages [2][]int) {
	for i, t := range targets {
		stage := 1
		if kind := t.Key.Kind; kind.Needs.Kind != "" || kind.PartOf.Kind != "" {
			stage = 0
		}
		stages[stage] = append(stages[stage], i)
	}
	return stages
}

// deleteStage deletes the targets of the given indices, none of which needs another. An error is
// one that ends the whole command.
func (d *deleter) deleteStage(ctx context.Context, targets []Target, stage []int, results []Result) error {
	var changes []Change
	var about []int
	first := map[resources.Key]int{}
	for _, i := range stage {
		t := targets[i]
		if _, again := first[t.Key]; again {
			continue
		}
		first[t.Key] = i
		if err := d.mayDelete(ctx, t.Key); err != nil {
			results[i].Err = err
			d.options.Progress()
			continue
		}
		changes = append(changes, Change{Op: ChangeDelete, Key: t.Key, ResourceVersion: t.ResourceVersion})
		about = append(about, i)
	}
	var ended error
	for n, outcome := range writeAll(ctx, d.store, changes, d.options.Progress) {
		d.settle(&results[about[n]], outcome.Err)
		if aborts(outcome.Err) {
			ended = outcome.Err
		}
	}
	for _, i := range stage {
		if f := first[targets[i].Key]; f != i {
			results[i].Err = results[f].Err
			if results[i].Err == nil {
				d.settle(&results[i], ErrorOf("delete", targets[i].Key, ErrNotFound, "it was deleted by the same command"))
			}
			d.options.Progress()
		}
	}
	if ended != nil {
		return ended
	}
	return d.deleteParts(ctx, results, about)
}

// deleteTogether deletes all targets, in this order, and their parts, or nothing.
func (d *deleter) deleteTogether(ctx context.Context, bulk Bulk, targets []Target, order []int, results []Result) error {
	var changes []Change
	whole := map[resources.Key]int{}
	for _, i := range order {
		t := targets[i]
		r := &results[i]
		r.Err = d.mayDeleteOnce(ctx, t.Key)
		switch {
		case errors.Is(r.Err, ErrNotFound) && d.options.SkipMissing:
			r.Action, r.Err = Skipped, nil
		case aborts(r.Err):
			return d.failAll(results, r.Err)
		case r.Err == nil:
			r.Action, d.gone[t.Key], whole[t.Key] = Deleted, true, i
			changes = append(changes, Change{Op: ChangeDelete, Key: t.Key, ResourceVersion: t.ResourceVersion})
			for _, part := range d.present(d.parts[t.Key]) {
				d.gone[part] = true
				whole[part] = i
				r.Parts = append(r.Parts, part)
				changes = append(changes, Change{Op: ChangeDelete, Key: part})
			}
		}
	}
	if len(Failed(results)) > 0 || len(changes) == 0 {
		return nil
	}
	outcomes, err := bulk.WriteTogether(ctx, changes)
	for n, o := range outcomes {
		if o.Err != nil {
			results[whole[changes[n].Key]].Err = o.Err
		}
	}
	if err != nil && len(Failed(results)) == 0 {
		return d.failAll(results, err)
	}
	return nil
}

// mayDeleteOnce is mayDelete of an object that is there and was not deleted before.
func (d *deleter) mayDeleteOnce(ctx context.Context, key resources.Key) error {
	if d.gone[key] {
		return ErrorOf("delete", key, ErrNotFound, "it is deleted by the same command")
	}
	if _, err := d.store.Get(ctx, key); err != nil {
		return err
	}
	return d.mayDelete(ctx, key)
}

// failAll makes err the outcome of everything.
func (*deleter) failAll(results []Result, err error) error {
	for i := range results {
		results[i].Action, results[i].Err = "", err
	}
	return err
}

// settle notes what the deletion of an object came to.
func (d *deleter) settle(r *Result, err error) {
	switch {
	case errors.Is(err, ErrNotFound) && d.options.SkipMissing:
		r.Action = Skipped
	case err != nil:
		r.Err = err
	default:
		r.Action = Deleted
		d.gone[r.Key] = true
	}
}

func (d *deleter) mayDelete(ctx context.Context, key resources.Key) error {
	refuse := func(reason string) error {
		return &UnsupportedError{Op: "delete", Key: key.String(), Reason: reason}
	}
	switch {
	case key.Kind.ReadOnly != "":
		return readOnly("delete", key)
	case slices.Contains(key.Kind.Permanent, key.Name):
		return refuse("every cluster needs it")
	}
	if err := d.readLinks(ctx, key.Kind.Name); err != nil {
		return err
	}
	needing := d.present(d.needing[key])
	if len(needing) == 0 {
		return nil
	}
	who := needing[0].String()
	if len(needing) > 1 {
		who += fmt.Sprintf(" and %d more", len(needing)-1)
	}
	return refuse("it is still needed by " + who + "; delete that first")
}

// deleteParts deletes what was part of the objects that are gone.
func (d *deleter) deleteParts(ctx context.Context, results []Result, indices []int) error {
	var changes []Change
	var whole []*Result
	for _, i := range indices {
		if results[i].Action != Deleted {
			continue
		}
		for _, part := range d.present(d.parts[results[i].Key]) {
			changes = append(changes, Change{Op: ChangeDelete, Key: part})
			whole = append(whole, &results[i])
		}
	}
	var ended error
	for n, outcome := range writeAll(ctx, d.store, changes, func() {}) {
		switch {
		case outcome.Err == nil || errors.Is(outcome.Err, ErrNotFound):
			whole[n].Parts = append(whole[n].Parts, changes[n].Key)
			d.gone[changes[n].Key] = true
		default:
			whole[n].Err = outcome.Err
			if aborts(outcome.Err) {
				ended = outcome.Err
			}
		}
	}
	return ended
}

func (d *deleter) present(keys []resources.Key) []resources.Key {
	return slices.DeleteFunc(slices.Clone(keys), func(k resources.Key) bool { return d.gone[k] })
}

// readLinks finds all objects of any kind that are linked to objects of the named kind.
func (d *deleter) readLinks(ctx context.Context, kindName string) error {
	if d.read[kindName] {
		return nil
	}
	d.read[kindName] = true
	whole, _ := resources.ByName(kindName)
	for _, kind := range resources.All() {
		for _, link := range []struct {
			resources.Link[resources.Object]
			into map[resources.Key][]resources.Key
		}{{kind.Needs, d.needing}, {kind.PartOf, d.parts}} {
			if link.Kind != kindName {
				continue
			}
			list, err := d.store.List(ctx, kind)
			if err != nil {
				return err
			}
			for _, o := range list.Items {
				if name := link.Name(o); name != "" {
					link.into[whole.Key(name)] = append(link.into[whole.Key(name)], kind.Key(o.GetName()))
				}
			}
		}
	}
	return nil
}
