package datastore

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/edfb3db0/calicoctl/resources"
)

// What can go wrong with one object. Every error of a Store matches exactly one of
// these with errors.Is (ErrUnavailableHere is an ErrUnavailable), or is the error of its context.
var (
	// ErrNotFound says that there is no such object.
	ErrNotFound = errors.New("resource does not exist")
	// ErrExists says that there is one already.
	ErrExists = errors.New("resource already exists")
	// ErrConflict says that the object has changed since the revision that was given.
	ErrConflict = errors.New("update conflict")
	// ErrInvalid says that the datastore, or what it holds, cannot be understood.
	ErrInvalid = errors.New("invalid")
	// ErrUnsupported says that this datastore never does this.
	ErrUnsupported = errors.New("operation is not supported")
	// ErrUnauthorized says that the user may not do this.
	ErrUnauthorized = errors.New("connection is unauthorized")
	// ErrUnavailable says that the datastore cannot be reached or cannot work at the moment.
	ErrUnavailable = errors.New("datastore is unavailable")
	// ErrUnavailableHere is the ErrUnavailable of one operation: others may well succeed.
	ErrUnavailableHere = fmt.Errorf("%w", ErrUnavailable)
	// ErrCompacted says that the history before a revision is gone: list again.
	ErrCompacted = errors.New("revision is compacted")
)

// IsAway tells of a datastore that is not there, so that no other operation makes sense either.
func IsAway(err error) bool {
	return errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrUnavailableHere)
}

// NotBegunError ends a command before its first write.
type NotBegunError struct{ Err error }

// Error is that of the failure.
func (e *NotBegunError) Error() string { return e.Err.Error() }

// Unwrap gives the failure.
func (e *NotBegunError) Unwrap() error { return e.Err }

// Error is a failed operation, in the shape of fs.PathError.
type Error struct {
	// Op is the method of Store in lower case.
	Op string
	// Key is what the operation was about; its name is empty when a whole kind was meant.
	Key resources.Key
	// Err wraps one of the sentinel errors.
	Err error
	// Detail says more than Err does, for users; empty if there is nothing more to say.
	Detail string
}

// Error is "<what>: <Kind(name)>", and the detail when there is one.
func (e *Error) Error() string {
	text := e.Err.Error()
	if e.Key.Kind != nil {
		text += ": " + e.Key.String()
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Unwrap gives the sentinel error.
func (e *Error) Unwrap() error { return e.Err }

// MendOrDelete ends a message about stored objects that cannot be understood.
const MendOrDelete = "; mend what is stored there, or remove the object: calicoctl delete KIND NAME"

// Unreadable words why a stored object cannot be decoded, with the field in question where that is known.
func Unreadable(err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return fmt.Sprintf("%s must not be of type %s", wrong.Field, wrong.Value)
	}
	return err.Error()
}
