package controller

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Options are what a Controller is made of.
type Options struct {
	Store datastore.Store
	// Environment overrides the configuration.
	Environment *Environment
	// Election is held if the Store can hold one and Name is not empty.
	Election datastore.Election
	// HealthAddress is where /healthz and /readyz are served; empty for nowhere but
	// beside the metrics.
	HealthAddress string
	// MetricsHost is the host or address that metrics are served at; empty for all.
	MetricsHost string
	// LeaveStatus has Once not write the status of the configuration, which is that of a controller that works.
	LeaveStatus bool
	// Workers is how many nodes are looked at, and written for, at once.
	Workers int
	// Log gets what happens. Level is set to what the configuration says.
	Log   *slog.Logger
	Level *slog.LevelVar
	// Now is the clock.
	Now func() time.Time
	// Hurry is closed when Run, whose context has ended, is not to wait for writes any more; nil for never.
	Hurry <-chan struct{}
}

// defaultWorkers keeps an API server busy and leaves it time for others.
const defaultWorkers = 32

// drainTime is how long writes that are under way when the end comes may take. When the lead is
// lost they are cut off at once.
const drainTime = 2 * time.Second

// Controller keeps automatic host endpoints in step with nodes and configuration.
type Controller struct {
	Options
	state   *state
	queue   *queue
	metrics *metrics
	events  *events
	brake   brake
	// statusBrake is that of the configuration's status.
	statusBrake brake
	health      *health

	// kcc is the configuration as it was last seen; nil if there is none.
	kcc atomic.Pointer[v3.KubeControllersConfiguration]
	// settings are made of it; nil until everything has been read once.
	settings atomic.Pointer[Settings]
	// changed asks for new settings, applied for a look at the status that tells of them, and pass for a list of everything.
	changed, applied chan struct{}
	pass             *broadcast
	leading          atomic.Bool
	synced           synced
	told             told
}

// New makes a Controller. It does nothing until Run.
func New(o Options) *Controller {
	if o.Workers == 0 {
		o.Workers = defaultWorkers
	}
	c := &Controller{
		Options: o, state: newState(), queue: newQueue(o.Now),
		changed: make(chan struct{}, 1), applied: make(chan struct{}, 1), pass: newBroadcast(),
	}
	c.synced.prepare()
	c.metrics = newMetrics(c)
	c.events = newEvents(o)
	c.events.lost = c.metrics.eventsLost.Inc
	c.health = newHealth(c)
	if tolerant, ok := o.Store.(datastore.Tolerant); ok {
		tolerant.Tolerate(datastore.Tolerance{LeaveOut: c.leaveOut, Remark: c.remark, Understand: understand})
	}
	return c
}

// leaveOut leaves out what cannot be read, but for the configuration that counts: what it says
// cannot be guessed, so the one that was read last holds.
func (c *Controller) leaveOut(key resources.Key, err error) bool {
	c.metrics.failure(fmt.Errorf("%w: %w", datastore.ErrInvalid, err))
	if !mayLeaveOut(key) {
		c.unread(err)
		return false
	}
	c.Log.Warn("an object cannot be understood", "object", key.String(), "error", err)
	if key.Kind == resources.Node && c.state.setUnread(key.Name, err) {
		c.queue.add(key.Name)
	}
	return true
}

// unread tells that the configuration cannot be understood, in the log when that is news.
func (c *Controller) unread(err error) {
	if c.health.configuration(nil, err) {
		c.Log.Warn("the configuration cannot be understood", "error", err, "instead", c.instead())
	}
	if c.leading.Load() || !c.inSync() { // who stands by leaves it to the leader, if there can be one
		c.events.record(unreadEvent(err))
	}
}

// instead says what holds while the configuration cannot be understood.
func (c *Controller) instead() string {
	if c.inSync() {
		return "what was read last holds"
	}
	return "the controller waits until it is corrected"
}

// remark takes what is left out of an object.
func (c *Controller) remark(key resources.Key, remarks []string) {
	switch {
	case key.Kind == resources.Node:
		if c.state.remark(key.Name, remarks) {
			c.queue.add(key.Name)
		}
	case !mayLeaveOut(key):
		c.health.configuration(remarks, nil)
	}
}

// Run works until ctx ends, whatever happens to the datastore meanwhile. Then it waits some
// seconds for the writes that are under way, or until Options.Hurry.
func (c *Controller) Run(ctx context.Context) error {
	var group errgroup.Group
	run := func(f func(context.Context)) {
		group.Go(func() error { f(ctx); return nil })
	}
	run(func(ctx context.Context) { follow(ctx, c, resources.Node, &c.synced.nodes, c.nodes()) })
	run(func(ctx context.Context) { follow(ctx, c, resources.HostEndpoint, &c.synced.endpoints, c.endpoints()) })
	run(func(ctx context.Context) {
		follow(ctx, c, resources.KubeControllersConfiguration, &c.synced.configuration, c.configuration())
	})
	run(c.configure)
	run(c.keepSettled)
	run(c.events.send)
	run(c.serve)
	run(c.takeTurns)
	defer c.queue.stop()
	return group.Wait()
}

// takeTurns works while this process leads, and stands by while another one does.
func (c *Controller) takeTurns(ctx context.Context) {
	if !c.awaitSync(ctx) {
		return
	}
	elector, ok := c.Store.(datastore.Elector)
	if !ok || c.Election.Name == "" {
		c.lead(ctx)
		return
	}
	election := c.Election
	election.Tried = c.health.electable
	for failures := 0; ctx.Err() == nil; {
		c.Log.Info("standing by", "identity", c.Election.Identity)
		err := elector.Lead(ctx, election, func(ctx context.Context) {
			failures = 0
			c.lead(ctx)
		})
		if err == nil || ctx.Err() != nil {
			continue
		}
		failures++
		c.metrics.failure(err)
		c.health.electable(err)
		c.Log.Warn("the election cannot be held, or is lost", "error", err)
		sleep(ctx, pauseAfter(failures+electionPause))
	}
}

