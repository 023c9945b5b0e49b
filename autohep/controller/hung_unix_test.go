//go:build unix

package controller_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestEndWithHungDatastore stops the process that works and one that stands by while the server takes
// connections and does not answer, in the middle of writes.
func TestEndWithHungDatastore(t *testing.T) {
	for name, open := range sites() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			s.configure(t, enabled())
			leader, other := leaderOf(t, s.run(t), s.run(t))
			await(t, "the other does not stand by", func() bool { return strings.Contains(other.log.String(), "standing by") })
			time.Sleep(200 * time.Millisecond) // it is in the queue then
			for i := range 20 {
				s.addNode(t, kubeNode(fmt.Sprintf("hung-%d", i), i))
			}
			if s.kube != nil {
				s.kube.Pause(t)
			} else {
				s.etcd.Pause(t)
			}
			endsInTime(t, leader, other)
		})
	}
}

func endsInTime(t *testing.T, leader, other *child) {
	t.Helper()
	for what, c := range map[string]*child{"the one that stands by": other, "the one that works": leader} {
		if took := c.terminate(t); took > 5*time.Second {
			t.Errorf("%s takes %v to end", what, took)
		}
	}
}
