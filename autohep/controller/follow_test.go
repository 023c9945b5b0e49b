package controller

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// unwatched is a datastore that can be listed while watches fail with an error.
type unwatched struct {
	datastore.Store
	lists, watches atomic.Int64
	fails          atomic.Pointer[error]
}

func (u *unwatched) List(ctx context.Context, kind *resources.Kind) (*resources.List, error) {
	u.lists.Add(1)
	return u.Store.List(ctx, kind)
}

func (u *unwatched) Watch(ctx context.Context, kind *resources.Kind, revision string) (datastore.Watcher, error) {
	u.watches.Add(1)
	if err := u.fails.Load(); err != nil {
		return nil, *err
	}
	return u.Store.Watch(ctx, kind, revision)
}

// TestWatchesFail counts how often everything is listed while watches fail at once.
func TestWatchesFail(t *testing.T) {
	for name, kind := range map[string]error{
		"refused": datastore.ErrUnauthorized, "compacted": datastore.ErrCompacted, "unavailable": datastore.ErrUnavailable,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := &unwatched{Store: openLocal(t)}
			fails := datastore.ErrorOf("watch", resources.Node.Key(""), kind, "for a test")
			u.fails.Store(&fails)
			c := newForTest(t, u, time.Now)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			follow(ctx, c, resources.Node, &c.synced.nodes, c.nodes())
			if n := u.lists.Load(); n < 1 || n > 10 {
				t.Errorf("%d lists in two seconds", n)
			}
		})
	}
}

// TestPassKeepsWatch makes passes while nodes come and go: the watches go on, and nothing is lost or comes twice.
func TestPassKeepsWatch(t *testing.T) {
	u := &unwatched{Store: openLocal(t)}
	c := newForTest(t, u, time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var told atomic.Int64
	to := c.nodes()
	put := to.put
	to.put = func(n *v3.Node) { told.Add(1); put(n) }
	go follow(ctx, c, resources.Node, &c.synced.nodes, to)
	for c.synced.nodes.lists.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	const nodes = 100
	for i := range nodes {
		if _, err := u.Create(ctx, testNode(fmt.Sprintf("n-%d", i))); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			before := c.synced.nodes.lists.Load()
			c.pass.send()
			for c.synced.nodes.lists.Load() == before {
				time.Sleep(time.Millisecond)
			}
		}
	}
	for len(c.state.all()) < nodes {
		time.Sleep(time.Millisecond)
	}
	if got := u.watches.Load(); got != 1 {
		t.Errorf("%d watches, want one", got)
	}
	if got := told.Load(); got > nodes {
		t.Errorf("the watch tells %d times of %d nodes", got, nodes)
	}
}

// TestPassAfterTrouble asks for a pass while watches fail: it is made.
func TestPassAfterTrouble(t *testing.T) {
	u := &unwatched{Store: openLocal(t)}
	fails := datastore.ErrorOf("watch", resources.Node.Key(""), datastore.ErrUnavailable, "for a test")
	u.fails.Store(&fails)
	c := newForTest(t, u, time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go follow(ctx, c, resources.Node, &c.synced.nodes, c.nodes())
	go follow(ctx, c, resources.HostEndpoint, &c.synced.endpoints, c.endpoints())
	go follow(ctx, c, resources.KubeControllersConfiguration, &c.synced.configuration, c.configuration())
	if !c.awaitSync(ctx) {
		t.Fatal("nothing is read")
	}
	time.Sleep(500 * time.Millisecond) // into the pauses
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.makePass(ctx)
	}()
	time.Sleep(10 * time.Millisecond)
	u.fails.Store(nil)
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("the pass is never made")
	}
}
