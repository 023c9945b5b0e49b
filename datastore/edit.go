package datastore

import (
	"context"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/edfb3db0/calicoctl/resources"
)

// Edit reads an object, lets edit change it, checks it as Check does and writes it if it
// is different. When somebody else changes it meanwhile, all of that happens again.
//
// edit gets a copy of its own and returns the object to store, perhaps the same one. If
// that one's resourceVersion is not the stored one, the edit is about an old revision and
// fails with ErrConflict. Its name, uid and time of creation stay what they are.
func Edit(ctx context.Context, s Store, key resources.Key, edit func(resources.Object) (resources.Object, error)) (Result, error) {
	result := Result{Key: key}
	if key.Kind.ReadOnly != "" {
		return result, readOnly("update", key)
	}
	err := retryConflicts(ctx, func() error {
		stored, err := s.Get(ctx, key)
		if err != nil {
			return err
		}
		next, err := edit(stored.DeepCopyObject().(resources.Object))
		if err != nil {
			return final{err}
		}
		result.Object, result.Action, err = storeEdited(ctx, s, key, stored, next)
		return err
	})
	return result, err
}

func storeEdited(ctx context.Context, s Store, key resources.Key, stored, next resources.Object) (resources.Object, Action, error) {
	if next.GetName() != key.Name {
		return nil, "", final{ErrorOf("update", key, ErrInvalid, "metadata.name cannot be changed; create the new object and delete the old one")}
	}
	if given := next.GetResourceVersion(); given != stored.GetResourceVersion() {
		return nil, "", final{conflict(key, given, stored)}
	}
	next.SetUID(stored.GetUID())
	next.SetCreationTimestamp(stored.GetCreationTimestamp())
	if err := Check(next); err != nil {
		return nil, "", err
	}
	w := &writer{store: s, exists: map[resources.Key]bool{}}
	if err := w.checkNeeds(ctx, key, next); err != nil {
		return nil, "", err
	}
	if equality.Semantic.DeepEqual(stored, next) {
		return stored, Unchanged, nil
	}
	out, err := s.Update(ctx, next)
	return out, Configured, err
}
