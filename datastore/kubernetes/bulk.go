package kubernetes

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// WriteAll implements datastore.Bulk, with as many requests under way at once as Config.Concurrency says. When the
// server stops answering it tries no more changes.
func (s *Store) WriteAll(ctx context.Context, changes []datastore.Change, progress func()) []datastore.Outcome {
	outcomes := make([]datastore.Outcome, len(changes))
	var mutex sync.Mutex
	var away error
	var group errgroup.Group
	group.SetLimit(s.concurrency)
	for i, c := range changes {
		group.Go(func() error {
			mutex.Lock()
			outcome := datastore.Outcome{Err: away}
			mutex.Unlock()
			if outcome.Err == nil {
				outcome = s.write(ctx, c)
			}
			outcomes[i] = outcome
			mutex.Lock()
			defer mutex.Unlock()
			if datastore.IsAway(outcome.Err) {
				away = outcome.Err
			}
			if progress != nil {
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
func (s *Store) WriteTogether(_ context.Context, changes []datastore.Change) ([]datastore.Outcome, error) {
	return make([]datastore.Outcome, len(changes)), s.CanWriteTogether(changes)
}

// CanWriteTogether implements datastore.Bulk.
func (*Store) CanWriteTogether([]datastore.Change) error {
	return datastore.ErrorOf("write", resources.Key{}, datastore.ErrUnsupported,
		"the Kubernetes API cannot write several objects all or nothing; leave --atomic out")
}
