package datastore

import (
	"context"

	"github.com/edfb3db0/calicoctl/resources"
)

// Store keeps objects. Its methods may be called by many goroutines at once.
//
// An object that goes in is not changed and not kept; one that comes out belongs to
// the caller and has its kind and apiVersion set. Resource versions are opaque text:
// they can be compared for equality and handed back, nothing else. Errors are as the
// variables of this package say. A Store neither sets defaults nor validates.
type Store interface {
	// Get reads one object, or fails with ErrNotFound.
	Get(ctx context.Context, key resources.Key) (resources.Object, error)

	// List reads all objects of a kind, built-in ones included, in the kind's order.
	// The list's resource version is one that Watch can start from. A kind without
	// objects is an empty list.
	List(ctx context.Context, kind *resources.Kind) (*resources.List, error)

	// Create stores a new object and returns it as stored. It sets uid and
	// creationTimestamp where they are empty, and the resource version. It fails with
	// ErrExists if there is one of that name.
	Create(ctx context.Context, o resources.Object) (resources.Object, error)

	// Update replaces a stored object and returns the new one as stored. The resource
	// version of o must be that of the stored object: ErrConflict if it is another,
	// ErrInvalid if it is empty, ErrNotFound if there is no object. The stored uid and
	// creationTimestamp stay where those of o are empty. What o leaves out is removed; what
	// cannot be stored as o has it is ErrInvalid.
	Update(ctx context.Context, o resources.Object) (resources.Object, error)

	// Delete removes an object. If resourceVersion is not empty and not that of the
	// stored object, it fails with ErrConflict; ErrNotFound if there is no object.
	Delete(ctx context.Context, key resources.Key, resourceVersion string) error

	// Watch reports every change of a kind after the revision that a List of it gave,
	// in order and without gaps, until ctx ends or the Watcher is closed. It fails
	// with ErrCompacted if that history is gone.
	Watch(ctx context.Context, kind *resources.Kind, resourceVersion string) (Watcher, error)

	// Close frees what the Store holds. The Store is of no use afterwards.
	Close() error
}

// Atomic is a Store that can make several writes all or nothing.
type Atomic interface {
	Store

	// Atomically runs fn on a view of the Store in which its own writes are visible
	// and nobody else's appear. If fn returns nil everything written through tx is
	// kept, together; if it returns an error nothing is, and that error is returned.
	// fn must use tx alone, and not after it returns; tx offers no Watch.
	Atomically(ctx context.Context, fn func(tx Store) error) error
}

// Completer is a Store of which some objects have parts that others write, or that follow from something else.
type Completer interface {
	Store

	// Complete gives next, an object that a user has written out to replace stored, as it will be stored: with
	// what others write where next leaves it out, and without what cannot be written, which is what is ignored.
	// stored is nil for an object that is not there yet. The error is why next can never be written; it is
	// the one that Create or Update would give. Objects that come out may share parts with those that go in.
	Complete(stored, next resources.Object) (completed resources.Object, ignored []Ignored, err error)
}

// Ignored is a field that is left as it is, and who it belongs to.
type Ignored struct {
	Field string
	Why   string
}

// ChangeOp says which method of Store a Change stands for.
type ChangeOp string

// The changes.
const (
	ChangeCreate ChangeOp = "create"
	ChangeUpdate ChangeOp = "update"
	ChangeDelete ChangeOp = "delete"
)

// Change is a call of Create, Update or Delete.
type Change struct {
	Op  ChangeOp
	Key resources.Key
	// Object is what Create or Update gets; nil to delete.
	Object resources.Object
	// ResourceVersion is what Delete gets.
	ResourceVersion string
}

// Outcome is what became of a Change: what that method would have returned.
type Outcome struct {
	// Object is the object as stored; nil after a deletion or an error.
	Object resources.Object
	Err    error
}

// Bulk is a Store for which many changes at once are faster than one after the other.
type Bulk interface {
	Store

	// WriteAll makes changes, no two of which are about the same object, in any order,
	// and gives one outcome for each, in the order of changes. A change that was not
	// tried, since the datastore went away or ctx ended, has that error as its outcome.
	// progress is called after each change, by one goroutine at a time; it may be nil.
	WriteAll(ctx context.Context, changes []Change, progress func()) []Outcome

	// WriteTogether makes all of the changes or none. If err is not nil none was made,
	// and the outcomes of those changes that were the reason have errors of their own.
	// It fails with ErrUnsupported if the datastore cannot do that, or not for so many.
	WriteTogether(ctx context.Context, changes []Change) (outcomes []Outcome, err error)

	// CanWriteTogether fails with the ErrUnsupported of WriteTogether, and writes nothing.
	CanWriteTogether(changes []Change) error
}

// EventType says what happened to an object.
type EventType string

// The event types. Put stands for creation and update alike, Gone for deletion.
const (
	Put  EventType = "PUT"
	Gone EventType = "GONE"
)

// Event is one change.
type Event struct {
	Type EventType
	// Object is the object after a Put and as it last was before Gone. Its resource version is
	// the revision of the change, one that Watch can go on from.
	Object resources.Object
}

// Watcher delivers events.
type Watcher interface {
	// Next waits for an event. It returns the error of the context that ended the
	// watch, ErrCompacted if the reader was so slow that history was lost, or
	// ErrUnavailable if the datastore went away. After an error there are no events.
	Next(ctx context.Context) (Event, error)
	// Close ends the watch.
	Close() error
}
