package etcd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

const (
	// maxOperations is what etcd takes in one transaction unless --max-txn-ops says otherwise.
	maxOperations = 128
	// maxBytes keeps a transaction within the 1.5 MiB that etcd takes in one request.
	maxBytes = 1 << 20
	// inFlight is how many transactions are under way at once.
	inFlight = 4
)

// errTold is the failure of a transaction whose reason is in the outcomes.
var errTold = errors.New("told in the outcomes")

// operation is a change on its way to etcd.
type operation struct {
	datastore.Change
	// index is that of its outcome.
	index int
	// object is what Create or Update stores, and value its stored form.
	object resources.Object
	value  []byte
	// revision is what the stored key must have; 0 wants no key; -1 takes any.
	revision int64
}

// WriteAll implements datastore.Bulk, with transactions of up to 128 changes. A change that cannot be made is
// left out of its transaction, which is tried again without it.
func (s *Store) WriteAll(ctx context.Context, changes []datastore.Change, progress func()) []datastore.Outcome {
	outcomes := make([]datastore.Outcome, len(changes))
	operations := s.prepare(ctx, changes, outcomes)
	var mutex sync.Mutex
	step := func(n int) {
		mutex.Lock()
		defer mutex.Unlock()
		for range n {
			if progress != nil {
				progress()
			}
		}
	}
	step(len(changes) - len(operations))
	var group errgroup.Group
	group.SetLimit(inFlight)
	var ended atomic.Pointer[error] // why nothing more is tried
	for len(operations) > 0 {
		part := operations[:partLength(operations)]
		operations = operations[len(part):]
		group.Go(func() error {
			if why := ended.Load(); why != nil {
				for _, o := range part {
					outcomes[o.index].Err = *why
				}
				return nil
			}
			if err := s.writePart(ctx, part, outcomes); err != nil {
				ended.Store(&err)
			}
			step(len(part))
			return nil
		})
	}
	_ = group.Wait() // errors are in the outcomes
	return outcomes
}

// partLength is how many of the operations fit into one transaction: one at least.
func partLength(operations []operation) int {
	size := 0
	for n, o := range operations {
		size += len(o.value)
		if n > 0 && size > maxBytes || n == maxOperations {
			return n
		}
	}
	return len(operations)
}

// writePart writes operations in one transaction, and again without those that fail. Its error is one that
// the next transaction would meet as well.
func (s *Store) writePart(ctx context.Context, part []operation, outcomes []datastore.Outcome) (ended error) {
	for len(part) > 0 {
		failed, err := s.commit(ctx, part, outcomes)
		if err == nil {
			return nil
		}
		if half := len(part) / 2; half > 0 && tooMuch(err) {
			if ended := s.writePart(ctx, part[:half], outcomes); ended != nil {
				for _, o := range part[half:] {
					outcomes[o.index].Err = ended
				}
				return ended
			}
			part = part[half:]
			continue
		}
		var rest []operation
		for _, o := range part {
			switch {
			case failed[o.index]:
			case errors.Is(err, errTold):
				rest = append(rest, o)
			default:
				outcomes[o.index].Err = s.failure(ctx, string(o.Op), o.Key, err)
				if !errors.Is(outcomes[o.index].Err, datastore.ErrInvalid) {
					ended = outcomes[o.index].Err
				}
			}
		}
		part = rest
	}
	return ended
}

// WriteTogether implements datastore.Bulk, for up to 128 changes of together 1 MiB.
func (s *Store) WriteTogether(ctx context.Context, changes []datastore.Change) ([]datastore.Outcome, error) {
	outcomes := make([]datastore.Outcome, len(changes))
	operations := s.prepare(ctx, changes, outcomes)
	for i, c := range changes {
		if outcomes[i].Err != nil {
			return outcomes, fmt.Errorf("%s %s: %w", c.Op, c.Key, outcomes[i].Err)
		}
	}
	if err := fitTogether(operations); err != nil {
		return outcomes, err
	}
	failed, err := s.commit(ctx, operations, outcomes)
	switch {
	case errors.Is(err, errTold):
		for i := range outcomes {
			if failed[i] {
				return outcomes, outcomes[i].Err
			}
		}
	case err != nil:
		err = s.failure(ctx, "write", resources.Key{}, err)
	}
	return outcomes, err
}

// fitTogether refuses operations that are too much for one transaction.
func fitTogether(operations []operation) error {
	if partLength(operations) == len(operations) {
		return nil
	}
	return datastore.ErrorOf("write", resources.Key{}, datastore.ErrUnsupported,
		fmt.Sprintf("etcd writes up to %d objects and %d KiB together, and these are %d objects; write fewer at once, or without --atomic",
			maxOperations, maxBytes>>10, len(operations)))
}

// CanWriteTogether implements datastore.Bulk.
func (*Store) CanWriteTogether(changes []datastore.Change) error {
	operations := make([]operation, len(changes))
	for i, c := range changes {
		if c.Object == nil {
			continue
		}
		value, err := encode(c.Key, c.Object)
		if err != nil {
			return datastore.ErrorOf(string(c.Op), c.Key, datastore.ErrInvalid, err.Error())
		}
		operations[i].value = value
	}
	return fitTogether(operations)
}

