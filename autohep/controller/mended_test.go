package controller

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// TestRepairAfterFailure has a repair fail before it succeeds: it is told and counted, once.
func TestRepairAfterFailure(t *testing.T) {
	for _, failures := range []int{0, 1, repairsAtOnce + 5} {
		t.Run(fmt.Sprint(failures, " failures"), func(t *testing.T) {
			now := time.Unix(1000, 0)
			s := &interfering{Store: openLocal(t)}
			c := newForTest(t, recording{s, make(chan datastore.ObjectEvent, 100)}, func() time.Time { return now })
			c.state.putNode(testNode("n"), now)
			c.asFor(onlyDefault)
			if err := c.look(t.Context(), "n", now); err != nil {
				t.Fatal(err)
			}
			key := resources.HostEndpoint.Key("n-auto-hep")
			deleteByOther(t, c, s, key)
			s.create = func(resources.Object) error { return datastore.ErrUnavailable }
			for range failures {
				if err := c.look(t.Context(), "n", now); !datastore.IsAway(err) {
					t.Fatalf("%v, want that the datastore is away", err)
				}
			}
			s.create = nil
			for range 2 {
				if err := c.look(t.Context(), "n", now); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff([]string{"n-auto-hep"}, namesIn(t, s)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(1, len(c.events.waiting)); diff != "" {
				t.Errorf("events: %s", diff)
			}
			if diff := cmp.Diff("1", metric(t, c, "repairs_total")); diff != "" {
				t.Errorf("repairs_total: %s", diff)
			}
		})
	}
}

// TestPending counts a failure for the node that it is of, and forgets it when the controller is switched off.
func TestPending(t *testing.T) {
	s := &interfering{Store: openLocal(t)}
	c := newForTest(t, s, time.Now)
	shared := autohep.Config{AutoCreate: true, Templates: []v3.Template{
		{GenerateName: "b-t", InterfaceCIDRs: []string{"10.0.0.0/8"}}, {GenerateName: "t", InterfaceCIDRs: []string{"10.0.0.0/8"}},
	}}
	c.asFor(shared) // the nodes want the name a-b-t-auto-hep both
	c.state.putNode(testNode("a"), time.Now())
	c.state.putNode(testNode("a-b"), time.Now())
	s.create = func(o resources.Object) error {
		if o.GetName() == "a-t-auto-hep" {
			return datastore.ErrInvalid
		}
		return nil
	}
	if err := c.look(t.Context(), "a", time.Now()); err == nil {
		t.Fatal("nothing has failed")
	}
	if diff := cmp.Diff("1", metric(t, c, `endpoints{state="pending"}`)); diff != "" {
		t.Errorf("pending: %s", diff)
	}
	c.configureTo(nil)
	_ = c.look(t.Context(), "a", time.Now())
	for _, name := range []string{`endpoints{state="pending"}`, `nodes{state="problem"}`} {
		if diff := cmp.Diff("0", metric(t, c, name)); diff != "" {
			t.Errorf("%s when switched off: %s", name, diff)
		}
	}
}

// TestLostEvent loses an event for want of room: when there is room, the same is news.
func TestLostEvent(t *testing.T) {
	e := newEvents(Options{Store: recording{openLocal(t), nil}, Now: time.Now})
	lost := 0
	e.lost = func() { lost++ }
	for i := range eventRoom + 1 {
		e.record(datastore.ObjectEvent{Text: fmt.Sprint(i)})
	}
	<-e.waiting
	e.record(datastore.ObjectEvent{Text: fmt.Sprint(eventRoom)})
	if diff := cmp.Diff([]int{1, eventRoom}, []int{lost, len(e.waiting)}); diff != "" {
		t.Errorf("lost, waiting: %s", diff)
	}
}

// TestSweeps has far more endpoints be repaired, and more be told of, than there is room for: all are looked through
// once for those that can be dropped, and not for each.
func TestSweeps(t *testing.T) {
	now := time.Unix(1000, 0)
	var b brake
	e := newEvents(Options{Store: recording{openLocal(t), nil}, Now: func() time.Time { return now }})
	const many = 3 * eventMemory
	for i := range many {
		b.count(fmt.Sprint(i), now)
		e.isNews(subject{text: fmt.Sprint(i)})
		now = now.Add(time.Microsecond)
	}
	if diff := cmp.Diff([]time.Time{
		time.Unix(1000, 0).Add(brakeRoom * time.Microsecond), time.Unix(1000, 0).Add(eventMemory * time.Microsecond),
	}, []time.Time{b.swept, e.swept}); diff != "" {
		t.Errorf("swept: %s", diff)
	}
	now = now.Add(max(eventRest, repairsAtOnce*repairPause))
	b.count("new", now)
	e.isNews(subject{text: "new"})
	if diff := cmp.Diff([]int{1, 1}, []int{len(b.repairs), len(e.told)}); diff != "" {
		t.Errorf("kept: %s", diff)
	}
}

// TestUnreadConfigurationIsToldOnce has a configuration that cannot be understood be told of by the leader, by who waits
// for it at the start, and not by who stands by; who takes over tells of it again.
func TestUnreadConfigurationIsToldOnce(t *testing.T) {
	key := resources.KubeControllersConfiguration.Key(v3.DefaultName)
	for name, test := range map[string]struct {
		read, leads  bool
		now, takesUp int
	}{
		"at the start": {now: 1, takesUp: 1},
		"standing by":  {read: true, now: 0, takesUp: 1},
		"leading":      {read: true, leads: true, now: 1, takesUp: 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := newForTest(t, recording{openLocal(t), nil}, time.Now)
			if test.read {
				for _, l := range c.synced.all() {
					l.listed()
				}
			}
			c.leading.Store(test.leads)
			c.leaveOut(key, datastore.ErrInvalid)
			now := len(c.events.waiting)
			c.tellOfConfiguration()
			if diff := cmp.Diff([]int{test.now, test.takesUp}, []int{now, len(c.events.waiting)}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// withoutStatus is a Store that keeps the status apart and does not let it be written.
type withoutStatus struct{ datastore.Store }

func (withoutStatus) UpdateStatus(context.Context, resources.Object) (resources.Object, error) {
	return nil, datastore.ErrUnauthorized
}

// TestOnceWithoutStatus writes endpoints where the status may not be written, and says that.
func TestOnceWithoutStatus(t *testing.T) {
	s := openLocal(t)
	kcc := resources.NewKubeControllersConfiguration()
	kcc.Spec.Controllers.Node = switchedOn
	for _, o := range []resources.Object{kcc, testNode("n")} {
		if _, err := s.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	environment, err := ReadEnvironment(func(string) (string, bool) { return "", false }, false)
	if err != nil {
		t.Fatal(err)
	}
	result, err := Once(t.Context(), Options{Store: withoutStatus{s}, Environment: environment, Log: slog.New(slog.DiscardHandler)})
	if diff := cmp.Diff(autohep.Result{Created: 1}, result); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("write the status of the configuration: "+datastore.ErrUnauthorized.Error(), fmt.Sprint(err)); diff != "" {
		t.Error(diff)
	}
}

// dying is a watch that has ended.
type dying struct{}

func (dying) Next(context.Context) (datastore.Event, error) {
	return datastore.Event{}, fmt.Errorf("%w: gone away", datastore.ErrUnavailable)
}

func (dying) Close() error { return nil }

// busy is a Store in which a node changes, and a pass begins, while the first watch is set up, which then ends.
type busy struct {
	datastore.Store
	pass  func()
	froms []string
	t     *testing.T
}

func (b *busy) Watch(ctx context.Context, kind *resources.Kind, revision string) (datastore.Watcher, error) {
	b.froms = append(b.froms, revision)
	if len(b.froms) > 1 {
		return b.Store.Watch(ctx, kind, revision)
	}
	for i := range 3 {
		o, err := b.Get(ctx, kind.Key("n"))
		if err != nil {
			b.t.Error(err)
			return nil, err
		}
		o.SetLabels(map[string]string{"v": fmt.Sprint(i)})
		if _, err := b.Update(ctx, o); err != nil {
			b.t.Error(err)
		}
	}
	b.pass()
	return dying{}, nil
}

// TestPassWhileWatchIsSetUp goes on after the list of a pass that was made while a watch was set up, not before it.
func TestPassWhileWatchIsSetUp(t *testing.T) {
	b := &busy{Store: openLocal(t), t: t}
	if _, err := b.Create(t.Context(), testNode("n")); err != nil {
		t.Fatal(err)
	}
	c := newForTest(t, b, time.Now)
	b.pass = c.pass.send
	var listed []string
	to := c.nodes()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	last := func() {
		o, err := b.Get(ctx, resources.Node.Key("n"))
		if err == nil {
			o.SetLabels(map[string]string{"v": "last"})
			_, err = b.Update(ctx, o)
		}
		if err != nil {
			t.Error(err)
			stop()
		}
	}
	replace := to.replace
	to.replace = func(all []*v3.Node) {
		listed = append(listed, all[0].Labels["v"])
		replace(all)
		if len(listed) == 2 {
			last()
		}
	}
	to.put = func(n *v3.Node) {
		listed = append(listed, "put "+n.Labels["v"])
		if n.Labels["v"] == "last" {
			stop()
		}
	}
	follow(ctx, c, resources.Node, &c.synced.nodes, to)
	if diff := cmp.Diff([]string{"", "2", "put last"}, listed); diff != "" {
		t.Error(diff)
	}
}

// replayed tells what is in it.
type replayed chan datastore.Event

func (r replayed) Next(ctx context.Context) (datastore.Event, error) {
	select {
	case e := <-r:
		return e, nil
	default:
		return datastore.Event{}, datastore.ErrUnavailable
	}
}

func (replayed) Close() error { return nil }

type replaying struct {
	datastore.Store
	events replayed
}

func (r replaying) Watch(context.Context, *resources.Kind, string) (datastore.Watcher, error) {
	return r.events, nil
}

// TestWatchReplays has a watch tell what happened to nodes between a list and the later moment at which one was read
// alone: that is older than what is known, and changes nothing.
func TestWatchReplays(t *testing.T) {
	s := replaying{openLocal(t), make(replayed, 10)}
	c := newForTest(t, s, time.Now)
	at := func(revision string) *v3.Node {
		n := testNode("n")
		n.ResourceVersion, n.Labels = revision, map[string]string{"at": revision}
		return n
	}
	c.state.putNode(at("9"), time.Now())
	to := c.nodes()
	var told []string
	to.put = func(n *v3.Node) { told = append(told, "put "+n.ResourceVersion) }
	to.gone = func(n *v3.Node) { told = append(told, "gone "+n.ResourceVersion) }
	s.events <- datastore.Event{Type: datastore.Gone, Object: at("7")}
	s.events <- datastore.Event{Type: datastore.Put, Object: at("8")}
	s.events <- datastore.Event{Type: datastore.Gone, Object: at("10")}
	seen, err := watch(t.Context(), s, resources.Node, "5", to, func() (string, <-chan struct{}, error) { return "5", nil, nil })
	if diff := cmp.Diff([]string{"gone 10"}, told); diff != "" {
		t.Error(diff)
	}
	if seen != "10" || !datastore.IsAway(err) {
		t.Errorf("seen up to %s: %v", seen, err)
	}
}
