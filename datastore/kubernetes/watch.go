package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// watcher receives events. The server ends every watch after some time: the next one goes on where
// that one was.
type watcher struct {
	store *Store
	c     collection
	// ctx ends with the watch.
	ctx  context.Context
	stop context.CancelFunc
	// seen is the revision to go on from.
	seen   string
	events chan received
	over   error
}

// received is an event, or the error that ended the watch.
type received struct {
	event datastore.Event
	err   error
}

// Watch implements datastore.Store.
func (s *Store) Watch(ctx context.Context, kind *resources.Kind, resourceVersion string) (datastore.Watcher, error) {
	if kind == resources.Profile {
		return nil, datastore.ErrorOf("watch", kind.Key(""), datastore.ErrUnsupported, "profiles are made of namespaces and service accounts")
	}
	c := s.collectionOf(kind)
	if kind == resources.Node {
		c.decode = s.decodeNode // what is only watched is not kept
	}
	w := &watcher{store: s, c: c, seen: resourceVersion, events: make(chan received)}
	w.ctx, w.stop = context.WithCancel(ctx)
	body, err := w.connect()
	if err != nil {
		w.stop()
		return nil, err
	}
	go w.receive(body)
	return w, nil
}

// connect asks for the changes after what was seen, and waits until the server begins to tell them.
func (w *watcher) connect() (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(w.ctx)
	late := time.AfterFunc(w.store.timeout, func() { cancel(context.DeadlineExceeded) })
	body, err := w.store.client.Get().AbsPath(w.c.path).Param("watch", "true").
		Param("resourceVersion", w.seen).Param("allowWatchBookmarks", "true").Stream(ctx)
	late.Stop()
	if err != nil {
		err = errors.Join(err, context.Cause(ctx))
		cancel(nil)
		return nil, w.store.failure(w.ctx, "watch", w.c.kind.Key(""), w.c.request("watch"), err)
	}
	return connection{body, cancel}, nil
}

// connection is the body of an answer, with what ends the request.
type connection struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

// Close ends the request.
func (c connection) Close() error {
	c.cancel(nil)
	return c.ReadCloser.Close()
}

// The pauses before a watch that ended at once begins again: each is twice as long as the one before.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 5 * time.Second
)

// receive delivers events until the watch ends.
func (w *watcher) receive(body io.ReadCloser) {
	pause := firstPause
	for {
		before, began := w.seen, time.Now()
		err := w.readAll(body)
		_ = body.Close()
		if w.seen != before || time.Since(began) > lastPause {
			pause = firstPause
		} else if err == nil {
			err = w.wait(&pause)
		}
		if err == nil {
			body, err = w.reconnect(&pause)
		}
		if err != nil {
			w.deliver(received{err: err})
			return
		}
	}
}

// reconnect goes on where the last connection was, and gives a server that restarts the time of one request to
// come back. Nothing is lost meanwhile: the server tells what happened, or that it no longer knows.
func (w *watcher) reconnect(pause *time.Duration) (io.ReadCloser, error) {
	patience := time.Now().Add(w.store.timeout)
	for {
		body, err := w.connect()
		if !errors.Is(err, datastore.ErrUnavailable) || time.Now().Add(*pause).After(patience) {
			return body, err
		}
		if err := w.wait(pause); err != nil {
			return nil, err
		}
	}
}

// wait waits for a pause, and doubles it.
func (w *watcher) wait(pause *time.Duration) error {
	select {
	case <-w.ctx.Done():
		return w.ctx.Err()
	case <-time.After(*pause):
		*pause = min(2**pause, lastPause)
		return nil
	}
}

func (w *watcher) deliver(r received) {
	select {
	case w.events <- r:
	case <-w.ctx.Done():
	}
}

// readAll delivers the events of one connection; nil if the watch can go on with another one.
func (w *watcher) readAll(body io.Reader) error {
	decoder := json.NewDecoder(body)
	for {
		var next struct {
			Type   string
			Object json.RawMessage
		}
		if err := decoder.Decode(&next); err != nil {
			return w.ctx.Err() // a connection that breaks in the middle of an event loses nothing: it comes again
		}
		event, deliver, err := w.event(next.Type, next.Object)
		if err != nil {
			return err
		}
		if deliver {
			w.deliver(received{event: event})
		}
	}
}

func (w *watcher) event(kind string, body []byte) (event datastore.Event, deliver bool, err error) {
	switch kind {
	case "ERROR":
		return event, false, w.failed(body)
	case "BOOKMARK":
		var mark struct {
			Metadata struct{ ResourceVersion string }
		}
		err = json.Unmarshal(body, &mark)
		w.seen = mark.Metadata.ResourceVersion
		return event, false, err
	case "DELETED":
		event.Type = datastore.Gone
	default:
		event.Type = datastore.Put
	}
	event.Object, err = decoded("watch", w.c.kind.Key(nameOf(body)), w.c, body)
	if err != nil && w.store.tolerating.LeavesOut(w.c.kind.Key(nameOf(body)), err) {
		event.Object, err = w.barely(body)
		event.Type = datastore.Gone // as far as anybody can tell
	}
	if err == nil {
		w.seen = event.Object.GetResourceVersion()
	}
	return event, err == nil, err
}

// barely is no more of an object than its name and revision.
func (w *watcher) barely(body []byte) (resources.Object, error) {
	var in struct {
		Metadata struct{ Name, ResourceVersion string }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, datastore.ErrorOf("watch", w.c.kind.Key(""), datastore.ErrInvalid, err.Error())
	}
	o := w.c.kind.New()
	o.SetName(in.Metadata.Name)
	o.SetResourceVersion(in.Metadata.ResourceVersion)
	return o, nil
}

// failed is the error that the server tells with an event.
func (w *watcher) failed(body []byte) error {
	var status metav1.Status
	if err := json.Unmarshal(body, &status); err != nil {
		return datastore.ErrorOf("watch", w.c.kind.Key(""), datastore.ErrUnavailable, "the server's answer cannot be understood: "+err.Error())
	}
	if status.Code == http.StatusGone {
		status.Reason = metav1.StatusReasonExpired
	}
	return w.store.failure(w.ctx, "watch", w.c.kind.Key(""), w.c.request("watch"), &apierrors.StatusError{ErrStatus: status})
}

// Next implements datastore.Watcher.
func (w *watcher) Next(ctx context.Context) (datastore.Event, error) {
	if w.over == nil {
		w.over = errors.Join(w.ctx.Err(), ctx.Err())
	}
	if w.over != nil {
		return datastore.Event{}, w.over
	}
	select {
	case r := <-w.events:
		w.over = r.err
		return r.event, r.err
	case <-ctx.Done():
		w.over = ctx.Err()
	case <-w.ctx.Done():
		w.over = w.ctx.Err()
	}
	return datastore.Event{}, w.over
}

// Close implements datastore.Watcher.
func (w *watcher) Close() error {
	w.stop()
	return nil
}