// prepare makes operations of those changes that can be tried; the others get their outcomes.
func (s *Store) prepare(ctx context.Context, changes []datastore.Change, outcomes []datastore.Outcome) []operation {
	operations := make([]operation, 0, len(changes))
	for i, c := range changes {
		o, err := s.operation(ctx, c)
		if err != nil {
			outcomes[i].Err = err
			continue
		}
		o.index = i
		operations = append(operations, o)
	}
	return operations
}

func (s *Store) operation(ctx context.Context, c datastore.Change) (o operation, err error) {
	o = operation{Change: c, object: c.Object}
	if err := datastore.RefuseBuiltIn(string(c.Op), c.Key); err != nil {
		return o, err
	}
	switch c.Op {
	case datastore.ChangeDelete:
		o.revision = -1
		if c.ResourceVersion != "" {
			o.revision, err = parseRevision("delete", c.Key, c.ResourceVersion)
		}
		return o, err
	case datastore.ChangeUpdate:
		if err = s.tolerating.MayReplace("update", c.Key); err != nil {
			return o, err
		}
		if o.revision, err = parseRevision("update", c.Key, c.Object.GetResourceVersion()); err != nil {
			return o, err
		}
		if o.object, err = s.withStoredIdentity(ctx, c); err != nil {
			return o, err
		}
	case datastore.ChangeCreate:
		o.object = withIdentity(c.Object)
	}
	if o.value, err = encode(c.Key, o.object); err != nil {
		return o, datastore.ErrorOf(string(c.Op), c.Key, datastore.ErrInvalid, err.Error())
	}
	return o, nil
}

// withStoredIdentity copies the object of an update, with the stored uid and creation time where it has none.
func (s *Store) withStoredIdentity(ctx context.Context, c datastore.Change) (resources.Object, error) {
	if at := c.Object.GetCreationTimestamp(); c.Object.GetUID() != "" && !at.IsZero() {
		return c.Object, nil
	}
	stored, err := s.get(ctx, "update", c.Key)
	if err != nil {
		return nil, err
	}
	out := c.Object.DeepCopyObject().(resources.Object)
	if out.GetUID() == "" {
		out.SetUID(stored.GetUID())
	}
	if at := out.GetCreationTimestamp(); at.IsZero() {
		out.SetCreationTimestamp(stored.GetCreationTimestamp())
	}
	return out, nil
}

// commit makes all operations in one transaction, and fills in their outcomes. With errTold
// none was made and failed has the indices of those that are the reason.
func (s *Store) commit(ctx context.Context, operations []operation, outcomes []datastore.Outcome) (failed map[int]bool, err error) {
	var conditions []clientv3.Cmp
	var writes, reads []clientv3.Op
	for _, o := range operations {
		path := pathOf(o.Key)
		switch {
		case o.revision >= 0:
			conditions = append(conditions, clientv3.Compare(clientv3.ModRevision(path), "=", o.revision))
		default:
			conditions = append(conditions, clientv3.Compare(clientv3.ModRevision(path), ">", 0))
		}
		if o.Op == datastore.ChangeDelete {
			writes = append(writes, clientv3.OpDelete(path))
		} else {
			writes = append(writes, clientv3.OpPut(path, string(o.value)))
		}
		reads = append(reads, clientv3.OpGet(path, clientv3.WithKeysOnly()))
	}
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	answer, err := s.client.Txn(bounded).If(conditions...).Then(writes...).Else(reads...).Commit()
	if err != nil {
		return nil, err
	}
	if answer.Succeeded {
		fill(operations, answer.Header.Revision, outcomes)
		return nil, nil
	}
	failed = map[int]bool{}
	for i, o := range operations {
		var revision int64
		if kvs := answer.Responses[i].GetResponseRange().Kvs; len(kvs) > 0 {
			revision = kvs[0].ModRevision
		}
		if err := o.refused(revision); err != nil {
			outcomes[o.index].Err = err
			failed[o.index] = true
		}
	}
	return failed, errTold
}

// fill sets the outcomes of what was written at a revision.
func fill(operations []operation, revision int64, outcomes []datastore.Outcome) {
	for _, o := range operations {
		if o.Op == datastore.ChangeDelete {
			continue
		}
		out := o.object.DeepCopyObject().(resources.Object)
		out.SetManagedFields(nil)
		out.SetGeneration(0)
		out.SetResourceVersion(formatRevision(revision))
		outcomes[o.index].Object = out
	}
}

// refused is why an operation cannot be made on a key of this revision, 0 for none; nil if it can.
func (o operation) refused(revision int64) error {
	own := func(err error) error { return datastore.ErrorOf(string(o.Op), o.Key, err, "") }
	switch {
	case o.Op == datastore.ChangeCreate && revision != 0:
		return own(datastore.ErrExists)
	case o.Op != datastore.ChangeCreate && revision == 0:
		return own(datastore.ErrNotFound)
	case o.revision > 0 && revision != o.revision:
		return datastore.ErrorOf(string(o.Op), o.Key, datastore.ErrConflict,
			fmt.Sprintf("resource version %q is out of date (latest: %d)", formatRevision(o.revision), revision))
	}
	return nil
}
