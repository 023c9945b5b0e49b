//go:build unix

package controller_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/test/cluster"
)

// TestEndWithHungDatastore stops the process that works and one that stands by while etcd takes
// connections and does not answer.
func TestEndWithHungDatastore(t *testing.T) {
	e := cluster.StartEtcd(t)
	s := &site{backend: newBackend(t, openEtcd(t, e), nil), spec: fmt.Sprintf(`"datastoreType": "etcdv3", "etcdEndpoints": "http://%s"`, e.Endpoint)}
	s.configure(t, enabled())
	leader, other := leaderOf(t, s.run(t), s.run(t))
	await(t, "the other does not stand by", func() bool { return strings.Contains(other.log.String(), "standing by") })
	time.Sleep(200 * time.Millisecond) // it is in the queue then
	e.Pause(t)
	for i := range 20 {
		go func() { _, _ = s.store.Create(t.Context(), nodeNamed(fmt.Sprintf("hung-%d", i), "r1")) }()
	}
	for what, c := range map[string]*child{"the one that stands by": other, "the one that works": leader} {
		if took := c.terminate(t); took > 5*time.Second {
			t.Errorf("%s takes %v to end", what, took)
		}
	}
}
