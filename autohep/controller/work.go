package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// work looks at one node after the other until ctx ends. Writes may go on until writing does.
func (c *Controller) work(ctx, writing context.Context) {
	for {
		node, since, ok := c.queue.get(ctx)
		if !ok {
			return
		}
		err := c.look(writing, node, since)
		if err != nil {
			c.metrics.failure(err)
			c.Log.Log(writing, levelFor(err), "a node is not in step, and is looked at again", "node", node, "error", err)
		}
		c.queue.done(node, since, err != nil)
	}
}

// levelFor is the level to log an error at: that somebody else was faster is no trouble, and that somebody keeps at it is a
// problem of the node, which is told.
func levelFor(err error) slog.Level {
	if errors.Is(err, datastore.ErrConflict) || errors.Is(err, datastore.ErrExists) || errors.Is(err, errUnknownNode) || errors.Is(err, errContested) {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// look brings the endpoints of a node in step.
func (c *Controller) look(ctx context.Context, node string, since time.Time) error {
	if err := c.askAgain(ctx, node); err != nil {
		return err
	}
	scene := c.state.scene(node)
	if scene.planner == nil {
		return nil // switched off, or whoever makes it adds all nodes again
	}
	changes, problems := scene.planner.Plan(scene.nodes, scene.existing)
	if len(changes.Delete) > 0 && scene.planner.AutoCreate() {
		changes.Delete = c.state.withoutUnread(changes.Delete)
		if err := c.sureGone(ctx, changes.Delete); err != nil {
			c.state.stillForeign(scene.unrepaired(changes)...)
			return err
		}
	}
	failures, refused, outdated := c.carryOut(ctx, scene, changes)
	if outdated {
		c.state.stillForeign(scene.unrepaired(changes)...)
		return nil // whoever has changed the settings adds all nodes again
	}
	contested := c.contested(scene, changes)
	c.conclude(scene, node, slices.Concat(problems, refused, contested), failures)
	if err := failures.Err(); err != nil {
		c.state.stillForeign(scene.unrepaired(changes)...)
		return err
	}
	if !changes.Empty() {
		c.metrics.inStep.Observe(c.Now().Sub(since).Seconds())
		if len(contested) > 0 {
			time.AfterFunc(repairPause+pollPause, func() { c.queue.add(node) }) // it may be over then
		}
	}
	c.protected(scene, problems, !changes.Empty())
	return nil
}

// errUnknownNode says that a node appears in the datastore before the watch has told of it.
var errUnknownNode = errors.New("the watch has not told of the node yet")

// sureGone makes sure, before endpoints are deleted because their node is not known, that
// there is no such node: another controller may have heard of it, and written, earlier.
func (c *Controller) sureGone(ctx context.Context, endpoints []*v3.HostEndpoint) error {
	var asked []string
	for _, h := range endpoints {
		node := h.Spec.Node
		if _, known := c.state.knows(node); known || slices.Contains(asked, node) {
			continue
		}
		asked = append(asked, node)
		_, err := c.Store.Get(ctx, resources.Node.Key(node))
		switch {
		case err == nil:
			return fmt.Errorf("delete HostEndpoint(%s): Node(%s): %w", h.Name, node, errUnknownNode)
		case !errors.Is(err, datastore.ErrNotFound):
			if errors.Is(err, datastore.ErrInvalid) {
				c.state.setUnread(node, err)
			}
			return fmt.Errorf("delete HostEndpoint(%s): get Node(%s): %w", h.Name, node, err)
		}
	}
	return nil
}

// carryOut writes changes, new endpoints before stale ones are deleted. It gives those that could not be written, and
// says of those that the datastore refuses why. It stops when the settings that they follow from are outdated.
func (c *Controller) carryOut(ctx context.Context, s scene, changes autohep.Changes) (failures autohep.Failures, refused []autohep.Problem, outdated bool) {
	steps := []struct {
		op    datastore.ChangeOp
		what  []*v3.HostEndpoint
		write func(*v3.HostEndpoint) (*v3.HostEndpoint, error)
	}{
		{datastore.ChangeCreate, changes.Create, func(h *v3.HostEndpoint) (*v3.HostEndpoint, error) {
			out, err := c.Store.Create(ctx, h)
			return endpointOf(out), err
		}},
		{datastore.ChangeUpdate, changes.Update, func(h *v3.HostEndpoint) (*v3.HostEndpoint, error) {
			out, err := c.Store.Update(ctx, h)
			return endpointOf(out), err
		}},
		{datastore.ChangeDelete, changes.Delete, func(h *v3.HostEndpoint) (*v3.HostEndpoint, error) {
			return nil, c.Store.Delete(ctx, resources.HostEndpoint.Key(h.Name), h.ResourceVersion)
		}},
	}
	for _, step := range steps {
		for _, h := range step.what {
			if step.op == datastore.ChangeDelete && !failures.MayDelete(h) {
				continue
			}
			if err := c.mayWrite(step.op, s, h); err != nil {
				failures.Add(step.op, h, err)
				continue
			}
			if !c.state.begin(s.planner, h.Name, h, step.op == datastore.ChangeDelete) {
				return failures, refused, true
			}
			stored, err := step.write(h)
			if err == nil {
				c.state.wrote(h.Name, stored)
				c.wrote(step.op, s, h)
				continue
			}
			c.state.failed(h.Name)
			if !failures.Add(step.op, h, err) {
				continue // somebody else was faster: the watch tells of that, or has
			}
			if errors.Is(err, datastore.ErrInvalid) || errors.Is(err, datastore.ErrUnauthorized) {
				refused = append(refused, autohep.Problem{Node: h.Spec.Node, Endpoint: h.Name, Text: fmt.Sprintf(
					"Node %q: the datastore does not take its host endpoint %q: %v", h.Spec.Node, h.Name, err)})
			}
			if errors.Is(err, datastore.ErrUnavailable) || ctx.Err() != nil {
				return failures, refused, false
			}
		}
	}
	return failures, refused, false
}

// mayWrite allows what is no repair, and repairs that are not too many.
func (c *Controller) mayWrite(op datastore.ChangeOp, s scene, h *v3.HostEndpoint) error {
	if op == datastore.ChangeDelete || !s.foreign.has(h.Name) {
		return nil
	}
	return c.brake.check(h.Name, c.Now())
}

// wrote counts and tells of a write.
func (c *Controller) wrote(op datastore.ChangeOp, s scene, h *v3.HostEndpoint) {
	c.metrics.writes.WithLabelValues(string(op)).Inc()
	c.Log.Debug("wrote", "op", string(op), "endpoint", h.Name, "node", h.Spec.Node)
	if h.Spec.Node != s.looked {
		c.queue.add(h.Spec.Node) // a look at that node meanwhile, with newer settings or another node, did not see this write
	}
	if !s.foreign.has(h.Name) {
		return
	}
	delete(s.foreign, h.Name)
	c.brake.count(h.Name, c.Now())
	c.metrics.repairs.Inc()
	what := "was changed by somebody else, and follows its node again"
	switch op {
	case datastore.ChangeCreate:
		what = "was deleted by somebody else, and has been made again"
	case datastore.ChangeDelete:
		return
	}
	c.Log.Info("repaired", "endpoint", h.Name, "node", h.Spec.Node)
	c.events.record(c.nodeEvent(h.Spec.Node, false, reasonRepaired, fmt.Sprintf("Host endpoint %q %s.", h.Name, what)))
}

// nodeEvent is an event about a node.
func (c *Controller) nodeEvent(name string, warning bool, reason, text string) datastore.ObjectEvent {
	e := datastore.ObjectEvent{Key: resources.Node.Key(name), Warning: warning, Reason: reason, Text: text}
	if node, ok := c.state.knows(name); ok {
		e.UID = string(node.UID)
	}
	return e
}

// conclude keeps what came of the nodes of a scene, and tells of problems that are news.
func (c *Controller) conclude(s scene, looked string, problems []autohep.Problem, failures autohep.Failures) {
	all := slices.Concat(problems, c.state.remarked(s.nodes))
	var about []string
	for _, node := range s.nodes {
		about = append(about, node.Name)
	}
	if err := c.state.whyUnread(looked); err != nil && !slices.Contains(about, looked) {
		about, all = append(about, looked), append(all, unreadProblem(resources.Node.Key(looked), err))
	}
	if len(about) == 0 {
		c.state.forget(looked)
		return
	}
	for _, node := range about {
		r := report{pending: failures.Pending(node)}
		for _, p := range all {
			if p.Node == node {
				r.problems = append(r.problems, p)
			}
		}
		for _, p := range summed(c.state.report(node, r)) {
			c.Log.Warn("a node has a problem", "node", p.Node, "endpoint", p.Endpoint, "template", p.Template, "problem", p.Text)
			c.events.record(c.nodeEvent(p.Node, true, reasonProblem, p.Text))
		}
	}
}

// protected measures how long nodes that are new have waited for their endpoints. One whose endpoint cannot be made while
// somebody else's has the name goes on waiting. Nothing is measured of a node that had all it needs at the first look.
func (c *Controller) protected(s scene, problems []autohep.Problem, written bool) {
	for _, node := range s.nodes {
		waits := slices.ContainsFunc(problems, func(p autohep.Problem) bool { return p.Node == node.Name && s.isTaken(p.Endpoint) })
		if at, ok := c.state.firstProtected(node.Name, waits, written); ok {
			c.metrics.timeToProtect.Observe(c.Now().Sub(at).Seconds())
		}
	}
}

// endpointOf is the endpoint that a write gave back; nil if it gave none.
func endpointOf(o resources.Object) *v3.HostEndpoint {
	h, _ := o.(*v3.HostEndpoint)
	return h
}
