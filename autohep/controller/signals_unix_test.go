//go:build unix

package controller_test

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
)

// TestSignalsAgain has the process that works get signals again and again until it ends, in the middle of writes. It ends as
// if there had been one, and gives the lead back: the other one works at once.
func TestSignalsAgain(t *testing.T) {
	for name, open := range sites() {
		for _, test := range []struct {
			name  string
			first os.Signal
			again os.Signal
		}{{"terminated", syscall.SIGTERM, syscall.SIGTERM}, {"interrupted", os.Interrupt, syscall.SIGTERM}} {
			t.Run(name+", "+test.name, func(t *testing.T) {
				t.Parallel()
				s := open(t)
				s.configure(t, enabled())
				leader, other := leaderOf(t, s.run(t), s.run(t))
				await(t, "the other does not stand by", func() bool { return strings.Contains(other.log.String(), "standing by") })
				for i := range 100 {
					s.addNode(t, kubeNode(fmt.Sprintf("again-%d", i), i))
				}
				leader.signalUntilEnd(t, test.first, test.again)
				leads, err := s.store.(datastore.Elector).Leader(t.Context(), datastore.Election{Namespace: "calico-system", Name: "calicoctl-controller"})
				if err != nil || leads == leader.identity {
					t.Errorf("after the end %q leads: %v", leads, err)
				}
				await(t, "nobody takes over", other.works)
			})
		}
	}
}

// signalUntilEnd sends a signal, and then another one until the process has ended, which has to be as it is meant to.
func (c *child) signalUntilEnd(t *testing.T, first, again os.Signal) {
	t.Helper()
	if err := c.command.Process.Signal(first); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; {
		select {
		case <-c.ended:
			if c.err != nil {
				t.Errorf("the controller ends with: %v", c.err)
			}
			return
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("the controller does not end")
		}
		_ = c.command.Process.Signal(again) // it may have ended
	}
}

// TestInterruptedAgain interrupts the process that works as somebody at a keyboard does who does not want to wait, while
// etcd does not answer: the second time it gives up waiting for writes, and the third time it ends on the spot.
func TestInterruptedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		logs []string
		want string
	}{
		"twice":  {[]string{"msg=stopping\n", `msg="stopping without waiting for writes" signal=interrupt`}, ""},
		"thrice": {[]string{"msg=stopping\n", `msg="stopping without waiting for writes" signal=interrupt`, ""}, "signal: interrupt"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.want != "" && signal.Ignored(os.Interrupt) {
				t.Skip("interrupts are ignored here, as by what a script leaves in the background, and so by what this starts")
			}
			t.Parallel()
			s := sites()["etcd"](t)
			s.configure(t, enabled())
			c := s.run(t)
			await(t, "the controller does not work", c.works)
			s.etcd.Pause(t)
			began := time.Now()
			for _, text := range test.logs {
				if err := c.command.Process.Signal(os.Interrupt); err != nil {
					t.Fatal(err)
				}
				await(t, "the log does not tell: "+text, func() bool { return strings.Contains(c.log.String(), text) })
			}
			<-c.ended
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it takes %v to end", took)
			}
			got := ""
			if c.err != nil {
				got = c.err.Error()
			}
			if got != test.want {
				t.Errorf("it ends with %q, want %q", got, test.want)
			}
		})
	}
}
