package kubernetes

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// WriteAll implements datastore.Bulk, with 32 requests under way at once.
func (s *Store) WriteAll(ctx context.Context, changes []datastore.Change, progress func()) []datastore.Outcome {
	outcomes := make([]datastore.Outcome, len(changes))
	var mutex sync.Mutex
	var group errgroup.Group
	group.SetLimit(writers)
	for i, c := range changes {
		group.Go(func() error {
			outcomes[i] = s.write(ctx, c)
			if progress != nil {
				mutex.Lock()
				defer mutex.Unlock()
				progress()
			}
			return nil
		})
	}
	_ = group.Wait() // errors are in the outcomes
	return outcomes
}

func (s *Store) write(ctx context.Context, c datastore.Change) (o datastore.Outcome) {
	if o.Err = ctx.Err(); o.Err != nil {
		return o
	}
	switch c.Op {
	case datastore.ChangeCreate:
		o.Object, o.Err = s.Create(ctx, c.Object)
	case datastore.ChangeUpdate:
		o.Object, o.Err = s.Update(ctx, c.Object)
	case datastore.ChangeDelete:
		o.Err = s.Delete(ctx, c.Key, c.ResourceVersion)
	}
	return o
}

// WriteTogether implements datastore.Bulk: it always fails, since the Kubernetes API has no transactions.
func (*Store) WriteTogether(_ context.Context, changes []datastore.Change) ([]datastore.Outcome, error) {
	return make([]datastore.Outcome, len(changes)), datastore.ErrorOf("write", resources.Key{}, datastore.ErrUnsupported,
		"the Kubernetes API cannot write several objects all or nothing; leave --atomic out")
}
