package datastore

import (
	"context"
	"errors"
	"fmt"

	"github.com/edfb3db0/calicoctl/resources"
)

// StatusWriter is a Store that keeps the status of an object apart from the rest of it.
type StatusWriter interface {
	// UpdateStatus is Update for the status alone: the rest of o is not written.
	UpdateStatus(ctx context.Context, o resources.Object) (resources.Object, error)
}

// UpdateStatus writes the status of o, and in a Store that does not keep it apart the rest
// of o too. Errors are those of Store.Update.
func UpdateStatus(ctx context.Context, s Store, o resources.Object) (resources.Object, error) {
	if w, ok := s.(StatusWriter); ok {
		return w.UpdateStatus(ctx, o)
	}
	return s.Update(ctx, o)
}

// ObjectEvent is something worth telling about an object.
type ObjectEvent struct {
	// Key and UID are the object's.
	Key resources.Key
	UID string
	// Warning tells that something is wrong.
	Warning bool
	// Reason is one word in CamelCase, and Text whole sentences.
	Reason, Text string
}

// EventRecorder is a Store beside which events can be read by those who look after its objects.
type EventRecorder interface {
	RecordEvent(ctx context.Context, e ObjectEvent) error
}

// Election is what processes hold to agree on one of them.
type Election struct {
	// Namespace and Name are the same for all who take part. A Store without namespaces
	// uses Name alone.
	Namespace, Name string
	// Identity is this process.
	Identity string
	// Tried is told, if it is not nil, why the last try to take part came to nothing, and nil as long as the tries work.
	Tried func(err error)
}

// Tell has Tried be told.
func (e Election) Tell(err error) {
	if e.Tried != nil {
		e.Tried(err)
	}
}

// Elector is a Store through which processes elect one of them.
type Elector interface {
	// Lead waits until no other process leads, and then calls lead. The context of lead
	// ends when ctx does, or when it is no longer certain that this process leads: within
	// ten seconds of the loss of the datastore; IsLost then tells that of it. When lead has returned, the next process
	// may take over at once; if this process dies, after 15 seconds at the most.
	//
	// An error says why an election could not be held, or why it was lost; the caller
	// may try again. It is nil if lead returned by itself.
	Lead(ctx context.Context, e Election, lead func(context.Context)) error

	// Leader is the identity of who leads, empty if nobody does.
	Leader(ctx context.Context, e Election) (string, error)
}

// errLeadLost is behind the end of a context of lead that IsLost tells of.
var errLeadLost = errors.New("the lead is lost")

// Lost is the cause of the end of a context because the lead may be another process's.
func Lost(why error) error { return fmt.Errorf("%w: %w", errLeadLost, why) }

// IsLost tells whether a context of lead has ended because the lead may be another process's,
// which is to say that nothing may be written any more.
func IsLost(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errLeadLost) }

// Refresher is a Store that can list a kind with less work for a caller who has most of it.
type Refresher interface {
	// Refresh is List, but an object for whose name and resource version known gives one
	// is not read: that one is in the list.
	Refresh(ctx context.Context, kind *resources.Kind, known func(name, resourceVersion string) (resources.Object, bool)) (*resources.List, error)
}

// Tolerant is a Store that can leave out what it holds and cannot understand.
type Tolerant interface {
	// Tolerate says what List, Refresh and Watch are to put up with, and what Get is to remark. It is for callers
	// for whom one broken object must not hide all others, nor one broken field the object, and has to be called
	// before the reads that it is to hold for.
	Tolerate(Tolerance)
}
