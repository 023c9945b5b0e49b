package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

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
	w := &watcher{store: s, c: s.collectionOf(kind), seen: resourceVersion, events: make(chan received)}
	w.ctx, w.stop = context.WithCancel(ctx)
	body, err := w.connect()
	if err != nil {
		w.stop()
		return nil, err
	}
	go w.receive(body)
	return w, nil
}

func (w *watcher) connect() (io.ReadCloser, error) {
	body, err := w.store.client.Get().AbsPath(w.c.path).Param("watch", "true").
		Param("resourceVersion", w.seen).Param("allowWatchBookmarks", "true").Stream(w.ctx)
	if err != nil {
		return nil, w.store.failure(w.ctx, "watch", w.c.kind.Key(""), w.c.request("watch"), err)
	}
	return body, nil
}

// receive delivers events until the watch ends.
func (w *watcher) receive(body io.ReadCloser) {
	for {
		err := w.readAll(body)
		_ = body.Close()
		if err == nil {
			body, err = w.connect()
		}
		if err != nil {
			w.deliver(received{err: err})
			return
		}
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
	if err == nil {
		w.seen = event.Object.GetResourceVersion()
	}
	return event, err == nil, err
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
