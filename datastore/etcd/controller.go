package etcd

import (
	"context"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

var _ datastore.Elector = (*Store)(nil)

const (
	// elections is where elections are held.
	elections = "/calico/calicoctl/elections/"
	// leaseSeconds is how long the lease of a process that has died goes on.
	leaseSeconds = 10
	// resignTime is how long giving up the lead may take.
	resignTime = time.Second
)

// Lead implements datastore.Elector with a lease of etcd: its end ends the lead.
func (s *Store) Lead(ctx context.Context, e datastore.Election, lead func(context.Context)) error {
	session, err := s.session(ctx)
	if err != nil {
		return err
	}
	defer s.end(ctx, session)
	e.Tell(nil)
	campaign, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	defer context.AfterFunc(session.Ctx(), func() { stop(datastore.Lost(errEnded)) })()
	if err := s.campaign(campaign, session, e); err != nil {
		return err
	}
	lead(campaign)
	if datastore.IsLost(campaign) {
		return context.Cause(campaign)
	}
	return ctx.Err()
}

// errEnded says that the key of a process may be gone by now.
var errEnded = fmt.Errorf("%w: the lease has ended", datastore.ErrUnavailable)

// campaign waits until this process leads. It does not wait for etcd when ctx ends: the key that
// may be left goes with the lease.
func (s *Store) campaign(ctx context.Context, session *concurrency.Session, e datastore.Election) error {
	election := concurrency.NewElection(session, elections+e.Name)
	won := make(chan error, 1)
	go func() { won <- election.Campaign(ctx, e.Identity) }()
	var err error
	select {
	case err = <-won:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if datastore.IsLost(ctx) {
		return context.Cause(ctx)
	}
	return s.failure(ctx, "lead", resources.Key{}, err)
}

// end revokes the lease of a session, and with it the lead. Where that fails the lease runs out.
func (s *Store) end(ctx context.Context, session *concurrency.Session) {
	session.Orphan()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), resignTime)
	defer cancel()
	_, _ = s.client.Revoke(last, session.Lease())
}

// session begins a lease that is kept alive.
func (s *Store) session(ctx context.Context) (*concurrency.Session, error) {
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	granted, err := s.client.Grant(bounded, leaseSeconds)
	if err != nil {
		return nil, s.failure(ctx, "lead", resources.Key{}, err)
	}
	session, err := concurrency.NewSession(s.client, concurrency.WithLease(granted.ID), concurrency.WithContext(context.WithoutCancel(ctx)), concurrency.WithTTL(leaseSeconds))
	if err != nil {
		return nil, s.failure(ctx, "lead", resources.Key{}, err)
	}
	return session, nil
}

// Leader implements datastore.Elector.
func (s *Store) Leader(ctx context.Context, e datastore.Election) (string, error) {
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	answer, err := s.client.Get(bounded, elections+e.Name+"/", clientv3.WithFirstCreate()...)
	if err != nil {
		return "", s.failure(ctx, "lead", resources.Key{}, err)
	}
	if len(answer.Kvs) == 0 {
		return "", nil
	}
	return string(answer.Kvs[0].Value), nil
}
