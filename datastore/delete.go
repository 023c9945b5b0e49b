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
	results := make([]Result, len(targets))
	for _, i := range needingFirst(targets) {
		results[i] = d.deleteOne(ctx, targets[i])
		if err := results[i].Err; aborts(err) {
			return results, err
		}
		if o.Progress != nil {
			o.Progress()
		}
	}
	return results, nil
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

func needingFirst(targets []Target) []int {
	order := make([]int, len(targets))
	for i := range order {
		order[i] = i
	}
	rank := func(i int) int {
		kind := targets[i].Key.Kind
		if kind.Needs.Kind != "" || kind.PartOf.Kind != "" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(order, func(a, b int) int { return rank(a) - rank(b) })
	return order
}

func (d *deleter) deleteOne(ctx context.Context, t Target) Result {
	result := Result{Key: t.Key, Action: Deleted}
	result.Err = d.mayDelete(ctx, t.Key)
	if result.Err == nil {
		result.Err = d.store.Delete(ctx, t.Key, t.ResourceVersion)
	}
	switch {
	case errors.Is(result.Err, ErrNotFound) && d.options.SkipMissing:
		result.Action, result.Err = Skipped, nil
	case result.Err == nil:
		d.gone[t.Key] = true
		result.Parts, result.Err = d.deleteParts(ctx, t.Key)
	}
	return result
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

func (d *deleter) deleteParts(ctx context.Context, whole resources.Key) ([]resources.Key, error) {
	parts := d.present(d.parts[whole])
	for i, part := range parts {
		if err := d.store.Delete(ctx, part, ""); err != nil && !errors.Is(err, ErrNotFound) {
			return parts[:i], err
		}
		d.gone[part] = true
	}
	return parts, nil
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
