package controller_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/time/rate"

	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/experiment"
)

// How long a storm lasts, and how many changes there are in a second.
const (
	defaultStorm = 8 * time.Second
	stormRate    = 200
)

// stormTime is defaultStorm, or what the environment says.
func stormTime(t *testing.T) time.Duration {
	text := os.Getenv("CALICOCTL_STORM")
	if text == "" {
		return defaultStorm
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestStorm has nodes join, leave and change, and endpoints edited and deleted by hand, while the
// process that works is killed and the servers are restarted. In the end everything is as
// planned, and what was made by hand is as it was.
func TestStorm(t *testing.T) {
	for name, open := range sites() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			spec := enabled(
				v3.Template{GenerateName: "t", InterfaceCIDRs: []string{"10.0.0.0/8"}, NodeSelector: "round == 'r1' || round == 'r2'"},
				v3.Template{GenerateName: "broken", InterfacePattern: "("})
			spec.Controllers.Node.ReconcilerPeriod = nil
			s.configure(t, spec)
			hand := byHand(t, s.backend)
			a, b := s.run(t), s.run(t)
			leader, _ := leaderOf(t, a, b)
			d := stormTime(t)
			weather := newWeather(s)
			stormed := make(chan struct{})
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			go func() {
				defer close(stormed)
				weather.blow(ctx)
			}()
			time.Sleep(d / 4)
			leader.kill()
			s.run(t)
			for _, restart := range s.restart {
				time.Sleep(d / 8)
				restart(t)
			}
			<-stormed
			began := time.Now()
			awaitInStep(t, s.store, environment(t, nil))
			t.Logf("%d changes (%d refused while servers were away), in step %v after the last", weather.done, weather.refused, time.Since(began))
			if weather.done < 50 { // servers are away for most of a short storm on a busy machine
				t.Errorf("only %d changes", weather.done)
			}
			time.Sleep(200 * time.Millisecond)
			awaitInStep(t, s.store, environment(t, nil))
			after, err := s.store.Get(t.Context(), resources.HostEndpoint.Key(hand.Name))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(resources.Object(hand), after); diff != "" {
				t.Errorf("what was made by hand has changed:\n%s", diff)
			}
		})
	}
}

