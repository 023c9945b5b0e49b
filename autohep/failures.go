package autohep

import (
	"errors"
	"fmt"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Failures are the writes of a plan that have come to nothing. Whoever carries out a plan creates, then updates, and
// then deletes what these leave to delete.
type Failures struct {
	all []error
	// behind are the nodes that do not have all that they need.
	behind map[string]bool
	// pending counts the failures by node.
	pending map[string]int
}

// Add takes what a write of an endpoint came to, and tells whether it has failed. Deleting what is gone already has not.
func (f *Failures) Add(op datastore.ChangeOp, h *v3.HostEndpoint, err error) bool {
	if err == nil || op == datastore.ChangeDelete && errors.Is(err, datastore.ErrNotFound) {
		return false
	}
	if f.pending == nil {
		f.behind, f.pending = map[string]bool{}, map[string]int{}
	}
	if op != datastore.ChangeDelete {
		f.behind[h.Spec.Node] = true
	}
	f.pending[h.Spec.Node]++
	f.all = append(f.all, fmt.Errorf("%s %s: %w", op, resources.HostEndpoint.Key(h.Name), err))
	return true
}

// MayDelete tells whether a stale endpoint may be deleted: a node keeps those that it has while one that it needs cannot
// be written.
func (f *Failures) MayDelete(h *v3.HostEndpoint) bool { return !f.behind[h.Spec.Node] }

// Pending is how many endpoints of a node could not be written.
func (f *Failures) Pending(node string) int { return f.pending[node] }

// Err joins one "create HostEndpoint(name): cause" for each failure; nil if there is none.
func (f *Failures) Err() error { return errors.Join(f.all...) }
