package controller

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// The pauses before an item is tried again: each is twice as long as the one before.
const (
	firstPause = 20 * time.Millisecond
	lastPause  = 30 * time.Second
)

// queue holds names to look at. A name is in it once, however often it was added, and one
// goroutine at a time has it: what is added meanwhile comes again when that one is done.
type queue struct {
	mu sync.Mutex
	// ready are names to look at, the oldest first.
	ready []string
	items map[string]*item
	// more has room for one signal that ready is not empty.
	more chan struct{}
	now  func() time.Time
}

// item is what the queue knows of a name that is waiting, busy or has failed.
type item struct {
	waiting, busy bool
	// since is when the name was first added of those times that nobody has looked at yet.
	since time.Time
	// failures counts those since the last success, and retry runs until the next try.
	failures int
	retry    *time.Timer
}

func newQueue(now func() time.Time) *queue {
	return &queue{items: map[string]*item{}, more: make(chan struct{}, 1), now: now}
}

// add asks for a look at names.
func (q *queue) add(names ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, name := range names {
		q.push(name)
	}
}

func (q *queue) push(name string) {
	i := q.items[name]
	if i == nil {
		i = &item{}
		q.items[name] = i
	}
	if i.since.IsZero() {
		i.since = q.now()
	}
	if i.waiting {
		return
	}
	i.stopRetry()
	i.waiting = true
	if !i.busy {
		q.enter(name)
	}
}

func (i *item) stopRetry() {
	if i.retry != nil {
		i.retry.Stop()
		i.retry = nil
	}
}

func (q *queue) enter(name string) {
	q.ready = append(q.ready, name)
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// get waits for a name, and tells since when it has been waiting. Whoever gets one has to
// call done. It is false when ctx ends.
func (q *queue) get(ctx context.Context) (name string, since time.Time, ok bool) {
	for ctx.Err() == nil {
		if name, since, ok = q.take(); ok {
			return name, since, true
		}
		select {
		case <-ctx.Done():
		case <-q.more:
		}
	}
	return "", time.Time{}, false
}

func (q *queue) take() (name string, since time.Time, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.ready) == 0 {
		return "", time.Time{}, false
	}
	name = q.ready[0]
	q.ready[0] = ""
	q.ready = q.ready[1:]
	if len(q.ready) > 0 {
		q.signal()
	}
	i := q.items[name]
	i.waiting, i.busy = false, true
	since, i.since = i.since, time.Time{}
	return name, since, true
}

// done gives a name back. One that has failed comes again after a pause; since is what get
// said, so that the time of the failure counts.
func (q *queue) done(name string, since time.Time, failed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := q.items[name]
	i.busy = false
	if failed {
		i.failures++
		i.since = since
	} else {
		i.failures = 0
	}
	switch {
	case i.waiting:
		q.enter(name)
	case failed:
		i.retry = time.AfterFunc(pauseAfter(i.failures), func() { q.add(name) })
	default:
		delete(q.items, name)
	}
}

// retryNow ends all pauses: what was wrong may be over.
func (q *queue) retryNow() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for name, i := range q.items {
		if i.retry != nil {
			i.failures = 0
			q.push(name)
		}
	}
}

// stop ends all pauses for good.
func (q *queue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, i := range q.items {
		i.stopRetry()
	}
}

// startNow has all names that are waiting have been added just now: nobody looked before.
func (q *queue) startNow() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, i := range q.items {
		if !i.since.IsZero() {
			i.since = q.now()
		}
	}
}

// depth is how many names are waiting or busy, and retrying how many have failed last time.
func (q *queue) depth() (depth, retrying int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, i := range q.items {
		if i.retry != nil {
			retrying++
		} else {
			depth++
		}
	}
	return depth, retrying
}

// pauseAfter is how long to wait after that many failures in a row, with some chance in it
// so that not all come at once.
func pauseAfter(failures int) time.Duration {
	pause := firstPause
	for range failures - 1 {
		if pause = 2 * pause; pause >= lastPause {
			pause = lastPause
			break
		}
	}
	return pause/2 + rand.N(pause/2)
}
