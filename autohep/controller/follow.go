package controller

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// sink takes what the datastore tells of one kind, whose type is T.
type sink[T resources.Object] struct {
	replace func([]T)
	put     func(T)
	gone    func(T)
	// known gives what there is already of a revision; nil if nothing is kept.
	known func(name, resourceVersion string) (resources.Object, bool)
}

func (c *Controller) nodes() sink[*v3.Node] {
	return sink[*v3.Node]{
		replace: func(list []*v3.Node) { c.queue.add(c.state.replaceNodes(list, c.Now())...) },
		put:     func(n *v3.Node) { c.queue.add(c.state.putNode(n, c.Now())...) },
		gone:    func(n *v3.Node) { c.queue.add(c.state.deleteNode(n.Name)...) },
		known:   c.state.knownNode,
	}
}

func (c *Controller) endpoints() sink[*v3.HostEndpoint] {
	return sink[*v3.HostEndpoint]{
		replace: func(list []*v3.HostEndpoint) { c.queue.add(c.state.replaceEndpoints(list)...) },
		put:     func(h *v3.HostEndpoint) { c.queue.add(c.state.putEndpoint(h)...) },
		gone:    func(h *v3.HostEndpoint) { c.queue.add(c.state.deleteEndpoint(h.Name)...) },
		known:   c.state.knownEndpoint,
	}
}

// configuration is the sink of the one object that counts.
func (c *Controller) configuration() sink[*v3.KubeControllersConfiguration] {
	use := func(kcc *v3.KubeControllersConfiguration) {
		c.kcc.Store(kcc)
		if kcc == nil {
			c.health.configuration(nil, nil)
		}
		c.requestSettings()
	}
	return sink[*v3.KubeControllersConfiguration]{
		replace: func(list []*v3.KubeControllersConfiguration) {
			var found *v3.KubeControllersConfiguration
			for _, kcc := range list {
				if kcc.Name == v3.DefaultName {
					found = kcc
				}
			}
			use(found)
		},
		put: func(kcc *v3.KubeControllersConfiguration) {
			if kcc.Name == v3.DefaultName {
				use(kcc)
			}
		},
		gone: func(kcc *v3.KubeControllersConfiguration) {
			if kcc.Name == v3.DefaultName {
				use(nil)
			}
		},
	}
}

// follow keeps a sink up to date until ctx ends: it lists a kind, then watches it, and lists
// again when the watch has lost its history, or a pass over everything is asked for.
func follow[T resources.Object](ctx context.Context, c *Controller, kind *resources.Kind, synced *latch, to sink[T]) {
	log := c.Log.With("kind", kind.Plural)
	failures := 0
	revision := ""
	var asked <-chan struct{} // a pass that is asked for since the last list
	for ctx.Err() == nil {
		if revision == "" || isClosed(asked) {
			next := c.pass.next()
			at, err := list(ctx, c.Store, kind, to, synced.lists.Load() > 0)
			if err != nil {
				failures++
				c.trouble(ctx, log, "the list cannot be read", err, failures)
				continue
			}
			c.metrics.lists.WithLabelValues(kind.Plural).Inc()
			revision, asked = at, next
			synced.listed()
			c.queue.retryNow() // the datastore is there
		}
		began := c.Now()
		seen, err := watch(ctx, c.Store, kind, revision, to, asked)
		if ctx.Err() != nil {
			return
		}
		if seen != revision || c.Now().Sub(began) >= steadyTime {
			failures = 0
		}
		idle := seen == revision
		revision = nextRevision(seen, err)
		if revision == "" {
			log.Debug("list again", "reason", err)
		}
		if errors.Is(err, errPass) || errors.Is(err, datastore.ErrCompacted) && !idle {
			continue
		}
		failures++
		c.trouble(ctx, log, "the watch has ended", err, failures)
	}
}

// steadyTime is how long a watch goes well until earlier failures do not count any more.
const steadyTime = 5 * time.Second

// nextRevision is from where to watch when a watch has ended; empty if a list is needed.
func nextRevision(seen string, ended error) string {
	if errors.Is(ended, datastore.ErrUnavailable) {
		return seen
	}
	return ""
}

func isClosed(signal <-chan struct{}) bool {
	select {
	case <-signal:
		return true
	default:
		return false
	}
}

// trouble counts and logs a failure, and waits some time.
func (c *Controller) trouble(ctx context.Context, log interface {
	Warn(msg string, args ...any)
}, what string, err error, failures int,
) {
	if ctx.Err() != nil {
		return
	}
	c.metrics.failure(err)
	log.Warn(what, "error", err, "failures", failures)
	sleep(ctx, pauseAfter(failures+followPause))
}

// followPause is how many failures count as having gone before the first, so that the pauses
// are not too short.
const followPause = 2

// list reads everything and tells the revision. With again, most is known already.
func list[T resources.Object](ctx context.Context, store datastore.Store, kind *resources.Kind, to sink[T], again bool) (string, error) {
	var read *resources.List
	var err error
	if refresher, ok := store.(datastore.Refresher); ok && again && to.known != nil {
		read, err = refresher.Refresh(ctx, kind, to.known)
	} else {
		read, err = store.List(ctx, kind)
	}
	if err != nil {
		return "", err
	}
	items := make([]T, 0, len(read.Items))
	for _, o := range read.Items {
		item, ok := o.(T)
		if !ok {
			return "", fmt.Errorf("%w: the datastore gave %T in a list of %s", datastore.ErrInvalid, o, kind.Plural)
		}
		items = append(items, item)
	}
	to.replace(items)
	return read.ResourceVersion, nil
}

// errPass ends a watch because everything is to be listed.
var errPass = errors.New("a pass over everything")

// watch tells a sink of changes until something ends it, and gives the revision up to which
// it has.
func watch[T resources.Object](
	ctx context.Context, store datastore.Store, kind *resources.Kind, revision string, to sink[T], asked <-chan struct{},
) (string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-asked:
			cancel(errPass)
		case <-ctx.Done():
		}
	}()
	watcher, err := store.Watch(ctx, kind, revision)
	if err != nil {
		return revision, causeOf(ctx, err)
	}
	defer watcher.Close()
	for {
		event, err := watcher.Next(ctx)
		if err != nil {
			return revision, causeOf(ctx, err)
		}
		revision = event.Object.GetResourceVersion()
		item, ok := event.Object.(T)
		switch {
		case !ok:
			return revision, fmt.Errorf("%w: the datastore gave %T in a watch of %s", datastore.ErrInvalid, event.Object, kind.Plural)
		case event.Type == datastore.Gone:
			to.gone(item)
		default:
			to.put(item)
		}
	}
}

func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// broadcast wakes all who wait for the next signal.
type broadcast struct {
	mu      sync.Mutex
	current chan struct{}
}

func newBroadcast() *broadcast { return &broadcast{current: make(chan struct{})} }

// next is closed by the next signal.
func (b *broadcast) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.current
}

func (b *broadcast) send() {
	b.mu.Lock()
	defer b.mu.Unlock()
	close(b.current)
	b.current = make(chan struct{})
}
