package local

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

const (
	// pollInterval is how long a write of another process may go unnoticed.
	pollInterval = 50 * time.Millisecond
	// readAhead is how many events are read at once.
	readAhead = 256
)

const (
	queryCurrent = `SELECT current FROM revisions`
	queryLog     = `SELECT revision, name, type, body FROM log WHERE revision > ? AND kind = ? ORDER BY revision LIMIT ?`
)

// watcher reads the log from a revision on. One goroutine may call Next at a time.
type watcher struct {
	store *Store
	kind  *resources.Kind
	// ctx ends with the watch.
	ctx  context.Context
	stop context.CancelFunc

	// seen is the revision up to which the log has been read.
	seen int64
	// ready are events that have been read and not been delivered.
	ready []logged
	// over is the error that ended the watch.
	over error
}

// logged is a row of the log.
type logged struct {
	stored
	name string
	kind change
}

// Watch implements datastore.Store. A resource version that is ahead of the datastore,
// as when an older copy of the file has been restored, counts as compacted.
func (s *Store) Watch(ctx context.Context, kind *resources.Kind, resourceVersion string) (datastore.Watcher, error) {
	revision, err := strconv.ParseInt(resourceVersion, 10, 64)
	if err != nil {
		return nil, datastore.ErrorOf("watch", kind.Key(""), datastore.ErrInvalid,
			strconv.Quote(resourceVersion)+" is no resource version of this datastore")
	}
	w := &watcher{store: s, kind: kind, seen: revision}
	if err := w.read(ctx); err != nil {
		return nil, err
	}
	w.ctx, w.stop = context.WithCancel(ctx)
	return w, nil
}

// Next implements datastore.Watcher.
func (w *watcher) Next(ctx context.Context) (datastore.Event, error) {
	for w.over == nil && len(w.ready) == 0 {
		w.over = w.wait(ctx)
	}
	if w.over == nil {
		w.over = w.ended(ctx)
	}
	if w.over != nil {
		return datastore.Event{}, w.over
	}
	next := w.ready[0]
	w.ready = w.ready[1:]
	o, err := next.object("watch", w.kind.Key(next.name))
	if err != nil {
		w.over = err
		return datastore.Event{}, err
	}
	return datastore.Event{Type: next.kind.event(), Object: o}, nil
}

// Close implements datastore.Watcher. A Next that is waiting fails.
func (w *watcher) Close() error {
	w.stop()
	return nil
}

func (w *watcher) ended(ctx context.Context) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	return ctx.Err()
}

// wait reads what is new, or else waits until there may be something.
func (w *watcher) wait(ctx context.Context) error {
	written := w.store.nextWrite()
	if err := w.ended(ctx); err != nil {
		return err
	}
	if err := w.poll(ctx); err != nil || len(w.ready) > 0 {
		return err
	}
	timer := time.NewTimer(pollInterval)
	defer timer.Stop()
	select {
	case <-w.ctx.Done():
	case <-ctx.Done():
	case <-w.store.closed:
	case <-written:
	case <-timer.C:
	}
	return w.ended(ctx)
}

// poll reads the log if the counter has moved.
func (w *watcher) poll(ctx context.Context) error {
	if err := w.store.checkFile("watch", w.kind.Key("")); err != nil {
		return err
	}
	var current int64
	err := w.store.db.QueryRowContext(ctx, queryCurrent).Scan(&current)
	switch {
	case err != nil:
		return w.store.failure("watch", w.kind.Key(""), err)
	case current == w.seen:
		return nil
	}
	return w.read(ctx)
}

// read fetches the events after the one seen last.
func (w *watcher) read(ctx context.Context) error {
	key := w.kind.Key("")
	return w.store.read(ctx, "watch", key, func(t *tx) error {
		r, err := t.counter()
		if err != nil {
			return t.failed("watch", key, err)
		}
		if w.seen < r.compacted || w.seen > r.current {
			return datastore.ErrorOf("watch", key, datastore.ErrCompacted, "list again")
		}
		rows, err := t.sql.QueryContext(ctx, queryLog, w.seen, w.kind.Name, readAhead)
		if err != nil {
			return t.failed("watch", key, err)
		}
		defer func() { _ = rows.Close() }()
		if w.ready, err = scanLog(rows); err != nil {
			return t.failed("watch", key, err)
		}
		w.seen = r.current
		if len(w.ready) == readAhead {
			w.seen = w.ready[readAhead-1].revision
		}
		return nil
	})
}

func scanLog(rows *sql.Rows) (events []logged, err error) {
	for rows.Next() {
		var e logged
		if err := rows.Scan(&e.revision, &e.name, &e.kind, &e.body); err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, rows.Err()
}
