package controller

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/resources"
)

// TestContestEnds has somebody else stop changing an endpoint after the last repair that is made without waiting: the node has
// a problem until it is looked at again, which happens by itself.
func TestContestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openLocal(t)
		c := newForTest(t, s, time.Now)
		c.state.putNode(testNode("n"), c.Now())
		c.asFor(onlyDefault)
		key := resources.HostEndpoint.Key("n-auto-hep")
		look := func(want string) {
			t.Helper()
			if err := c.look(t.Context(), "n", c.Now()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, metric(t, c, `nodes{state="problem"}`)); diff != "" {
				t.Errorf("nodes with a problem: %s", diff)
			}
		}
		look("0")
		for i := range repairsAtOnce {
			deleteByOther(t, c, s, key)
			look(map[bool]string{true: "1", false: "0"}[i == repairsAtOnce-1])
		}
		if _, _, ok := c.queue.take(); ok {
			t.Error("the node is looked at again at once")
		}
		time.Sleep(repairPause + time.Second)
		synctest.Wait()
		if name, _, ok := c.queue.take(); !ok || name != "n" {
			t.Errorf("the node is not looked at again, but %q", name)
		}
		look("0")
	})
}

// TestContestIsCounted has a repair wait because there have been many: that is an error of its own reason, and no warning each time.
func TestContestIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newForTest(t, openLocal(t), time.Now)
		var log bytes.Buffer
		c.Log = slog.New(slog.NewTextHandler(&log, nil))
		c.state.putNode(testNode("n"), c.Now())
		c.asFor(onlyDefault)
		for range repairsAtOnce {
			c.brake.count("n-auto-hep", c.Now())
		}
		c.state.foreign["n-auto-hep"] = true
		ctx, stop := context.WithCancel(t.Context())
		go c.work(ctx, ctx)
		c.queue.add("n")
		time.Sleep(time.Second)
		stop()
		synctest.Wait()
		n, err := strconv.Atoi(metric(t, c, `errors_total{reason="contested"}`))
		if err != nil || n < 2 || metric(t, c, `endpoints{state="contested"}`) != "1" {
			t.Errorf("errors: %d, %v; contested: %s", n, err, metric(t, c, `endpoints{state="contested"}`))
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "a node has a problem") {
			t.Errorf("there are %d warnings:\n%s", n, log.String())
		}
	})
}
