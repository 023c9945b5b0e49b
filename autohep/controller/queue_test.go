package controller

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// drain takes all names that are ready.
func drain(q *queue) []string {
	var all []string
	for {
		name, _, ok := q.take()
		if !ok {
			return all
		}
		all = append(all, name)
	}
}

func TestQueueCoalesces(t *testing.T) {
	q := newQueue(time.Now)
	q.add("a", "b", "a")
	q.add("a")
	if diff := cmp.Diff([]string{"a", "b"}, drain(q)); diff != "" {
		t.Error(diff)
	}
	q.add("a") // it is busy: it comes again when it is done, not before
	if got := drain(q); got != nil {
		t.Errorf("%v is given out twice", got)
	}
	q.done("a", time.Now(), false)
	if diff := cmp.Diff([]string{"a"}, drain(q)); diff != "" {
		t.Error(diff)
	}
	q.done("a", time.Now(), false)
	q.done("b", time.Now(), false)
	if depth, retrying := q.depth(); depth+retrying != 0 || len(q.items) != 0 {
		t.Errorf("%d waiting, %d retrying, %d kept; want nothing", depth, retrying, len(q.items))
	}
}

func TestQueueRetries(t *testing.T) {
	at := time.Unix(100, 0)
	q := newQueue(func() time.Time { return at })
	q.add("a", "b")
	name, since, _ := q.take()
	at = at.Add(time.Minute)
	q.done(name, since, true)
	if _, retrying := q.depth(); retrying != 1 {
		t.Errorf("%d are to be retried, want 1", retrying)
	}
	if name, _, _ := q.take(); name != "b" {
		t.Errorf("%q comes before its pause is over", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	name, since, ok := q.get(ctx)
	if !ok || name != "a" || !since.Equal(time.Unix(100, 0)) {
		t.Errorf("%q since %v, want a since its first failure", name, since)
	}
	q.items["a"].failures = 20
	q.done("a", since, true)
	q.retryNow()
	if name, _, ok := q.take(); !ok || name != "a" {
		t.Error("the end of a pause does not bring the name back")
	}
}

func TestQueueEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, ok := newQueue(time.Now).get(ctx); ok {
		t.Error("there is a name in an empty queue")
	}
}

func TestPauses(t *testing.T) {
	for failures := range 100 {
		longest := lastPause
		if failures < 20 { // beyond that the shift would run over
			longest = min(lastPause, firstPause<<max(0, failures-1))
		}
		if got := pauseAfter(failures); got < longest/2 || got > longest {
			t.Errorf("after %d failures: %v, want between %v and %v", failures, got, longest/2, longest)
		}
	}
}

// TestQueueStops has a name that has failed not come again after the end.
func TestQueueStops(t *testing.T) {
	q := newQueue(time.Now)
	q.add("a")
	name, since, _ := q.take()
	q.done(name, since, true)
	q.stop()
	time.Sleep(2 * firstPause)
	if diff := cmp.Diff([]string(nil), drain(q)); diff != "" {
		t.Error(diff)
	}
}
