package controller

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// configureTo has a controller go by a configuration in which the node controller is this one.
func (c *Controller) configureTo(node *v3.NodeControllerConfig) {
	kcc := resources.NewKubeControllersConfiguration()
	kcc.Spec.Controllers.Node = node
	c.kcc.Store(kcc)
	c.apply()
}

var switchedOn = &v3.NodeControllerConfig{HostEndpoint: &v3.AutoHostEndpointConfig{AutoCreate: v3.Enabled}}

// TestSwitchedOffBesideLooks switches the controller off, again and again, while all nodes are looked at: nothing is deleted.
func TestSwitchedOffBesideLooks(t *testing.T) {
	const nodes, switches = 300, 40
	s := openLocal(t)
	c := newForTest(t, s, time.Now)
	for i := range nodes {
		c.state.putNode(testNode(fmt.Sprintf("n%d", i)), time.Now())
	}
	c.configureTo(switchedOn)
	for _, name := range c.state.all() {
		if err := c.look(t.Context(), name, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range defaultWorkers {
		group.Go(func() { c.work(ctx, ctx) })
	}
	group.Go(func() {
		for ctx.Err() == nil {
			c.queue.add(c.state.all()...)
			time.Sleep(100 * time.Microsecond)
		}
	})
	for range switches {
		c.configureTo(nil)
		time.Sleep(3 * time.Millisecond)
		c.configureTo(switchedOn)
		time.Sleep(3 * time.Millisecond)
	}
	stop()
	group.Wait()
	if diff := cmp.Diff(map[string]string{"create": "300", "update": "0", "delete": "0"}, writes(t, c)); diff != "" {
		t.Error(diff)
	}
	c.configureTo(nil)
	if planner := c.state.scene("n1").planner; planner != nil {
		t.Error("there is a plan while the controller is switched off")
	}
}

// writes are the counts of writes.
func writes(t *testing.T, c *Controller) map[string]string {
	t.Helper()
	counts := map[string]string{}
	for _, op := range []string{"create", "update", "delete"} {
		counts[op] = metric(t, c, fmt.Sprintf("writes_total{op=%q}", op))
	}
	return counts
}
