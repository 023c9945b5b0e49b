package datastore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/edfb3db0/calicoctl/resources"
)

// Overlay is a Store in which writes can be tried: it reads what another Store has, once, and keeps all changes
// to itself, in memory. It offers no Watch.
type Overlay struct {
	base Store

	mu sync.Mutex
	// lists are the kinds that were read as a whole.
	lists map[*resources.Kind]map[string]resources.Object
	// changed are the objects that were written; nil for one that was deleted.
	changed map[resources.Key]resources.Object
	writes  int
}

var _ Completer = (*Overlay)(nil)

// NewOverlay makes an overlay without changes.
func NewOverlay(base Store) *Overlay {
	return &Overlay{base: base, lists: map[*resources.Kind]map[string]resources.Object{}, changed: map[resources.Key]resources.Object{}}
}

// Changed are the objects that were written, nil for those that were deleted.
func (o *Overlay) Changed() map[resources.Key]resources.Object {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.changed)
}

// Base reads a kind as it is without the changes. The objects are shared: they must not be changed.
func (o *Overlay) Base(ctx context.Context, kind *resources.Kind) ([]resources.Object, error) {
	all, err := o.read(ctx, kind)
	if err != nil {
		return nil, err
	}
	return slices.Collect(maps.Values(all)), nil
}

// Known gives the objects of a kind as they are without the changes, if the kind was read as a whole. They are shared:
// they must not be changed.
func (o *Overlay) Known(kind *resources.Kind) (objects []resources.Object, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	all, ok := o.lists[kind]
	return slices.Collect(maps.Values(all)), ok
}

func (o *Overlay) read(ctx context.Context, kind *resources.Kind) (map[string]resources.Object, error) {
	o.mu.Lock()
	all, ok := o.lists[kind]
	o.mu.Unlock()
	if ok {
		return all, nil
	}
	list, err := o.base.List(ctx, kind)
	if err != nil {
		return nil, err
	}
	all = make(map[string]resources.Object, len(list.Items))
	for _, item := range list.Items {
		name := item.GetName()
		if kind.Namespaced {
			name = item.GetNamespace() + "/" + name
		}
		all[name] = item
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lists[kind] = all
	return all, nil
}

// Get implements Store.
func (o *Overlay) Get(ctx context.Context, key resources.Key) (resources.Object, error) {
	found, err := o.look(ctx, "get", key)
	if err != nil {
		return nil, err
	}
	return found.DeepCopyObject().(resources.Object), nil
}

// look finds an object, which is shared.
func (o *Overlay) look(ctx context.Context, op string, key resources.Key) (resources.Object, error) {
	o.mu.Lock()
	found, changed := o.changed[key]
	all, listed := o.lists[key.Kind]
	o.mu.Unlock()
	if !changed && !listed {
		return o.base.Get(ctx, key)
	}
	if !changed {
		found = all[key.Name]
	}
	if found == nil {
		return nil, ErrorOf(op, key, ErrNotFound, "")
	}
	return found, nil
}

// List implements Store.
func (o *Overlay) List(ctx context.Context, kind *resources.Kind) (*resources.List, error) {
	all, err := o.read(ctx, kind)
	if err != nil {
		return nil, err
	}
	items := make([]resources.Object, 0, len(all))
	changed := o.Changed()
	for name, item := range all {
		if _, ok := changed[kind.Key(name)]; !ok {
			items = append(items, item.DeepCopyObject().(resources.Object))
		}
	}
	for key, item := range changed {
		if key.Kind == kind && item != nil {
			items = append(items, item.DeepCopyObject().(resources.Object))
		}
	}
	slices.SortFunc(items, kind.Compare)
	return kind.NewList("", items), nil
}

// Create implements Store.
func (o *Overlay) Create(ctx context.Context, object resources.Object) (resources.Object, error) {
	key, _ := resources.KeyOf(object)
	if err := RefuseBuiltIn("create", key); err != nil {
		return nil, err
	}
	switch _, err := o.look(ctx, "create", key); {
	case err == nil:
		return nil, ErrorOf("create", key, ErrExists, "")
	case !errors.Is(err, ErrNotFound):
		return nil, err
	}
	return o.put(key, object, nil), nil
}

// Update implements Store.
func (o *Overlay) Update(ctx context.Context, object resources.Object) (resources.Object, error) {
	key, _ := resources.KeyOf(object)
	if err := RefuseBuiltIn("update", key); err != nil {
		return nil, err
	}
	if object.GetResourceVersion() == "" {
		return nil, ErrorOf("update", key, ErrInvalid, "there is no resource version")
	}
	stored, err := o.look(ctx, "update", key)
	if err != nil {
		return nil, err
	}
	if stored.GetResourceVersion() != object.GetResourceVersion() {
		return nil, ErrorOf("update", key, ErrConflict, "")
	}
	return o.put(key, object, stored), nil
}

// Complete implements Completer, as the base does.
func (o *Overlay) Complete(stored, next resources.Object) (resources.Object, []Ignored, error) {
	if base, ok := o.base.(Completer); ok {
		return base.Complete(stored, next)
	}
	return next, nil, nil
}

// put keeps an object in the place of stored, or as a new one.
func (o *Overlay) put(key resources.Key, object, stored resources.Object) resources.Object {
	kept := object.DeepCopyObject().(resources.Object)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.writes++
	kept.SetResourceVersion(fmt.Sprintf("overlay-%d", o.writes))
	if stored != nil {
		if kept.GetUID() == "" {
			kept.SetUID(stored.GetUID())
		}
		if at := kept.GetCreationTimestamp(); at.IsZero() {
			kept.SetCreationTimestamp(stored.GetCreationTimestamp())
		}
	}
	if kept.GetUID() == "" {
		kept.SetUID(types.UID(strings.ToLower(key.String()) + "-" + kept.GetResourceVersion()))
	}
	if at := kept.GetCreationTimestamp(); at.IsZero() {
		kept.SetCreationTimestamp(metav1.Now())
	}
	o.changed[key] = kept
	return kept.DeepCopyObject().(resources.Object)
}

// Delete implements Store.
func (o *Overlay) Delete(ctx context.Context, key resources.Key, resourceVersion string) error {
	if err := RefuseBuiltIn("delete", key); err != nil {
		return err
	}
	stored, err := o.look(ctx, "delete", key)
	if err != nil {
		return err
	}
	if resourceVersion != "" && resourceVersion != stored.GetResourceVersion() {
		return ErrorOf("delete", key, ErrConflict, "")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.changed[key] = nil
	return nil
}

// Watch implements Store.
func (o *Overlay) Watch(context.Context, *resources.Kind, string) (Watcher, error) {
	return nil, ErrorOf("watch", resources.Key{}, ErrUnsupported, "writes are only tried here")
}

// Close implements Store. The base stays open.
func (o *Overlay) Close() error { return nil }
