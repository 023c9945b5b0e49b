package controller

import (
	"fmt"
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

// TestStateFollows has this process and others write, the watch tell late, lists come in
// between, and answers get lost: when all is told, the state is what the server has.
func TestStateFollows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, known := &server{endpoints: map[string]*v3.HostEndpoint{}}, newState()
		writing := map[string]*v3.HostEndpoint{} // answers that have not come yet; nil for a deletion
		missing := names{}                       // of those, deletions of what was gone already
		name := rapid.SampledFrom([]string{"a", "b"})
		actions := map[string]func(){
			"foreign put":    func() { s.put(name.Draw(t, "name"), "192.0.2.1") },
			"foreign delete": func() { s.remove(name.Draw(t, "name")) },
			"tell": func() {
				if len(s.pending) > 0 {
					s.tell(known)
				}
			},
			"list": func() {
				s.pending = nil
				var all []*v3.HostEndpoint
				for _, h := range s.endpoints {
					all = append(all, h.DeepCopy())
				}
				known.replaceEndpoints(all)
			},
			"write": func() {
				n := name.Draw(t, "name")
				if _, busy := writing[n]; busy {
					return
				}
				known.begin(known.planner, n, &v3.HostEndpoint{}, false)
				if rapid.Bool().Draw(t, "delete") {
					writing[n] = nil
					if !s.remove(n) {
						missing[n] = struct{}{}
					}
				} else {
					writing[n] = s.put(n, "10.0.0.1")
				}
			},
			"answer": func() {
				for _, n := range slices.Sorted(func(yield func(string) bool) {
					for n := range writing {
						if !yield(n) {
							return
						}
					}
				}) {
					if missing.has(n) || rapid.Bool().Draw(t, "lost") {
						known.failed(n)
					} else {
						known.wrote(n, writing[n])
					}
					delete(writing, n)
					delete(missing, n)
				}
			},
		}
		order := []string{"answer", "foreign delete", "foreign put", "list", "tell", "write"}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			actions[rapid.SampledFrom(order).Draw(t, "action")]()
		}
		actions["answer"]()
		for len(s.pending) > 0 {
			s.tell(known)
		}
		if diff := cmp.Diff(s.endpoints, known.endpoints); diff != "" {
			t.Fatalf("-server +state:\n%s", diff)
		}
		on := 0
		for range known.on["n"] {
			on++
		}
		if on != len(s.endpoints) {
			t.Fatalf("%d endpoints on the node, want %d", on, len(s.endpoints))
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
