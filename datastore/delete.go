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
// each target, in the same order. Objects that need others go before these, wherever
// they stand. An object that is still needed stays. Errors are as for Write.
func DeleteAll(ctx context.Context, s Store, targets []Target, o DeleteOptions) ([]Result, error) {
	results := make([]Result, len(targets))
	for _, i := range needingFirst(targets) {
		results[i] = deleteOne(ctx, s, targets[i], o)
		if err := results[i].Err; aborts(err) {
			return results, err
		}
		if o.Progress != nil {
			o.Progress()
		}
	}
	return results, nil
}

func needingFirst(targets []Target) []int {
	order := make([]int, len(targets))
	for i := range order {
		order[i] = i
	}
	rank := func(i int) int {
		if targets[i].Key.Kind.Needs.Kind != "" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(order, func(a, b int) int { return rank(a) - rank(b) })
	return order
}

func deleteOne(ctx context.Context, s Store, t Target, o DeleteOptions) Result {
	result := Result{Key: t.Key, Action: Deleted}
	result.Err = mayDelete(ctx, s, t.Key)
	if result.Err == nil {
		result.Err = s.Delete(ctx, t.Key, t.ResourceVersion)
	}
	switch {
	case errors.Is(result.Err, ErrNotFound) && o.SkipMissing:
		result.Action, result.Err = Skipped, nil
	case result.Err == nil:
		result.Parts, result.Err = deleteParts(ctx, s, t.Key)
	}
	return result
}

func mayDelete(ctx context.Context, s Store, key resources.Key) error {
	refuse := func(reason string) error {
		return &UnsupportedError{Op: "delete", Key: key.String(), Reason: reason}
	}
	switch {
	case key.Kind.ReadOnly != "":
		return readOnly("delete", key)
	case slices.Contains(key.Kind.Permanent, key.Name):
		return refuse("every cluster needs it")
	}
	needing, err := linked(ctx, s, key, func(k *resources.Kind) resources.Link[resources.Object] { return k.Needs })
	if err != nil || len(needing) == 0 {
		return err
	}
	who := needing[0].String()
	if len(needing) > 1 {
		who += fmt.Sprintf(" and %d more", len(needing)-1)
	}
	return refuse("it is still needed by " + who + "; delete that first")
}

func deleteParts(ctx context.Context, s Store, whole resources.Key) ([]resources.Key, error) {
	parts, err := linked(ctx, s, whole, func(k *resources.Kind) resources.Link[resources.Object] { return k.PartOf })
	if err != nil {
		return nil, err
	}
	for i, part := range parts {
		if err := s.Delete(ctx, part, ""); err != nil && !errors.Is(err, ErrNotFound) {
			return parts[:i], err
		}
	}
	return parts, nil
}

// linked finds the objects of any kind that a link leads from to key.
func linked(ctx context.Context, s Store, key resources.Key, link func(*resources.Kind) resources.Link[resources.Object]) ([]resources.Key, error) {
	var found []resources.Key
	for _, kind := range resources.All() {
		l := link(kind)
		if l.Kind != key.Kind.Name {
			continue
		}
		list, err := s.List(ctx, kind)
		if err != nil {
			return nil, err
		}
		for _, o := range list.Items {
			if l.Name(o) == key.Name {
				found = append(found, kind.Key(o.GetName()))
			}
		}
	}
	return found, nil
}
