package datastore

import (
	"slices"

	"github.com/edfb3db0/calicoctl/resources"
)

// BuiltIn makes the object that every datastore has under key without storing it, if
// there is one. A Store asks it before it reads, so that nothing stored can hide it.
func BuiltIn(key resources.Key) (resources.Object, bool) {
	for _, o := range key.Kind.Builtin() {
		if o.GetName() == key.Name {
			return o, true
		}
	}
	return nil, false
}

// RefuseBuiltIn is what the methods "create", "update" and "delete" of a Store answer
// about a built-in object: ErrExists to the first, ErrUnsupported to the others. It is
// nil for any other object.
func RefuseBuiltIn(op string, key resources.Key) error {
	if _, ok := BuiltIn(key); !ok {
		return nil
	}
	if op == "create" {
		return ErrorOf(op, key, ErrExists, "")
	}
	return ErrorOf(op, key, ErrUnsupported, "it is built in")
}

// WithBuiltIn makes the items of a list out of what is stored, which it takes over: the
// built-in objects are added, stored ones of the same name dropped, and all of them put
// in the kind's order.
func WithBuiltIn(kind *resources.Kind, stored []resources.Object) []resources.Object {
	builtin := kind.Builtin()
	for _, b := range builtin {
		stored = slices.DeleteFunc(stored, func(o resources.Object) bool { return o.GetName() == b.GetName() })
	}
	items := append(stored, builtin...)
	slices.SortFunc(items, kind.Compare)
	return items
}