// electionPause is how many failures of an election count as having gone before the first, so
// that the pauses are not too short.
const electionPause = 5

// lead works until ctx ends.
func (c *Controller) lead(ctx context.Context) {
	c.Log.Info("working", "identity", c.Election.Identity)
	c.leading.Store(true)
	c.state.forgetForeign() // most of it was the last leader's work
	defer c.leading.Store(false)
	c.queue.startNow()
	c.queue.add(c.state.all()...)
	c.requestSettings() // the status is to say what runs here
	writing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() {
		if !datastore.IsLost(ctx) {
			c.drain(writing)
		}
		stop()
	})()
	var group errgroup.Group
	for range c.Workers {
		group.Go(func() error { c.work(ctx, writing); return nil })
	}
	group.Go(func() error { c.passes(ctx); return nil })
	_ = group.Wait() // workers give no errors
	c.Log.Info("not working any more", "identity", c.Election.Identity)
}

// drain gives writes that are under way some time, unless there is a hurry. It ends with them.
func (c *Controller) drain(writing context.Context) {
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	select {
	case <-writing.Done():
	case <-c.Hurry:
	case <-timer.C:
	}
}

// passes makes a pass over everything from time to time.
func (c *Controller) passes(ctx context.Context) {
	for ctx.Err() == nil {
		period := time.Duration(0)
		if s := c.settings.Load(); s != nil {
			period = s.Period
		}
		switch {
		case period == 0:
			sleep(ctx, passPause) // and look again whether there is a period
		case c.waitFor(ctx, period):
			c.makePass(ctx)
		}
	}
}

// passPause is how soon a change of the period is noticed.
const passPause = 5 * time.Second

// waitFor waits for a period, and is false if there is another one meanwhile, or ctx ends.
func (c *Controller) waitFor(ctx context.Context, period time.Duration) bool {
	for end := c.Now().Add(period); ; {
		left := end.Sub(c.Now())
		if left <= 0 {
			return true
		}
		if !sleep(ctx, min(left, passPause)) || c.settings.Load().Period != period {
			return false
		}
	}
}

// listTime is how long a pass waits for its lists. They are read later all the same.
const listTime = time.Minute

// makePass lists everything, looks at every node, and waits until that is done.
func (c *Controller) makePass(ctx context.Context) {
	began := c.Now()
	before := c.synced.lists()
	c.pass.send()
	for c.synced.lists().behind(before) {
		if c.Now().Sub(began) > listTime {
			c.Log.Warn("not everything can be listed, and the pass over everything is left out")
			return
		}
		if !sleep(ctx, pollPause) {
			return
		}
	}
	c.queue.add(c.state.all()...)
	for depth := 1; depth > 0; depth, _ = c.queue.depth() {
		if !sleep(ctx, pollPause) {
			return
		}
	}
	took := c.Now().Sub(began)
	c.metrics.passes.Observe(took.Seconds())
	c.Log.Info("looked at everything", "took", took)
}

// pollPause is how long a pass waits before it asks again how far it is.
const pollPause = 2 * time.Millisecond

// sleep waits and is false if ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// requestSettings has the settings made anew.
func (c *Controller) requestSettings() { request(c.changed) }

// request asks whoever reads from a channel that has room for one to do something again.
func request(again chan<- struct{}) {
	select {
	case again <- struct{}{}:
	default:
	}
}

// configure makes settings whenever the configuration changes. Nothing holds it up: what was read last counts at once.
func (c *Controller) configure(ctx context.Context) {
	if !c.awaitSync(ctx) {
		return
	}
	c.requestSettings()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
		}
		c.apply()
		request(c.applied)
	}
}

// tellOfConfiguration records an event of each part of the configuration that is not taken as it stands, or of the whole.
func (c *Controller) tellOfConfiguration() {
	e := datastore.ObjectEvent{Key: configurationKey(), Warning: true, Reason: reasonConfiguration}
	for _, e.Text = range c.health.problems() {
		c.events.record(e)
	}
	if err := c.health.whyUnread(); err != nil {
		c.events.record(unreadEvent(err))
	}
}

// unreadEvent tells that the configuration cannot be understood.
func unreadEvent(err error) datastore.ObjectEvent {
	key := configurationKey()
	return datastore.ObjectEvent{Key: key, Warning: true, Reason: reasonConfiguration, Text: fmt.Sprintf(
		"%s cannot be understood: %v. What was read last holds; a controller that starts now waits until it is corrected.", key, err)}
}

// apply makes the settings of the configuration the ones to go by.
func (c *Controller) apply() {
	next := c.Environment.Settings(c.kcc.Load())
	before := c.settings.Swap(&next)
	c.Level.Set(next.Level)
	c.health.settings(next)
	if before != nil && before.Active == next.Active && equality.Semantic.DeepEqual(before.Endpoints, next.Endpoints) {
		return
	}
	planner, problems := autohep.NewPlanner(next.Endpoints)
	if !next.Active {
		planner, problems = nil, nil // not a planner of a configuration without endpoints: that would delete them
	}
	c.metrics.template(problems)
	c.health.planned(problems)
	c.Log.Info("configured", "active", next.Active, "autoCreate", next.Endpoints.AutoCreate,
		"createDefault", next.Endpoints.CreateDefault, "templates", len(next.Endpoints.Templates), "period", next.Period)
	c.queue.add(c.state.use(planner)...)
}
