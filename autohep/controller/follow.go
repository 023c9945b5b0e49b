package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
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
	// revision is that at which an object is known; empty for none. It is there with known: an object that is read alone
	// after a list is newer than that list.
	revision func(name string) string
}

// outdated tells whether what a watch tells of an object is older than what is known of it.
func (to sink[T]) outdated(o resources.Object) bool {
	if to.revision == nil {
		return false
	}
	known := to.revision(o.GetName())
	return known != o.GetResourceVersion() && atMost(o.GetResourceVersion(), known)
}

func (c *Controller) nodes() sink[*v3.Node] {
	return sink[*v3.Node]{
		replace: func(list []*v3.Node) { c.queue.add(c.state.replaceNodes(list, c.Now())...) },
		put:     func(n *v3.Node) { c.queue.add(c.state.putNode(n, c.Now())...) },
		gone:    func(n *v3.Node) { c.queue.add(c.state.deleteNode(n.Name)...) },
		known:   c.state.knownNode, revision: c.state.nodeRevision,
	}
}

func (c *Controller) endpoints() sink[*v3.HostEndpoint] {
	return sink[*v3.HostEndpoint]{
		replace: func(list []*v3.HostEndpoint) { c.queue.add(c.state.replaceEndpoints(list)...) },
		put:     func(h *v3.HostEndpoint) { c.queue.add(c.state.putEndpoint(h)...) },
		gone:    func(h *v3.HostEndpoint) { c.queue.add(c.state.deleteEndpoint(h.Name)...) },
		known:   c.state.knownEndpoint, revision: c.state.endpointRevision,
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
	read := func() error {
		next := c.pass.next()
		at, err := list(ctx, c.Store, kind, to, synced.lists.Load() > 0)
		if err != nil {
			return err
		}
		c.metrics.lists.WithLabelValues(kind.Plural).Inc()
		revision, asked = at, next
		synced.listed()
		c.queue.retryNow() // the datastore is there
		return nil
	}
	for ctx.Err() == nil {
		if revision == "" || isClosed(asked) {
			if err := read(); err != nil {
				failures++
				c.trouble(ctx, log, "the list cannot be read", err, failures)
				continue
			}
		}
		began := c.Now()
		seen, err := watch(ctx, c.Store, kind, revision, to, func() (string, <-chan struct{}, error) {
			if !isClosed(asked) {
				return revision, asked, nil
			}
			err := read()
			return revision, asked, err
		})
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
func (c *Controller) trouble(ctx context.Context, log *slog.Logger, what string, err error, failures int) {
	if ctx.Err() != nil {
		return
	}
	c.metrics.failure(err)
	if c.health.whyUnread() != nil && errors.Is(err, datastore.ErrInvalid) {
		log.Debug(what, "error", err, "failures", failures) // which has been told when it was news
	} else {
		log.Warn(what, "error", err, "failures", failures)
	}
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

// errPass ends a watch because everything has been listed, and it cannot be told what of the watch is older, or the
// datastore has gone back to an earlier state.
var errPass = errors.New("a pass over everything")

// watch tells a sink of changes until something ends it, and gives the revision up to which it has. When a pass is asked
// for, relist lists everything while the changes wait. Those that the list has in it are left out then: the watch goes on.
// Before that, relist gives the revision of the last list, and what asks for the next one.
func watch[T resources.Object](
	ctx context.Context, store datastore.Store, kind *resources.Kind, revision string, to sink[T],
	relist func() (at string, asked <-chan struct{}, err error),
) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watcher, err := store.Watch(ctx, kind, revision)
	if err != nil {
		return revision, err
	}
	defer watcher.Close()
	changes := pump(ctx, watcher)
	floor, asked, err := relist()
	if err != nil {
		return revision, err
	}
	if floor != revision && !atMost(revision, floor) {
		return floor, errPass
	}
	revision = floor
	for {
		var next change
		select {
		case <-ctx.Done():
			return revision, ctx.Err()
		case next = <-changes:
		case <-asked:
			if floor, asked, err = relist(); err != nil {
				return revision, err
			}
			if !atMost(revision, floor) {
				return floor, errPass
			}
			revision = floor
			continue
		}
		if next.err != nil {
			return revision, next.err
		}
		at := next.event.Object.GetResourceVersion()
		if atMost(at, floor) {
			continue
		}
		revision = at
		if err := to.take(kind, next.event); err != nil {
			return revision, err
		}
	}
}

// take takes what a watch tells, unless it is older than what is known.
func (to sink[T]) take(kind *resources.Kind, event datastore.Event) error {
	item, ok := event.Object.(T)
	switch {
	case !ok:
		return fmt.Errorf("%w: the datastore gave %T in a watch of %s", datastore.ErrInvalid, event.Object, kind.Plural)
	case to.outdated(item):
	case event.Type == datastore.Gone:
		to.gone(item)
	default:
		to.put(item)
	}
	return nil
}

// change is what a watch tells, or the error that has ended it.
type change struct {
	event datastore.Event
	err   error
}

// pump gives what a watcher tells until it has ended, or ctx does.
func pump(ctx context.Context, watcher datastore.Watcher) <-chan change {
	changes := make(chan change)
	go func() {
		for {
			event, err := watcher.Next(ctx)
			select {
			case changes <- change{event, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return changes
}

// atMost tells whether a revision is not later than another one, if both are numbers, as they are in all datastores
// that are known.
func atMost(a, b string) bool {
	first, err := strconv.ParseUint(a, 10, 64)
	if err != nil {
		return false
	}
	second, err := strconv.ParseUint(b, 10, 64)
	return err == nil && first <= second
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
