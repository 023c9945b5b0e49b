package controller

import (
	"context"
	"sync"
	"sync/atomic"
)

// synced tells how far the copies of the datastore are.
type synced struct{ nodes, endpoints, configuration latch }

func (s *synced) all() []*latch { return []*latch{&s.nodes, &s.endpoints, &s.configuration} }

func (s *synced) prepare() {
	for _, l := range s.all() {
		l.open = make(chan struct{})
	}
}

// latch opens when a kind has been listed once, and counts the lists.
type latch struct {
	once  sync.Once
	open  chan struct{}
	lists atomic.Int64
}

func (l *latch) listed() {
	l.lists.Add(1)
	l.once.Do(func() { close(l.open) })
}

// lists are how many lists of each kind there have been.
type lists [3]int64

func (s *synced) lists() (n lists) {
	for i, l := range s.all() {
		n[i] = l.lists.Load()
	}
	return n
}

// behind tells whether some kind has not been listed since.
func (n lists) behind(before lists) bool {
	for i := range n {
		if n[i] == before[i] {
			return true
		}
	}
	return false
}

// inSync tells whether everything has been read once.
func (c *Controller) inSync() bool { return !c.synced.lists().behind(lists{}) }

// awaitSync waits until everything has been read once, and is false if ctx ends before.
func (c *Controller) awaitSync(ctx context.Context) bool {
	for _, l := range c.synced.all() {
		select {
		case <-ctx.Done():
			return false
		case <-l.open:
		}
	}
	return true
}
