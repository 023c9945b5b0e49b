package controller

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// templated switches automatic endpoints on or off, with two templates by which the nodes a and a-b want the same name.
func templated(autoCreate string) *v3.NodeControllerConfig {
	wide := []string{"10.0.0.0/8"}
	return &v3.NodeControllerConfig{HostEndpoint: &v3.AutoHostEndpointConfig{
		AutoCreate: autoCreate, CreateDefaultHostEndpoint: v3.Disabled,
		Templates: []v3.Template{{GenerateName: "b-t", InterfaceCIDRs: wide}, {GenerateName: "t", InterfaceCIDRs: wide}},
	}}
}

// lookAtNext looks at the node that has been in the queue longest; false if there is none.
func (c *Controller) lookAtNext(t *testing.T) bool {
	t.Helper()
	name, since, ok := c.queue.take()
	if !ok {
		return false
	}
	err := c.look(t.Context(), name, since)
	if err != nil {
		t.Error(err)
	}
	c.queue.done(name, since, err != nil)
	return true
}

// TestSwitchedOffDuringLook changes the settings in the middle of a look: what is planned and not begun yet is not written
// any more.
func TestSwitchedOffDuringLook(t *testing.T) {
	for name, off := range map[string]*v3.NodeControllerConfig{"endpoints off": templated(v3.Disabled), "controller off": nil} {
		t.Run(name, func(t *testing.T) {
			s := &interfering{Store: openLocal(t)}
			c := newForTest(t, s, time.Now)
			c.state.putNode(testNode("n"), time.Now())
			c.configureTo(templated(v3.Enabled))
			s.create = func(resources.Object) error {
				s.create = nil
				c.configureTo(off)
				return nil
			}
			c.lookAtNext(t)
			if diff := cmp.Diff(map[string]string{"create": "1", "update": "0", "delete": "0"}, writes(t, c)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSwitchedOffBeforeDelete has the controller be switched off while a look makes sure that a node is gone: its endpoint
// stays.
func TestSwitchedOffBeforeDelete(t *testing.T) {
	s := &interfering{Store: openLocal(t)}
	c := newForTest(t, s, time.Now)
	c.configureTo(switchedOn)
	stale := testEndpoint("gone")
	made, err := s.Create(t.Context(), stale)
	if err != nil {
		t.Fatal(err)
	}
	c.queue.add(c.state.putEndpoint(made.(*v3.HostEndpoint))...)
	s.get = func(resources.Key) { c.configureTo(nil) }
	for c.lookAtNext(t) {
	}
	if diff := cmp.Diff([]string{stale.Name}, namesIn(t, s)); diff != "" {
		t.Errorf("after the controller is switched off: %s", diff)
	}
}

// TestWriteOverlooked writes an endpoint of another node while that one is looked at under the next settings, which have
// no use for it: it goes all the same.
func TestWriteOverlooked(t *testing.T) {
	s := &interfering{Store: openLocal(t)}
	c := newForTest(t, s, time.Now)
	for _, name := range []string{"a", "a-b"} {
		c.state.putNode(testNode(name), time.Now())
	}
	c.configureTo(templated(v3.Enabled))
	s.create = func(o resources.Object) error {
		if o.(*v3.HostEndpoint).Spec.Node != "a-b" {
			return nil
		}
		s.create = nil
		c.configureTo(templated(v3.Disabled))
		for c.lookAtNext(t) { // at a-b, since a is being looked at
		}
		return nil
	}
	for c.lookAtNext(t) {
	}
	if s.create != nil {
		t.Error("nothing is written for a-b")
	}
	if diff := cmp.Diff([]string{}, namesIn(t, s)); diff != "" {
		t.Errorf("after endpoints are switched off: %s", diff)
	}
}

// slowStatus is a datastore in which the status of the configuration cannot be written until released is closed.
type slowStatus struct {
	datastore.Store
	asked, released chan struct{}
}

func (s *slowStatus) UpdateStatus(ctx context.Context, o resources.Object) (resources.Object, error) {
	s.asked <- struct{}{}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.released:
		return s.Update(ctx, o)
	}
}

// TestSwitchedOffWhileStatusHangs has the settings count at once, whatever holds up the status that tells of them.
func TestSwitchedOffWhileStatusHangs(t *testing.T) {
	s := &slowStatus{openLocal(t), make(chan struct{}, 100), make(chan struct{})}
	defer close(s.released)
	configuration := resources.NewKubeControllersConfiguration()
	noPort := 0
	configuration.Spec.PrometheusMetricsPort = &noPort
	configuration.Spec.Controllers.Node = switchedOn
	stored, err := s.Create(t.Context(), configuration)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), testNode("n")); err != nil {
		t.Fatal(err)
	}
	c := newForTest(t, s, time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { _ = c.Run(ctx) })
	defer group.Wait()
	defer cancel()
	<-s.asked
	eventually(t, "the endpoint is not made", func() bool { return len(namesIn(t, s)) == 1 })
	configuration = stored.(*v3.KubeControllersConfiguration)
	configuration.Spec.Controllers.Node = templated(v3.Disabled)
	if _, err := s.Update(t.Context(), configuration); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the endpoint does not go", func() bool { return len(namesIn(t, s)) == 0 })
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}
