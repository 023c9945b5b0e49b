package controller

import (
	"context"
	"log/slog"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
)

// The reasons of events.
const (
	reasonRepaired = "HostEndpointRepaired"
	reasonProblem  = "HostEndpointProblem"
)

// events sends events beside the work. It never holds the work up: what is too much is lost,
// and counted.
type events struct {
	recorder datastore.EventRecorder
	log      *slog.Logger
	waiting  chan datastore.NodeEvent
	lost     func()
}

const (
	// eventRoom is how many events may wait.
	eventRoom = 1000
	// eventPause keeps events from crowding out what matters.
	eventPause = 20 * time.Millisecond
)

func newEvents(o Options) *events {
	recorder, _ := o.Store.(datastore.EventRecorder)
	return &events{recorder: recorder, log: o.Log, waiting: make(chan datastore.NodeEvent, eventRoom), lost: func() {}}
}

// record has an event sent, if there is where to.
func (e *events) record(event datastore.NodeEvent) {
	if e.recorder == nil {
		return
	}
	select {
	case e.waiting <- event:
	default:
		e.lost()
	}
}

// send sends events until ctx ends.
func (e *events) send(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-e.waiting:
			if err := e.recorder.RecordNodeEvent(ctx, event); err != nil && ctx.Err() == nil {
				e.lost()
				e.log.Warn("an event cannot be recorded", "node", event.Node, "reason", event.Reason, "error", err)
			}
			sleep(ctx, eventPause)
		}
	}
}
