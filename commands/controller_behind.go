package commands

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/autohep/controller"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

const (
	// behindTime is ten times as long as a controller takes to bring an endpoint in step.
	behindTime = time.Second
	// behindAtOnce is how many endpoints may be behind until that is plainly work, and no problem with each of them.
	behindAtOnce = 20
)

// lookAgain reads again what is not in step although a controller works. What it does not bring in step meanwhile is a
// problem: it may be that somebody else keeps changing it, of which the datastore has no other trace.
func (s *session) lookAgain(ctx context.Context, r *controller.Reading, e *controller.Environment, identity string) (*controller.Reading, error) {
	before := behind(r)
	if len(before) == 0 || len(before) > behindAtOnce {
		return r, nil
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(behindTime):
	}
	again, err := controller.Read(ctx, s.Store, e)
	if err != nil {
		return nil, err
	}
	for _, h := range behind(again) {
		if !slices.ContainsFunc(before, func(b *v3.HostEndpoint) bool { return b.Name == h.Name }) {
			continue
		}
		again.Problems = append(again.Problems, autohep.Problem{Node: h.Spec.Node, Endpoint: h.Name, Text: fmt.Sprintf(
			"Node %q: its host endpoint %q has not been in step for %v, though controller %q works. Somebody else keeps changing or deleting it, "+
				"or it cannot be written: the log of the controller says which, and so does calicoctl_autohep_endpoints{state=\"contested\"}.",
			h.Spec.Node, h.Name, behindTime, identity)})
	}
	return again, nil
}

// behind are the endpoints that are missing or not as they should be.
func behind(r *controller.Reading) []*v3.HostEndpoint {
	return slices.Concat(r.Changes.Create, r.Changes.Update)
}
