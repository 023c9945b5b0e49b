package datastore

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/edfb3db0/calicoctl/resources"
)

// listFrom is how many objects of a kind make it cheaper to read the kind as a whole.
const listFrom = 16

// readers bounds how many objects are read at once from a store of many clients.
const readers = 32

// readAll reads what tasks are about. An error is one that ends the whole command.
func (b *batch) readAll(ctx context.Context, tasks []task) error {
	byKind := map[*resources.Kind][]resources.Key{}
	for _, t := range tasks {
		byKind[t.key.Kind] = append(byKind[t.key.Kind], t.key)
	}
	var single []resources.Key
	for kind, keys := range byKind {
		items, known := b.known(kind)
		if !known && len(keys) < listFrom {
			single = append(single, keys...)
			continue
		}
		if !known {
			list, err := b.store.List(ctx, kind)
			if errors.Is(err, ErrUnauthorized) { // who may write one object may perhaps read one
				single = append(single, keys...)
				continue
			}
			if err != nil {
				return err
			}
			items = list.Items
		}
		for _, key := range keys {
			b.stored[key] = nil
		}
		for _, o := range items {
			b.stored[kind.Key(o.GetName())] = o
		}
	}
	return b.readEach(ctx, single)
}

// readAgain reads anew what the tasks of the given indices are about.
func (b *batch) readAgain(ctx context.Context, tasks []task, indices []int) error {
	var keys []resources.Key
	for _, i := range indices {
		delete(b.stored, tasks[i].key)
		delete(b.unread, tasks[i].key)
		keys = append(keys, tasks[i].key)
	}
	return b.readEach(ctx, keys)
}

func (b *batch) readEach(ctx context.Context, keys []resources.Key) error {
	if _, ok := b.store.(Bulk); !ok {
		for _, key := range keys {
			if err := b.read(ctx, key); err != nil {
				return err
			}
		}
		return nil
	}
	objects, errs := make([]resources.Object, len(keys)), make([]error, len(keys))
	var group errgroup.Group
	group.SetLimit(readers)
	for i, key := range keys {
		group.Go(func() error {
			objects[i], errs[i] = b.store.Get(ctx, key)
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	for i, key := range keys {
		if err := b.note(key, objects[i], errs[i]); err != nil {
			return err
		}
	}
	return nil
}

// read reads one object, unless that has been done.
func (b *batch) read(ctx context.Context, key resources.Key) error {
	if _, known := b.stored[key]; known || b.unread[key] != nil {
		return nil
	}
	o, err := b.store.Get(ctx, key)
	return b.note(key, o, err)
}

// note keeps what reading an object came to; an error is one that ends the whole command.
func (b *batch) note(key resources.Key, o resources.Object, err error) error {
	switch {
	case err == nil:
		b.stored[key] = o
	case errors.Is(err, ErrNotFound):
		b.stored[key], b.absent[key] = nil, err
	case aborts(err):
		return err
	default:
		b.unread[key] = err
	}
	return nil
}
