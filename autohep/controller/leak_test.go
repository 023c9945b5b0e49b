package controller

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/local"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// goroutines are the stacks of those that run code of the controller, of its datastore or of its server, by what each
// begins with, which is its number. Those of tests are left out.
func goroutines() map[string]string {
	text := make([]byte, 1<<20)
	text = text[:runtime.Stack(text, true)]
	all := map[string]string{}
	for stack := range strings.SplitSeq(string(text), "\n\n") {
		ours := slices.ContainsFunc([]string{"/autohep/controller.", "/datastore/local.", "net/http.(*"}, func(part string) bool {
			return strings.Contains(stack, part)
		})
		if ours && !strings.Contains(stack, "testing.tRunner(") {
			number, _, _ := strings.Cut(stack, " [")
			all[number] = stack
		}
	}
	return all
}

// TestNothingOutlivesRun has a controller meet what may leave something behind: failing writes, a port that moves, passes,
// and somebody who asks for health and never ends the question. When it has ended, nothing of it runs any more.
func TestNothingOutlivesRun(t *testing.T) {
	before := goroutines()
	s, err := local.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	failing := &interfering{Store: s, create: func(o resources.Object) error {
		key, _ := resources.KeyOf(o)
		return datastore.ErrorOf("create", key, datastore.ErrUnauthorized, "a webhook refuses it")
	}}
	kcc := resources.NewKubeControllersConfiguration()
	noPort := 0
	kcc.Spec.PrometheusMetricsPort, kcc.Spec.Controllers.Node = &noPort, switchedOn
	for _, o := range []resources.Object{kcc, testNode("a"), testNode("b")} {
		if _, err := s.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	c := newForTest(t, failing, time.Now)
	c.HealthAddress, c.MetricsHost = cluster.FreeAddress(t), "127.0.0.1"
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { _ = c.Run(ctx) })
	eventually(t, "no write fails", func() bool { _, retrying := c.queue.depth(); return retrying == 2 })
	asking := unfinishedQuestion(t, c.HealthAddress)
	defer asking.Close()
	movePort(t, s)
	eventually(t, "the port does not move", func() bool { port, _ := c.health.where(); return port != 0 })
	c.makePass(t.Context())
	cancel()
	group.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var left map[string]string
	defer func() {
		for _, stack := range left {
			t.Log(stack)
		}
	}()
	eventually(t, "something goes on after the end", func() bool {
		left = goroutines()
		maps.DeleteFunc(left, func(number, _ string) bool { return before[number] != "" })
		return len(left) == 0
	})
}

// movePort has metrics be served at a port that is free.
func movePort(t *testing.T, s datastore.Store) {
	t.Helper()
	o, err := s.Get(t.Context(), resources.KubeControllersConfiguration.Key(v3.DefaultName))
	if err != nil {
		t.Fatal(err)
	}
	port := cluster.FreePort(t)
	o.(*v3.KubeControllersConfiguration).Spec.PrometheusMetricsPort = &port
	if _, err := s.Update(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// unfinishedQuestion asks for health and does not send all of the question.
func unfinishedQuestion(t *testing.T, address string) net.Conn {
	t.Helper()
	var connection net.Conn
	eventually(t, "health is not served", func() (ok bool) {
		var err error
		connection, err = net.Dial("tcp", address)
		return err == nil
	})
	if _, err := connection.Write([]byte("GET /healthz HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	return connection
}

// TestUnfinishedQuestion cuts off who asks for health and never ends the question.
func TestUnfinishedQuestion(t *testing.T) {
	t.Parallel()
	c := newForTest(t, openLocal(t), time.Now)
	address := cluster.FreeAddress(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go c.keepServing(ctx, address, http.HandlerFunc(c.health.live))
	asking := unfinishedQuestion(t, address)
	defer asking.Close()
	if err := asking.SetReadDeadline(time.Now().Add(4 * askTime)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(asking); err != nil {
		t.Errorf("it is not cut off: %v", err)
	}
}
