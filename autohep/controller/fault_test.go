package controller_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestOnceBesideController makes one pass with another environment while a controller works: what the status says of the
// controller stays.
func TestOnceBesideController(t *testing.T) {
	for name, open := range sites() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			s.configure(t, enabled())
			s.addNode(t, kubeNode("n", 1))
			c := s.run(t, "LOG_LEVEL=debug")
			await(t, "the controller does not work", c.works)
			await(t, "the status is not written", func() bool { return s.statusOf(t).EnvironmentVars["LOG_LEVEL"] == "debug" })
			want := s.statusOf(t)
			once := s.call(t, []string{"AUTO_HOST_ENDPOINTS=enabled"}, "controller", "run", "--once")
			<-once.ended
			if diff := cmp.Diff(want, s.statusOf(t)); once.err != nil || diff != "" {
				t.Errorf("%v\n%s", once.err, diff)
			}
			c.kill()
			await(t, "the lead does not run out", func() bool {
				once := s.call(t, []string{"AUTO_HOST_ENDPOINTS=enabled"}, "controller", "run", "--once")
				<-once.ended
				return once.err == nil && s.statusOf(t).EnvironmentVars["AUTO_HOST_ENDPOINTS"] == "enabled"
			})
		})
	}
}

const leasePath = "/apis/coordination.k8s.io/v1/namespaces/calico-system/leases/calicoctl-controller"

// holder is who holds the Lease; empty for nobody.
func (s *site) holder(t *testing.T) string {
	t.Helper()
	var lease struct {
		Spec struct{ HolderIdentity string }
	}
	if err := json.Unmarshal(s.kube.Do(t, http.MethodGet, leasePath, nil), &lease); err != nil {
		t.Fatal(err)
	}
	return lease.Spec.HolderIdentity
}

// times counts what a process has logged.
func (c *child) times(text string) int { return strings.Count(c.log.String(), text) }

const (
	logWorks = "msg=working "
	logStops = `msg="not working any more"`
)

// leads tells whether a process works now.
func (c *child) leads() bool { return c.times(logWorks) > c.times(logStops) }

// TestLeaseWhileServerRestarts restarts kube-apiserver while one controller leads. A short absence changes nothing; a long
// one has the leader stop before its lease runs out, and one of them work again when the server is back.
func TestLeaseWhileServerRestarts(t *testing.T) {
	t.Parallel()
	s := sites()["kubernetes"](t)
	s.configure(t, enabled())
	leader, other := leaderOf(t, s.run(t), s.run(t))
	began := time.Now()
	s.kube.Kill()
	s.kube.Restart(t)
	s.addNode(t, kubeNode("short", 1))
	awaitInStep(t, s.store, environment(t, nil))
	absent := time.Since(began)
	if absent < 5*time.Second && (leader.times(logStops) != 0 || other.works()) { // on a busy machine it is not short
		t.Errorf("an absence of the server of %v changes the leader", absent)
	}
	if !leader.leads() {
		leader, other = other, leader
	}
	stops := leader.times(logStops)
	s.kube.Kill()
	began = time.Now()
	await(t, "the leader works without a lease", func() bool { return leader.times(logStops) > stops })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the leader works for %v after it lost the server; its lease is of 10 seconds", took)
	}
	if other.leads() {
		t.Error("the other works without a server")
	}
	s.kube.Restart(t)
	s.addNode(t, kubeNode("long", 2))
	awaitInStep(t, s.store, environment(t, nil))
	if leader.leads() == other.leads() {
		t.Errorf("both controllers work, or none: %v", leader.leads())
	}
}

// TestLeaseTakenAway has somebody else take the lease of the leader: it stops at once, works again when the lease is free,
// and writes nothing meanwhile.
func TestLeaseTakenAway(t *testing.T) {
	t.Parallel()
	s := sites()["kubernetes"](t)
	s.configure(t, enabled())
	c := s.run(t)
	await(t, "the controller does not work", c.works)
	take := func(holder string) {
		t.Helper()
		s.kube.Do(t, http.MethodPatch, leasePath, fmt.Appendf(nil, `{"spec": {"holderIdentity": %q, "renewTime": %q}}`,
			holder, time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")))
	}
	take("somebody-else")
	began := time.Now()
	await(t, "the controller works without the lease", func() bool { return c.times(logStops) == 1 })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the controller goes on for %v", took)
	}
	if got := s.holder(t); got != "somebody-else" {
		t.Errorf("the lease is %q's", got)
	}
	s.addNode(t, kubeNode("meanwhile", 1))
	for range 4 {
		time.Sleep(time.Second)
		take("somebody-else")
	}
	if got := len(s.endpoints(t)); got != 0 {
		t.Errorf("%d endpoints are written by somebody who does not lead", got)
	}
	take("")
	began = time.Now()
	awaitInStep(t, s.store, environment(t, nil))
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it takes %v until the controller works again", took)
	}
}
