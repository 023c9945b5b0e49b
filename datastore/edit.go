package datastore

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/edfb3db0/calicoctl/resources"
)

// EditFunc changes a stored object. It gets a copy of its own and returns the object to
// store, perhaps the same one.
type EditFunc func(resources.Object) (resources.Object, error)

// EditOptions refines Edit.
type EditOptions struct {
	// Known is what need not be read; nil knows of nothing.
	Known Known
	// Progress is called after each object.
	Progress func()
}

// Edit reads the objects of keys, lets edit change each, checks it as Check does and writes it if it
// is different. When somebody else changes one meanwhile, all of that happens again for that one.
// There is one result for each key, in the same order; errors are as for Write.
//
// If the resourceVersion of what an EditFunc returns is not the stored one, the edit is about an old
// revision and fails with ErrConflict. Name, uid and time of creation stay what they are.
func Edit(ctx context.Context, s Store, keys []resources.Key, edit EditFunc, o EditOptions) ([]Result, error) {
	tasks := make([]task, len(keys))
	for i, key := range keys {
		tasks[i] = task{key: key, decide: func(stored resources.Object) (resources.Object, Action, error) {
			return edited(key, stored, edit)
		}}
	}
	return newBatch(s, len(keys), o.Known, o.Progress).run(ctx, tasks)
}

func edited(key resources.Key, stored resources.Object, edit EditFunc) (resources.Object, Action, error) {
	if key.Kind.ReadOnly != "" {
		return nil, "", readOnly("update", key)
	}
	if stored == nil {
		return nil, "", ErrorOf("get", key, ErrNotFound, "")
	}
	next, err := edit(stored.DeepCopyObject().(resources.Object))
	if err != nil {
		return nil, "", err
	}
	if next.GetName() != key.Name {
		return nil, "", ErrorOf("update", key, ErrInvalid, "metadata.name cannot be changed; create the new object and delete the old one")
	}
	if given := next.GetResourceVersion(); given != stored.GetResourceVersion() {
		return nil, "", conflict(key, given, stored)
	}
	next.SetUID(stored.GetUID())
	next.SetCreationTimestamp(stored.GetCreationTimestamp())
	if err := Check(next); err != nil {
		return nil, "", err
	}
	if equality.Semantic.DeepEqual(stored, next) {
		return stored, Unchanged, nil
	}
	return next, Configured, nil
}
