package controller

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// recording is a datastore that keeps events.
type recording struct {
	datastore.Store
	events chan datastore.ObjectEvent
}

func (r recording) RecordEvent(_ context.Context, e datastore.ObjectEvent) error {
	r.events <- e
	return nil
}

// TestContest has somebody else change an endpoint as often as it is repaired: that goes on in
// peace for a while, then repairs come one at a time, and one event tells of them all.
func TestContest(t *testing.T) {
	now := time.Unix(1000, 0)
	s := recording{openLocal(t), make(chan datastore.ObjectEvent, 100)}
	c := newForTest(t, s, func() time.Time { return now })
	c.state.putNode(testNode("n"), now)
	c.asFor(onlyDefault)
	if err := c.look(t.Context(), "n", now); err != nil {
		t.Fatal(err)
	}
	key := resources.HostEndpoint.Key("n-auto-hep")
	repaired := 0
	contest := func(times int) {
		t.Helper()
		for range times {
			spoilt := tellOf(t, c, s, key).DeepCopy() // of the repair
			spoilt.Spec.Profiles = nil
			o, err := s.Update(t.Context(), spoilt)
			if err != nil {
				t.Fatal(err)
			}
			c.state.putEndpoint(o.(*v3.HostEndpoint))
			switch err := c.look(t.Context(), "n", now); {
			case err == nil:
				repaired++
			case !errors.Is(err, errContested):
				t.Fatal(err)
			}
		}
	}
	contest(repairsAtOnce + 10)
	now = now.Add(repairPause)
	contest(5)
	if diff := cmp.Diff(repairsAtOnce+1, repaired); diff != "" {
		t.Errorf("repairs: %s", diff)
	}
	reasons := func() (all []string) {
		for len(c.events.waiting) > 0 {
			all = append(all, (<-c.events.waiting).Reason)
		}
		return all
	}
	if diff := cmp.Diff([]string{reasonRepaired, reasonProblem}, reasons()); diff != "" {
		t.Errorf("events: %s", diff)
	}
	state := func() []string {
		return []string{metric(t, c, `endpoints{state="contested"}`), metric(t, c, `nodes{state="problem"}`)}
	}
	if diff := cmp.Diff([]string{"1", "1"}, state()); diff != "" {
		t.Errorf("contested endpoints, and nodes with a problem: %s", diff)
	}
	now = now.Add(eventRest)
	contest(1)
	if diff := cmp.Diff([]string{reasonRepaired}, reasons()); diff != "" {
		t.Errorf("events after a rest: %s", diff)
	}
	if diff := cmp.Diff([]string{"0", "0"}, state()); diff != "" {
		t.Errorf("contested endpoints, and nodes with a problem, after a rest: %s", diff)
	}
	if diff := cmp.Diff("22", metric(t, c, "repairs_total")); diff != "" {
		t.Errorf("repairs_total: %s", diff)
	}
}
