package controller

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// event is what a watch tells: an endpoint, or that one is gone.
type event struct {
	name     string
	endpoint *v3.HostEndpoint
}

// server is a datastore of endpoints whose watch lags behind.
type server struct {
	revision  int
	endpoints map[string]*v3.HostEndpoint
	pending   []event
}

func (s *server) put(name, ip string) *v3.HostEndpoint {
	s.revision++
	h := resources.HostEndpoint.New().(*v3.HostEndpoint)
	h.Name, h.ResourceVersion = name, fmt.Sprint(s.revision)
	h.Labels = map[string]string{v3.LabelCreatedBy: v3.CreatedByController}
	h.Spec = v3.HostEndpointSpec{Node: "n", InterfaceName: "*", ExpectedIPs: []string{ip}}
	s.endpoints[name] = h
	s.pending = append(s.pending, event{name, h.DeepCopy()})
	return h.DeepCopy()
}

func (s *server) remove(name string) bool {
	if s.endpoints[name] == nil {
		return false
	}
	s.revision++
	delete(s.endpoints, name)
	s.pending = append(s.pending, event{name: name})
	return true
}

// tell has the watch tell of the next change.
func (s *server) tell(to *state) {
	next := s.pending[0]
	s.pending = s.pending[1:]
	if next.endpoint == nil {
		to.deleteEndpoint(next.name)
	} else {
		to.putEndpoint(next.endpoint)
	}
}

// follower is a state that follows a server to which this process and others write.
type follower struct {
	*server
	known *state
	// writing are the writes whose answers have not come yet; nil for a deletion. Of those, missing are deletions of what was
	// gone already.
	writing map[string]*v3.HostEndpoint
	missing names
}

func newFollower() *follower {
	return &follower{
		server: &server{endpoints: map[string]*v3.HostEndpoint{}}, known: newState(),
		writing: map[string]*v3.HostEndpoint{}, missing: names{},
	}
}

var someName = rapid.SampledFrom([]string{"a", "b"})

func (f *follower) foreignPut(t *rapid.T) { f.put(someName.Draw(t, "name"), "192.0.2.1") }

func (f *follower) foreignDelete(t *rapid.T) { f.remove(someName.Draw(t, "name")) }

func (f *follower) hear(*rapid.T) {
	if len(f.pending) > 0 {
		f.tell(f.known)
	}
}

func (f *follower) list(*rapid.T) {
	f.pending = nil
	var all []*v3.HostEndpoint
	for _, h := range f.endpoints {
		all = append(all, h.DeepCopy())
	}
	f.known.replaceEndpoints(all)
}

func (f *follower) write(t *rapid.T) {
	name := someName.Draw(t, "name")
	if _, busy := f.writing[name]; busy {
		return
	}
	f.known.begin(f.known.planner, name, &v3.HostEndpoint{}, false)
	if !rapid.Bool().Draw(t, "delete") {
		f.writing[name] = f.put(name, "10.0.0.1")
		return
	}
	f.writing[name] = nil
	if !f.remove(name) {
		f.missing[name] = struct{}{}
	}
}

// answer has the answers of all writes come or get lost.
func (f *follower) answer(t *rapid.T) {
	for _, name := range slices.Sorted(maps.Keys(f.writing)) {
		if f.missing.has(name) || rapid.Bool().Draw(t, "lost") {
			f.known.failed(name)
		} else {
			f.known.wrote(name, f.writing[name])
		}
	}
	clear(f.writing)
	clear(f.missing)
}

// TestStateFollows has this process and others write, the watch tell late, lists come in
// between, and answers get lost: when all is told, the state is what the server has.
func TestStateFollows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFollower()
		t.Repeat(map[string]func(*rapid.T){
			"foreign put": f.foreignPut, "foreign delete": f.foreignDelete,
			"hear": f.hear, "list": f.list, "write": f.write, "answer": f.answer,
		})
		f.answer(t)
		for len(f.pending) > 0 {
			f.tell(f.known)
		}
		if diff := cmp.Diff(f.endpoints, f.known.endpoints); diff != "" {
			t.Fatalf("-server +state:\n%s", diff)
		}
		there, on := slices.Sorted(maps.Keys(f.endpoints)), slices.Sorted(maps.Keys(f.known.on["n"]))
		if diff := cmp.Diff(there, on); diff != "" {
			t.Fatalf("-endpoints +those of the node:\n%s", diff)
		}
	})
}

// TestSceneOfSharedNames plans nodes that want the same name together, whichever is looked at.
func TestSceneOfSharedNames(t *testing.T) {
	s := newState()
	node := func(name string) *v3.Node {
		n := resources.Node.New().(*v3.Node)
		n.Name = name
		n.Spec.BGP = &v3.NodeBGPSpec{IPv4Address: "10.0.0.1"}
		return n
	}
	for _, name := range []string{"a", "a-b", "c"} {
		s.putNode(node(name), time.Time{})
	}
	planner, _ := autohep.NewPlanner(autohep.Config{AutoCreate: true, Templates: []v3.Template{
		{GenerateName: "b-t", InterfaceCIDRs: []string{"10.0.0.0/8"}}, {GenerateName: "t", InterfaceCIDRs: []string{"10.0.0.0/8"}},
	}})
	s.use(planner)
	for name, want := range map[string][]string{"a": {"a", "a-b"}, "a-b": {"a", "a-b"}, "c": {"c"}} {
		var got []string
		for _, n := range s.scene(name).nodes {
			got = append(got, n.Name)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got := s.deleteNode("a"); !slices.Contains(got, "a-b") {
		t.Errorf("when a goes, %v are looked at; want a-b among them, whose name is free now", got)
	}
}
