package datastore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/edfb3db0/calicoctl/resources"
)

// Verb is a way to write objects that the user has written out.
type Verb string

// The verbs. Create wants no object of the name, Replace wants one, Apply takes either.
const (
	Create  Verb = "create"
	Apply   Verb = "apply"
	Replace Verb = "replace"
)

// WriteOptions refines Write.
type WriteOptions struct {
	// SkipExisting makes Create leave objects alone that exist already.
	SkipExisting bool
	// Progress is called after each object.
	Progress func()
}

// listFrom is how many objects of a kind make it cheaper to read the kind as a whole.
const listFrom = 16

// Write writes objects on which Check has run, and gives one result for each, in the
// same order. An object that others need is written before them, wherever it stands.
//
// Of an object's metadata only name, labels, annotations and resourceVersion count: the
// rest is the datastore's. Labels and annotations replace the stored ones. A
// resourceVersion must be that of the stored object. An object that is stored already as
// it should be is not written.
//
// An error that concerns one object is in its result. Only one that ends the whole
// command (the datastore is gone, the context has ended) is returned, with the results
// up to there.
func Write(ctx context.Context, s Store, verb Verb, objects []resources.Object, o WriteOptions) ([]Result, error) {
	w := &writer{store: s, verb: verb, options: o, exists: map[resources.Key]bool{}}
	results := make([]Result, len(objects))
	if err := w.readAhead(ctx, objects); err != nil {
		return results, err
	}
	for _, i := range neededFirst(objects) {
		key, _ := resources.KeyOf(objects[i])
		results[i] = Result{Key: key}
		results[i].Object, results[i].Action, results[i].Err = w.write(ctx, key, objects[i])
		if err := results[i].Err; aborts(err) {
			return results, err
		}
		if o.Progress != nil {
			o.Progress()
		}
	}
	return results, nil
}

// neededFirst orders the indices of objects: first those of kinds that need nothing.
func neededFirst(objects []resources.Object) []int {
	var first, rest []int
	for i, o := range objects {
		if key, _ := resources.KeyOf(o); key.Kind.Needs.Kind == "" {
			first = append(first, i)
		} else {
			rest = append(rest, i)
		}
	}
	return append(first, rest...)
}

type writer struct {
	store   Store
	verb    Verb
	options WriteOptions
	// stored holds the objects of the kinds that were read as a whole.
	stored map[*resources.Kind]map[string]resources.Object
	// exists remembers which needed objects were found.
	exists map[resources.Key]bool
}

func (w *writer) readAhead(ctx context.Context, objects []resources.Object) error {
	count := map[*resources.Kind]int{}
	for _, o := range objects {
		key, _ := resources.KeyOf(o)
		count[key.Kind]++
	}
	w.stored = map[*resources.Kind]map[string]resources.Object{}
	for kind, n := range count {
		if n < listFrom {
			continue
		}
		list, err := w.store.List(ctx, kind)
		if err != nil {
			return err
		}
		byName := make(map[string]resources.Object, len(list.Items))
		for _, o := range list.Items {
			byName[o.GetName()] = o
		}
		w.stored[kind] = byName
	}
	return nil
}

func (w *writer) get(ctx context.Context, key resources.Key) (resources.Object, error) {
	byName, known := w.stored[key.Kind]
	if !known {
		return w.store.Get(ctx, key)
	}
	if o, ok := byName[key.Name]; ok {
		return o, nil
	}
	return nil, ErrorOf("get", key, ErrNotFound, "")
}

func (w *writer) write(ctx context.Context, key resources.Key, in resources.Object) (out resources.Object, done Action, err error) {
	if key.Kind.ReadOnly != "" {
		return nil, "", readOnly(string(w.verb), key)
	}
	if w.verb == Create && in.GetResourceVersion() != "" {
		return nil, "", ErrorOf("create", key, ErrInvalid, "metadata.resourceVersion must not be set for a new object; remove it")
	}
	err = retryConflicts(ctx, func() error {
		out, done, err = w.writeOnce(ctx, key, in)
		switch {
		case !errors.Is(err, ErrConflict):
		case in.GetResourceVersion() != "":
			return final{err}
		default:
			delete(w.stored, key.Kind) // what was read ahead is out of date
		}
		return err
	})
	return out, done, err
}