// byHand makes an endpoint that is nobody's but the user's.
func byHand(t *testing.T, b *backend) *v3.HostEndpoint {
	t.Helper()
	h := resources.HostEndpoint.New().(*v3.HostEndpoint)
	h.Name = "by-hand"
	h.Spec = v3.HostEndpointSpec{Node: "storm-1", InterfaceName: "eth0"}
	made, err := b.store.Create(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	return made.(*v3.HostEndpoint)
}

// weather makes changes without end.
type weather struct {
	site          *site
	random        *rand.Rand
	done, refused int
}

func newWeather(s *site) *weather { return &weather{site: s, random: rand.New(rand.NewPCG(1, 2))} }

// stormNodes is how many nodes there are at most.
const stormNodes = 60

func (w *weather) blow(ctx context.Context) {
	limit := rate.NewLimiter(stormRate, 10)
	for limit.Wait(ctx) == nil {
		err := w.change(ctx)
		switch {
		case err == nil:
			w.done++
		case errors.Is(err, datastore.ErrUnavailable):
			w.refused++
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// change makes one change; errors are expected, since others change the same.
func (w *weather) change(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	node := fmt.Sprintf("storm-%d", w.random.IntN(stormNodes))
	switch dice := w.random.IntN(10); {
	case dice < 4:
		return w.join(bounded, node)
	case dice < 5:
		return w.leave(bounded, node)
	case dice < 8:
		return w.relabel(bounded, node)
	case dice < 9:
		return w.edit(bounded, node+"-auto-hep")
	default:
		return w.site.store.Delete(bounded, resources.HostEndpoint.Key(node+"-auto-hep"), "")
	}
}

func (w *weather) round() string { return fmt.Sprintf("r%d", w.random.IntN(4)) }

func (w *weather) join(ctx context.Context, name string) error {
	raw := fmt.Appendf(nil, `{"apiVersion": "v1", "kind": "Node", "metadata": {"name": %q, "labels": {"round": %q},
"annotations": {"projectcalico.org/IPv4Address": "10.1.%d.1/24"}}}`, name, w.round(), w.random.IntN(200))
	if w.site.kube != nil {
		return w.site.kube.Try(ctx, http.MethodPost, nodesPath, raw)
	}
	_, err := w.site.store.Create(ctx, nodeNamed(name, w.round()))
	return err
}

func nodeNamed(name, round string) *v3.Node {
	n := resources.Node.New().(*v3.Node)
	n.Name, n.Labels = name, map[string]string{"round": round}
	n.Spec.BGP = &v3.NodeBGPSpec{IPv4Address: "10.1.0.1/24"}
	return n
}

func (w *weather) leave(ctx context.Context, name string) error {
	if w.site.kube != nil {
		return w.site.kube.Try(ctx, http.MethodDelete, nodesPath+"/"+name, nil)
	}
	return w.site.store.Delete(ctx, resources.Node.Key(name), "")
}

func (w *weather) relabel(ctx context.Context, name string) error {
	if w.site.kube != nil {
		return w.site.kube.Try(ctx, http.MethodPatch, nodesPath+"/"+name, fmt.Appendf(nil, `{"metadata": {"labels": {"round": %q}}}`, w.round()))
	}
	o, err := w.site.store.Get(ctx, resources.Node.Key(name))
	if err != nil {
		return err
	}
	o.SetLabels(map[string]string{"round": w.round()})
	_, err = w.site.store.Update(ctx, o)
	return err
}

// edit spoils an automatic endpoint.
func (w *weather) edit(ctx context.Context, name string) error {
	o, err := w.site.store.Get(ctx, resources.HostEndpoint.Key(name))
	if err != nil {
		return err
	}
	h := o.(*v3.HostEndpoint)
	switch w.random.IntN(3) {
	case 0:
		h.Spec.ExpectedIPs = []string{"192.0.2.1"}
	case 1:
		h.Labels["round"] = "edited"
	default:
		h.Spec.Profiles = nil
	}
	_, err = w.site.store.Update(ctx, h)
	return err
}

// TestTwoControllersAtOnce has two controllers work without an election: neither undoes what the
// other does.
func TestTwoControllersAtOnce(t *testing.T) {
	for name, open := range backends() {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			b.configure(t, enabled())
			both := []*running{
				start(t, controller.Options{Store: b.store, Workers: 4}), start(t, controller.Options{Store: b.store, Workers: 4}),
			}
			for _, c := range both {
				await(t, "a controller does not work", func() bool { return strings.Contains(c.log.String(), logWorks) })
			}
			for i := range 30 {
				b.addNode(t, kubeNode(fmt.Sprintf("two-%d", i), i))
			}
			for i := range 30 {
				b.patchNode(t, fmt.Sprintf("two-%d", i), "", []byte(`{"metadata": {"labels": {"a": "c"}}}`))
			}
			for i := range 10 {
				b.deleteNode(t, fmt.Sprintf("two-%d", i))
			}
			for range 3 { // some come back at once, and go again
				for i := range 20 {
					name := fmt.Sprintf("two-%d", i)
					if b.raw[name] != nil {
						b.deleteNode(t, name)
					}
					b.addNode(t, kubeNode(name, i+100))
				}
			}
			for i := range 10 {
				b.deleteNode(t, fmt.Sprintf("two-%d", i))
			}
			awaitInStep(t, b.store, environment(t, nil))
			before := experiment.View(b.endpoints(t))
			if len(before) != 20 {
				t.Errorf("%d endpoints, want 20", len(before))
			}
			revisions := revisionsOf(b.endpoints(t))
			time.Sleep(300 * time.Millisecond)
			if diff := cmp.Diff(revisions, revisionsOf(b.endpoints(t))); diff != "" {
				t.Errorf("the controllers go on writing:\n%s", diff)
			}
			for i, c := range both {
				if !strings.Contains(c.log.String(), "msg=wrote ") {
					t.Errorf("controller %d has written nothing", i)
				}
			}
		})
	}
}

func revisionsOf(endpoints []*v3.HostEndpoint) map[string]string {
	out := map[string]string{}
	for _, h := range endpoints {
		out[h.Name] = h.ResourceVersion
	}
	return out
}
