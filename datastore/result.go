package datastore

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/edfb3db0/calicoctl/resources"
)

// Action says what was done with an object.
type Action string

// The actions.
const (
	Created    Action = "created"
	Configured Action = "configured"
	Unchanged  Action = "unchanged"
	Deleted    Action = "deleted"
	// Skipped objects were left as they are, since the user asked for that.
	Skipped Action = "skipped"
)

// Result is what became of one object.
type Result struct {
	Key    resources.Key
	Action Action
	// Object is the object as it is now stored; nil after a deletion or an error.
	Object resources.Object
	// Parts are objects of other kinds that were deleted with this one.
	Parts []resources.Key
	// Ignored are fields that were given and are left as they are.
	Ignored []Ignored
	Err     error
}

// InvalidError says that an object breaks rules of its kind.
type InvalidError struct {
	Key    resources.Key
	Errors field.ErrorList
}

// Error lists every broken rule.
func (e *InvalidError) Error() string {
	rules := make([]string, len(e.Errors))
	for i, err := range e.Errors {
		rules[i] = err.Field + ": " + err.Detail
	}
	return e.Key.String() + " is invalid: " + strings.Join(rules, "; ")
}

// Is makes an InvalidError match ErrInvalid.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

// Check sets the defaults of o and validates it. The error is an *InvalidError.
func Check(o resources.Object) error {
	key, ok := resources.KeyOf(o)
	if !ok {
		return fmt.Errorf("%w: unknown kind %q", ErrInvalid, o.GetObjectKind().GroupVersionKind().Kind)
	}
	key.Kind.Default(o)
	if errs := key.Kind.Validate(o); len(errs) > 0 {
		return &InvalidError{Key: key, Errors: errs}
	}
	return nil
}

// ErrorOf wraps a sentinel error with what it is about.
func ErrorOf(op string, key resources.Key, err error, detail string) error {
	return &Error{Op: op, Key: key, Err: err, Detail: detail}
}

func readOnly(op string, key resources.Key) error {
	return &UnsupportedError{Op: op, Key: key.Kind.Name, Reason: key.Kind.ReadOnly}
}

// UnsupportedError says that something is never done with an object, and why.
type UnsupportedError struct {
	// Op is the verb that was refused.
	Op string
	// Key is what it was about.
	Key    string
	Reason string
}

// Error is "operation <op> is not supported on <key>: <reason>".
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("operation %s is not supported on %s: %s", e.Op, e.Key, e.Reason)
}

// Is makes an UnsupportedError match ErrUnsupported.
func (e *UnsupportedError) Is(target error) bool { return target == ErrUnsupported }

// Failed are the results with errors, in order.
func Failed(results []Result) []Result {
	return slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return r.Err == nil })
}

// aborts tells whether an error ends a whole command, and not only what concerns one object.
func aborts(err error) bool {
	for _, own := range []error{ErrNotFound, ErrExists, ErrConflict, ErrInvalid, ErrUnsupported, ErrUnauthorized, ErrUnavailableHere} {
		if errors.Is(err, own) {
			return false
		}
	}
	return err != nil
}
