package controller

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// The reasons of events.
const (
	reasonRepaired = "HostEndpointRepaired"
	reasonProblem  = "HostEndpointProblem"
	// reasonConfiguration is that of events of the configuration.
	reasonConfiguration = "ConfigurationProblem"
)

// events sends events beside the work. It never holds the work up: what is too much is lost,
// and counted.
type events struct {
	recorder datastore.EventRecorder
	log      *slog.Logger
	waiting  chan datastore.ObjectEvent
	lost     func()
	now      func() time.Time

	mu sync.Mutex
	// told is when an event about something was last recorded.
	told map[subject]time.Time
	// swept is when subjects that have rested were dropped last.
	swept time.Time
}

// subject is what events tell of.
type subject struct {
	key          resources.Key
	reason, text string
}

const (
	// eventRoom is how many events may wait.
	eventRoom = 1000
	// eventPause keeps events from crowding out what matters.
	eventPause = 20 * time.Millisecond
	// eventRest is how long nothing more is told of the same: what goes on is news only once.
	eventRest = 5 * time.Minute
	// eventMemory is how many subjects are kept until those that have rested are dropped.
	eventMemory = 10000
	// eventSweep is how often at most all subjects are looked through for those.
	eventSweep = time.Minute
)

func newEvents(o Options) *events {
	recorder, _ := o.Store.(datastore.EventRecorder)
	return &events{
		recorder: recorder, log: o.Log, now: o.Now, told: map[subject]time.Time{},
		waiting: make(chan datastore.ObjectEvent, eventRoom), lost: func() {},
	}
}

// record has an event sent, if there is where to, and the same was not told some minutes ago.
func (e *events) record(event datastore.ObjectEvent) {
	if e.recorder == nil || !e.isNews(subjectOf(event)) {
		return
	}
	select {
	case e.waiting <- event:
	default:
		e.lose(event)
	}
}

func subjectOf(event datastore.ObjectEvent) subject {
	return subject{event.Key, event.Reason, event.Text}
}

// lose counts an event that nobody has been told of, so that the next of its kind is news.
func (e *events) lose(event datastore.ObjectEvent) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.told, subjectOf(event))
	e.lost()
}

func (e *events) isNews(s subject) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	if at, ok := e.told[s]; ok && now.Sub(at) < eventRest {
		return false
	}
	if len(e.told) >= eventMemory && now.Sub(e.swept) >= eventSweep {
		e.swept = now
		maps.DeleteFunc(e.told, func(_ subject, at time.Time) bool { return now.Sub(at) >= eventRest })
	}
	e.told[s] = now
	return true
}

// send sends events until ctx ends.
func (e *events) send(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-e.waiting:
			if err := e.recorder.RecordEvent(ctx, event); err != nil && ctx.Err() == nil {
				e.lose(event)
				e.log.Warn("an event cannot be recorded", "object", event.Key.String(), "reason", event.Reason, "error", err)
			}
			sleep(ctx, eventPause)
		}
	}
}
