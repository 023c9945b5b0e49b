package datastore

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/edfb3db0/calicoctl/resources"
)

// Tolerance is what the caller of a Store puts up with.
type Tolerance struct {
	// LeaveOut is asked of each object that cannot be understood whether to leave it out instead of failing; a
	// watch tells of it as if it were gone.
	LeaveOut func(key resources.Key, err error) bool
	// Remark is told, before an object is given, what in it cannot be understood and is left out of it: whole
	// sentences, none for most objects.
	Remark func(key resources.Key, remarks []string)
	// Understand is asked of each object of a kind that Mends whether what was read means something to the caller: with an
	// error it counts as one that cannot be understood. It may be nil.
	Understand func(resources.Object) error
}

// Tolerating is the part of a Store that is a Tolerant. Until Tolerate is called it puts up with nothing.
type Tolerating struct {
	tolerance atomic.Pointer[Tolerance]
	// mended are the keys of objects of which parts were left out when they were last read.
	mended sync.Map
}

// Tolerate implements Tolerant.
func (t *Tolerating) Tolerate(tolerance Tolerance) { t.tolerance.Store(&tolerance) }

// LeavesOut tells whether an object that cannot be read is left out.
func (t *Tolerating) LeavesOut(key resources.Key, err error) bool {
	tolerance := t.tolerance.Load()
	return tolerance != nil && tolerance.LeaveOut(key, err)
}

// Remark tells of what is left out of an object.
func (t *Tolerating) Remark(key resources.Key, remarks []string) {
	if tolerance := t.tolerance.Load(); tolerance != nil {
		tolerance.Remark(key, remarks)
	}
}

// Decode reads an object with decode and, if that fails, what is left of it without the parts that cannot be
// understood and that its kind can do without.
func (t *Tolerating) Decode(key resources.Key, body []byte, decode func([]byte) (resources.Object, error)) (resources.Object, error) {
	tolerance := t.tolerance.Load()
	if tolerance == nil || !key.Kind.Mends() {
		return decode(body)
	}
	understand := func(body []byte) (resources.Object, error) {
		o, err := decode(body)
		if err != nil || tolerance.Understand == nil {
			return o, err
		}
		return o, tolerance.Understand(o)
	}
	o, err := understand(body)
	if err == nil {
		t.mended.Delete(key)
		t.Remark(key, nil)
		return o, nil
	}
	rest, remarks, ok := key.Kind.Mend(body)
	if !ok {
		return nil, err
	}
	if o, err = understand(rest); err == nil {
		t.mended.Store(key, true)
		t.Remark(key, remarks)
	}
	return o, err
}

// errMended says why an object is not written.
var errMended = errors.New("parts of it cannot be understood, and would be lost")

// MayReplace tells whether an object may be written as a whole: not if that would remove what could not be read.
func (t *Tolerating) MayReplace(op string, key resources.Key) error {
	if _, mended := t.mended.Load(key); mended {
		return ErrorOf(op, key, ErrInvalid, errMended.Error())
	}
	return nil
}