func (w *writer) writeOnce(ctx context.Context, key resources.Key, in resources.Object) (resources.Object, Action, error) {
	stored, err := w.get(ctx, key)
	missing := errors.Is(err, ErrNotFound)
	switch {
	case err != nil && !missing, missing && w.verb == Replace:
		return nil, "", err
	case !missing && w.verb == Create && w.options.SkipExisting:
		return stored, Skipped, nil
	case !missing && w.verb == Create:
		return nil, "", ErrorOf("create", key, ErrExists, "")
	}
	if err := w.checkNeeds(ctx, key, in); err != nil {
		return nil, "", err
	}
	if missing {
		return w.create(ctx, key, in)
	}
	return w.update(ctx, key, stored, in)
}

func (w *writer) create(ctx context.Context, key resources.Key, in resources.Object) (resources.Object, Action, error) {
	fresh := withOwnMetadata(in)
	fresh.SetResourceVersion("")
	out, err := w.store.Create(ctx, fresh)
	if w.verb == Apply && errors.Is(err, ErrExists) {
		err = ErrorOf("create", key, ErrConflict, "") // somebody else was faster
	}
	return w.remember(key, out, err, Created)
}

func (w *writer) update(ctx context.Context, key resources.Key, stored, in resources.Object) (resources.Object, Action, error) {
	if rv := in.GetResourceVersion(); rv != "" && rv != stored.GetResourceVersion() {
		return nil, "", conflict(key, rv, stored)
	}
	next := onTopOf(stored, in)
	if equality.Semantic.DeepEqual(stored, next) {
		return stored, Unchanged, nil
	}
	out, err := w.store.Update(ctx, next)
	return w.remember(key, out, err, Configured)
}

// remember keeps what was read ahead in step, for a name that comes twice.
func (w *writer) remember(key resources.Key, out resources.Object, err error, done Action) (resources.Object, Action, error) {
	if err != nil {
		return nil, "", err
	}
	if byName, known := w.stored[key.Kind]; known {
		byName[key.Name] = out
	}
	return out, done, nil
}

func conflict(key resources.Key, given string, stored resources.Object) error {
	return ErrorOf("update", key, ErrConflict, fmt.Sprintf(
		"resource version %q is out of date (latest: %s); read the object again and repeat your change, or leave resourceVersion out",
		given, stored.GetResourceVersion()))
}

func (w *writer) checkNeeds(ctx context.Context, key resources.Key, o resources.Object) error {
	link := key.Kind.Needs
	if link.Kind == "" {
		return nil
	}
	kind, _ := resources.ByName(link.Kind)
	needed := kind.Key(link.Name(o))
	if needed.Name == "" || w.exists[needed] {
		return nil
	}
	if _, err := w.store.Get(ctx, needed); err != nil {
		return err
	}
	w.exists[needed] = true
	return nil
}

// withOwnMetadata copies o with only that part of its metadata that users own.
func withOwnMetadata(o resources.Object) resources.Object {
	key, _ := resources.KeyOf(o)
	empty := key.Kind.New()
	empty.SetName(o.GetName())
	empty.SetResourceVersion(o.GetResourceVersion())
	return onTopOf(empty, o)
}

// onTopOf copies in, with the metadata of stored but for labels and annotations.
func onTopOf(stored, in resources.Object) resources.Object {
	out := in.DeepCopyObject().(resources.Object)
	out.SetGenerateName(stored.GetGenerateName())
	out.SetNamespace(stored.GetNamespace())
	out.SetSelfLink(stored.GetSelfLink())
	out.SetUID(stored.GetUID())
	out.SetResourceVersion(stored.GetResourceVersion())
	out.SetGeneration(stored.GetGeneration())
	out.SetCreationTimestamp(stored.GetCreationTimestamp())
	out.SetDeletionTimestamp(stored.GetDeletionTimestamp())
	out.SetDeletionGracePeriodSeconds(stored.GetDeletionGracePeriodSeconds())
	out.SetOwnerReferences(stored.GetOwnerReferences())
	out.SetFinalizers(stored.GetFinalizers())
	out.SetManagedFields(stored.GetManagedFields())
	return out
}

// Conflicts are retried this often, waiting twice as long each time.
const (
	conflictTries = 6
	conflictWait  = 20 * time.Millisecond
)

// final is an error that retrying cannot help.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// retryConflicts calls f until it does something else than fail with ErrConflict.
func retryConflicts(ctx context.Context, f func() error) error {
	wait := conflictWait
	for try := 1; ; try++ {
		err := f()
		if last, ok := errors.AsType[final](err); ok {
			return last.error
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		if try == conflictTries {
			return fmt.Errorf("gave up after %d tries: %w", try, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait *= 2
	}
}
