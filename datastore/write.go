package datastore

import (
	"context"
	"fmt"

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

// Known gives the objects of a kind as they were read a moment ago, if they were, which are shared. One that has changed
// since is noticed when it is written.
type Known func(kind *resources.Kind) (objects []resources.Object, ok bool)

// WriteOptions refines Write.
type WriteOptions struct {
	// SkipExisting makes Create leave objects alone that exist already.
	SkipExisting bool
	// Together writes nothing if one object cannot be written. On a Bulk store it takes
	// as many objects as WriteTogether does; on others it is for the caller to undo what was
	// written before a write failed.
	Together bool
	// DryRun decides what would be done and writes nothing.
	DryRun bool
	// Known is what need not be read; nil knows of nothing.
	Known Known
	// Progress is called after each object.
	Progress func()
}

// Write writes objects on which Check has run, and gives one result for each, in the
// same order. An object that others need is written before them, wherever it stands.
//
// Of an object's metadata only name, labels, annotations and resourceVersion count: the
// rest is the datastore's. Labels and annotations replace the stored ones. A
// resourceVersion must be that of the stored object. An object that is stored already as
// it should be is not written.
//
// An error that concerns one object is in its result. One that ends the whole
// command (the datastore is gone, the context has ended) is returned as well: objects
// whose results have no error were handled before.
func Write(ctx context.Context, s Store, verb Verb, objects []resources.Object, o WriteOptions) ([]Result, error) {
	b := newBatch(s, len(objects), o.Known, o.Progress)
	b.dryRun, b.together = o.DryRun, o.Together
	completer, _ := s.(Completer)
	writers, tasks := make([]writer, len(objects)), make([]task, len(objects))
	for i, object := range objects {
		key, _ := resources.KeyOf(object)
		writers[i] = writer{verb: verb, skipExisting: o.SkipExisting, key: key, in: object, completer: completer}
		tasks[i] = task{key: key, decide: writers[i].decide}
	}
	results, err := b.run(ctx, tasks)
	for i := range writers {
		results[i].Ignored = writers[i].ignored
	}
	return results, err
}

// writer writes one object.
type writer struct {
	verb         Verb
	skipExisting bool
	key          resources.Key
	in           resources.Object
	// completer is the store, if it is one.
	completer Completer
	ignored   []Ignored
}

// complete gives next as it will be stored.
func (w *writer) complete(stored, next resources.Object) (completed resources.Object, err error) {
	if w.completer == nil {
		return next, nil
	}
	completed, w.ignored, err = w.completer.Complete(stored, next)
	return completed, err
}

func (w *writer) decide(stored resources.Object) (resources.Object, Action, error) {
	switch {
	case w.key.Kind.ReadOnly != "":
		return nil, "", readOnly(string(w.verb), w.key)
	case w.verb == Create && w.in.GetResourceVersion() != "":
		return nil, "", ErrorOf("create", w.key, ErrInvalid, "metadata.resourceVersion must not be set for a new object; remove it")
	case stored == nil && w.verb == Replace:
		return nil, "", ErrorOf("update", w.key, ErrNotFound, "")
	case stored == nil:
		fresh := withOwnMetadata(w.in)
		fresh.SetResourceVersion("")
		fresh, err := w.complete(nil, fresh)
		return fresh, Created, err
	case w.verb == Create && w.skipExisting:
		return stored, Skipped, nil
	case w.verb == Create:
		return nil, "", ErrorOf("create", w.key, ErrExists, "")
	}
	if rv := w.in.GetResourceVersion(); rv != "" && rv != stored.GetResourceVersion() {
		return nil, "", conflict(w.key, rv, stored)
	}
	next, err := w.complete(stored, onTopOf(stored, w.in))
	if err != nil {
		return nil, "", err
	}
	if equality.Semantic.DeepEqual(stored, next) {
		return stored, Unchanged, nil
	}
	return next, Configured, nil
}

func conflict(key resources.Key, given string, stored resources.Object) error {
	return ErrorOf("update", key, ErrConflict, fmt.Sprintf(
		"resource version %q is out of date (latest: %s); read the object again and repeat your change, or leave resourceVersion out",
		given, stored.GetResourceVersion()))
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
