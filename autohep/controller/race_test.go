package controller

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/local"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// interfering is a datastore in which something happens during a call.
type interfering struct {
	datastore.Store
	get    func(resources.Key)
	create func(resources.Object) error
	// deleted is called when an object is gone, before the answer.
	deleted func(name string)
}

func (i *interfering) Delete(ctx context.Context, key resources.Key, resourceVersion string) error {
	err := i.Store.Delete(ctx, key, resourceVersion)
	if err == nil && i.deleted != nil {
		i.deleted(key.Name)
	}
	return err
}

func (i *interfering) Get(ctx context.Context, key resources.Key) (resources.Object, error) {
	o, err := i.Store.Get(ctx, key)
	if i.get != nil {
		i.get(key)
	}
	return o, err
}

func (i *interfering) Create(ctx context.Context, o resources.Object) (resources.Object, error) {
	if i.create != nil {
		if err := i.create(o); err != nil {
			return nil, err
		}
	}
	return i.Store.Create(ctx, o)
}

func openLocal(t *testing.T) datastore.Store {
	t.Helper()
	s, err := local.Open(t.Context(), filepath.Join(t.TempDir(), "datastore.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func newForTest(t *testing.T, s datastore.Store, now func() time.Time) *Controller {
	t.Helper()
	environment, err := ReadEnvironment(func(string) (string, bool) { return "", false }, false)
	if err != nil {
		t.Fatal(err)
	}
	return New(Options{
		Store: s, Environment: environment, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Level: &slog.LevelVar{}, Now: now,
	})
}

// asFor has a controller go by endpoints, without a configuration in the datastore.
func (c *Controller) asFor(endpoints autohep.Config) {
	c.settings.Store(&Settings{Active: true, Endpoints: endpoints})
	planner, _ := autohep.NewPlanner(endpoints)
	c.state.use(planner)
}

func testNode(name string) *v3.Node {
	n := resources.Node.New().(*v3.Node)
	n.Name = name
	n.Spec.BGP = &v3.NodeBGPSpec{IPv4Address: "10.0.0.1"}
	return n
}

// testEndpoint is an automatic endpoint of a node.
func testEndpoint(node string) *v3.HostEndpoint {
	h := resources.HostEndpoint.New().(*v3.HostEndpoint)
	h.Name, h.Labels = node+"-auto-hep", map[string]string{v3.LabelCreatedBy: v3.CreatedByController}
	h.Spec = v3.HostEndpointSpec{Node: node, InterfaceName: "*"}
	return h
}

// tellOf has the watch tell of an endpoint as it is stored.
func tellOf(t *testing.T, c *Controller, store datastore.Store, key resources.Key) *v3.HostEndpoint {
	t.Helper()
	o, err := store.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	h := o.(*v3.HostEndpoint)
	c.state.putEndpoint(h)
	return h
}

// deleteByOther has the watch tell of an endpoint, and then that somebody else has deleted it.
func deleteByOther(t *testing.T, c *Controller, store datastore.Store, key resources.Key) {
	t.Helper()
	tellOf(t, c, store, key)
	if err := store.Delete(t.Context(), key, ""); err != nil {
		t.Fatal(err)
	}
	c.state.deleteEndpoint(key.Name)
}

func byTemplate(name string) autohep.Config {
	return autohep.Config{AutoCreate: true, Templates: []v3.Template{{GenerateName: name, InterfaceCIDRs: []string{"10.0.0.0/8"}}}}
}

var onlyDefault = autohep.Config{AutoCreate: true, CreateDefault: true}

func namesIn(t *testing.T, s datastore.Store) []string {
	t.Helper()
	list, err := s.List(t.Context(), resources.HostEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, o := range list.Items {
		all = append(all, o.GetName())
	}
	return all
}

// TestDeletedByOther has another controller delete a stale endpoint just before this one does,
// and the watch tell of it before the answer: what comes under that name later is seen.
func TestDeletedByOther(t *testing.T) {
	s := &interfering{Store: openLocal(t)}
	c := newForTest(t, s, time.Now)
	c.asFor(onlyDefault)
	h := testEndpoint("n")
	put := func() {
		t.Helper()
		made, err := s.Store.Create(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		c.state.putEndpoint(made.(*v3.HostEndpoint))
	}
	put()
	s.get = func(key resources.Key) {
		s.get = nil
		if err := s.Delete(t.Context(), resources.HostEndpoint.Key(h.Name), ""); err != nil {
			t.Error(err)
		}
		c.state.deleteEndpoint(h.Name)
	}
	if err := c.look(t.Context(), "n", time.Now()); err != nil {
		t.Fatal(err)
	}
	put()
	if err := c.look(t.Context(), "n", time.Now()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{}, namesIn(t, s)); diff != "" {
		t.Errorf("a stale endpoint is not seen: %s", diff)
	}
}

// TestRefusedReplacement renames a template while the datastore refuses the new endpoint: the
// node keeps the old one until the new one is there.
func TestRefusedReplacement(t *testing.T) {
	s := &interfering{Store: openLocal(t)}
	c := newForTest(t, s, time.Now)
	node := testNode("n")
	c.state.putNode(node, time.Now())
	c.asFor(byTemplate("old"))
	if err := c.look(t.Context(), "n", time.Now()); err != nil {
		t.Fatal(err)
	}
	var refuses atomic.Bool
	refuses.Store(true)
	s.create = func(o resources.Object) error {
		if key, _ := resources.KeyOf(o); refuses.Load() {
			return datastore.ErrorOf("create", key, datastore.ErrUnauthorized, "a webhook refuses it")
		}
		return nil
	}
	c.asFor(byTemplate("new"))
	if err := c.look(t.Context(), "n", time.Now()); err == nil {
		t.Error("that nothing can be created is no error")
	}
	if diff := cmp.Diff([]string{"n-old-auto-hep"}, namesIn(t, s)); diff != "" {
		t.Errorf("while the new one is refused: %s", diff)
	}
	refuses.Store(false)
	if err := c.look(t.Context(), "n", time.Now()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"n-new-auto-hep"}, namesIn(t, s)); diff != "" {
		t.Errorf("when the new one is there: %s", diff)
	}
}

// metric is the value of a metric as it is served.
func metric(t *testing.T, c *Controller, name string) string {
	t.Helper()
	answer := httptest.NewRecorder()
	c.metrics.handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(answer.Body.String()) {
		if value, ok := strings.CutPrefix(line, prefix+name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// TestTimeToProtect measures only nodes whose endpoints this process has made: what another
// controller has protected is not new any more a day later.
func TestTimeToProtect(t *testing.T) {
	now := time.Unix(1000, 0)
	s := openLocal(t)
	c := newForTest(t, s, func() time.Time { return now })
	c.asFor(onlyDefault)
	look := func(name string) {
		t.Helper()
		if err := c.look(t.Context(), name, now); err != nil {
			t.Fatal(err)
		}
	}
	other := testNode("other")
	c.state.putNode(other, now)
	planned, _ := autohep.Plan([]*v3.Node{other}, nil, onlyDefault)
	made, err := s.Create(t.Context(), planned.Create[0])
	if err != nil {
		t.Fatal(err)
	}
	c.state.putEndpoint(made.(*v3.HostEndpoint))
	look("other")
	now = now.Add(24 * time.Hour)
	later := testNode("other")
	later.Labels = map[string]string{"a": "b"}
	c.state.putNode(later, now)
	look("other")
	c.state.putNode(testNode("mine"), now)
	now = now.Add(2 * time.Second)
	look("mine")
	got := []string{metric(t, c, "time_to_protect_seconds_count"), metric(t, c, "time_to_protect_seconds_sum")}
	if diff := cmp.Diff([]string{"1", "2"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestForeignIsForgotten has others delete an endpoint whose node goes, in either order: when the
// node comes back, its endpoint is no repair.
func TestForeignIsForgotten(t *testing.T) {
	for name, order := range map[string][]func(*state){
		"node first":     {func(s *state) { s.deleteNode("n") }, func(s *state) { s.deleteEndpoint("n-auto-hep") }},
		"endpoint first": {func(s *state) { s.deleteEndpoint("n-auto-hep") }, func(s *state) { s.deleteNode("n") }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newState()
			planner, _ := autohep.NewPlanner(onlyDefault)
			s.use(planner)
			s.putNode(testNode("n"), time.Time{})
			h := resources.HostEndpoint.New().(*v3.HostEndpoint)
			h.Name, h.ResourceVersion, h.Spec.Node = "n-auto-hep", "5", "n"
			h.Labels = map[string]string{v3.LabelCreatedBy: v3.CreatedByController}
			s.putEndpoint(h)
			for _, step := range order {
				step(s)
			}
			s.putNode(testNode("n"), time.Time{})
			if foreign := s.scene("n").foreign; len(foreign) != 0 {
				t.Errorf("foreign: %v", foreign)
			}
		})
	}
}

// TestQueueStartsNow does not count the time for which nobody looked.
func TestQueueStartsNow(t *testing.T) {
	now := time.Unix(1000, 0)
	q := newQueue(func() time.Time { return now })
	q.add("n")
	now = now.Add(24 * time.Hour)
	q.startNow()
	q.add("n")
	if _, since, _ := q.take(); since != now {
		t.Errorf("waiting since %v, want %v", since, now)
	}
}

// TestTimeToProtectCountsWaiting has a node wait for the name of its endpoint, which somebody else's has, or one that is being
// deleted: it counts from its appearance until it is protected, whoever ends the waiting.
func TestTimeToProtectCountsWaiting(t *testing.T) {
	key := resources.HostEndpoint.Key("n-auto-hep")
	for name, end := range map[string]func(*testing.T, *Controller, *v3.HostEndpoint){
		"deleted": func(t *testing.T, c *Controller, h *v3.HostEndpoint) {
			if err := c.Store.Delete(t.Context(), key, ""); err != nil {
				t.Fatal(err)
			}
			c.state.deleteEndpoint(key.Name)
		},
		"handed over": func(t *testing.T, c *Controller, h *v3.HostEndpoint) {
			planned, _ := autohep.Plan([]*v3.Node{testNode("n")}, nil, onlyDefault)
			h.Labels, h.Spec = planned.Create[0].Labels, planned.Create[0].Spec
			o, err := c.Store.Update(t.Context(), h)
			if err != nil {
				t.Fatal(err)
			}
			c.state.putEndpoint(o.(*v3.HostEndpoint))
		},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1000, 0)
			c := newForTest(t, openLocal(t), func() time.Time { return now })
			c.asFor(onlyDefault)
			foreign := resources.HostEndpoint.New().(*v3.HostEndpoint)
			foreign.Name, foreign.Spec = key.Name, v3.HostEndpointSpec{Node: "n", InterfaceName: "eth7"}
			o, err := c.Store.Create(t.Context(), foreign)
			if err != nil {
				t.Fatal(err)
			}
			foreign = o.(*v3.HostEndpoint)
			c.state.putEndpoint(foreign.DeepCopy())
			c.state.putNode(testNode("n"), now)
			look := func(want ...string) {
				t.Helper()
				if err := c.look(t.Context(), "n", now); err != nil {
					t.Fatal(err)
				}
				got := []string{metric(t, c, "time_to_protect_seconds_count"), metric(t, c, "time_to_protect_seconds_sum")}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("count and sum: %s", diff)
				}
			}
			look("0", "0")
			now = now.Add(7 * time.Second)
			look("0", "0")
			end(t, c, foreign)
			look("1", "7")
			look("1", "7")
		})
	}
}
