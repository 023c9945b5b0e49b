package controller

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// unwatched is a datastore that can be listed while watches fail with an error.
type unwatched struct {
	datastore.Store
	lists atomic.Int64
	fails atomic.Pointer[error]
}

func (u *unwatched) List(ctx context.Context, kind *resources.Kind) (*resources.List, error) {
	u.lists.Add(1)
	return u.Store.List(ctx, kind)
}

func (u *unwatched) Watch(ctx context.Context, kind *resources.Kind, revision string) (datastore.Watcher, error) {
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
