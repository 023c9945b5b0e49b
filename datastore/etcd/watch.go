package etcd

import (
	"context"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// watcher receives events. The client connects anew by itself and loses nothing meanwhile.
type watcher struct {
	store *Store
	kind  *resources.Kind
	// ctx ends with the watch.
	ctx     context.Context
	stop    context.CancelFunc
	channel clientv3.WatchChan
	ready   []*clientv3.Event
	over    error
}

// Watch implements datastore.Store. Changes of one transaction have one revision: who goes on from the
// revision of one of them does not see the others again.
func (s *Store) Watch(ctx context.Context, kind *resources.Kind, resourceVersion string) (datastore.Watcher, error) {
	key := kind.Key("")
	revision, err := parseRevision("watch", key, resourceVersion)
	if err != nil {
		return nil, err
	}
	w := &watcher{store: s, kind: kind}
	w.ctx, w.stop = context.WithCancel(ctx)
	overdue := time.AfterFunc(s.timeout, w.stop) // the client would wait for ever for a connection
	w.channel = s.client.Watch(clientv3.WithRequireLeader(w.ctx), folderOf(kind),
		clientv3.WithPrefix(), clientv3.WithRev(revision+1), clientv3.WithPrevKV(), clientv3.WithCreatedNotify())
	answer, ok := <-w.channel
	switch {
	case !overdue.Stop() && ctx.Err() == nil:
		err = s.failure(ctx, "watch", key, context.DeadlineExceeded)
	case ok && answer.Header.Revision < revision:
		err = datastore.ErrorOf("watch", key, datastore.ErrCompacted, "the datastore is older than that revision; list again")
	default:
		err = w.take(answer, ok)
	}
	if err != nil {
		w.stop()
		return nil, err
	}
	return w, nil
}

// Next implements datastore.Watcher.
func (w *watcher) Next(ctx context.Context) (datastore.Event, error) {
	for w.over == nil {
		if w.over = w.ended(ctx); w.over != nil {
			break
		}
		if len(w.ready) == 0 {
			w.wait(ctx)
			continue
		}
		next := w.ready[0]
		w.ready = w.ready[1:]
		if name, ok := nameOf(w.kind, string(next.Kv.Key)); ok {
			event, err := w.event(w.kind.Key(name), next)
			w.over = err
			if err == nil {
				return event, nil
			}
		}
	}
	return datastore.Event{}, w.over
}

func (w *watcher) ended(ctx context.Context) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	return ctx.Err()
}

func (w *watcher) wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case answer, ok := <-w.channel:
		w.over = w.take(answer, ok)
	}
}

// take keeps the events of an answer.
func (w *watcher) take(answer clientv3.WatchResponse, ok bool) error {
	key := w.kind.Key("")
	switch err := answer.Err(); {
	case err != nil:
		return w.store.failure(w.ctx, "watch", key, err)
	case !ok && w.ctx.Err() != nil:
		return w.ctx.Err()
	case !ok:
		return datastore.ErrorOf("watch", key, datastore.ErrUnavailable, "etcd has ended the watch")
	}
	w.ready = append(w.ready, answer.Events...)
	return nil
}

func (w *watcher) event(key resources.Key, e *clientv3.Event) (datastore.Event, error) {
	kind, value := datastore.Put, e.Kv.Value
	if e.Type == mvccpb.DELETE {
		kind = datastore.Gone
		if e.PrevKv == nil { // it was compacted away since
			return barelyGone(key, e), nil
		}
		value = e.PrevKv.Value
	}
	o, err := w.store.decode(key, value, e.Kv.ModRevision)
	switch {
	case err != nil && (kind == datastore.Gone || w.store.tolerating.LeavesOut(key, err)):
		return barelyGone(key, e), nil // as far as anybody can tell
	case err != nil:
		return datastore.Event{}, undecodable("watch", key, err)
	}
	return datastore.Event{Type: kind, Object: o}, nil
}

// barelyGone says that an object is gone, of which only the name is known.
func barelyGone(key resources.Key, e *clientv3.Event) datastore.Event {
	o := key.Kind.New()
	o.SetName(key.Name)
	o.SetResourceVersion(formatRevision(e.Kv.ModRevision))
	return datastore.Event{Type: datastore.Gone, Object: o}
}

// Close implements datastore.Watcher.
func (w *watcher) Close() error {
	w.stop()
	return nil
}
