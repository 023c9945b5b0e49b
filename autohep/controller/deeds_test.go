package controller

import (
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

// loner is a server that one process alone writes to, each write on condition of the revision that the process
// knows; news are late, and a list is of some time ago when it arrives.
type loner struct {
	*server
	known *state
	// unanswered are writes whose answers have not come: the endpoint as stored, nil when it is gone.
	unanswered map[string]*v3.HostEndpoint
	// refused are those of them that came to nothing.
	refused names
	// listed is a list that has not arrived yet; nil if there is none. The watch goes on when it has.
	listed map[string]*v3.HostEndpoint
}

// write begins to write what the process wants; an empty ip is a deletion.
func (l *loner) write(name, ip string) {
	have, stored := l.known.endpoints[name], l.endpoints[name]
	if _, busy := l.unanswered[name]; busy || have == nil && ip == "" {
		return
	}
	current := have == nil && stored == nil || have != nil && stored != nil && have.ResourceVersion == stored.ResourceVersion
	if ip == "" {
		l.known.begin(l.known.planner, name, have, true)
	} else {
		want := (&server{endpoints: map[string]*v3.HostEndpoint{}}).put(name, ip)
		want.ResourceVersion = ""
		if have != nil {
			want.ResourceVersion = have.ResourceVersion
		}
		l.known.begin(l.known.planner, name, want, false)
	}
	l.unanswered[name] = nil
	switch {
	case !current:
		l.refused[name] = struct{}{}
	case ip == "":
		l.remove(name)
	default:
		l.unanswered[name] = l.put(name, ip)
	}
}

// answer has the answer to a write come, or get lost.
func (l *loner) answer(name string, lost bool) {
	stored, ok := l.unanswered[name]
	switch {
	case !ok:
		return
	case lost || l.refused.has(name):
		l.known.failed(name)
	default:
		l.known.wrote(name, stored)
	}
	delete(l.unanswered, name)
	delete(l.refused, name)
}

func (l *loner) list() {
	if l.listed == nil {
		l.listed, l.pending = maps.Clone(l.endpoints), nil
	}
}

func (l *loner) deliver() {
	if l.listed == nil {
		return
	}
	var all []*v3.HostEndpoint
	for _, h := range l.listed {
		all = append(all, h.DeepCopy())
	}
	l.known.replaceEndpoints(all)
	l.listed = nil
}

func (l *loner) hear() {
	if l.listed == nil && len(l.pending) > 0 {
		l.tell(l.known)
	}
}

// TestOwnWorkIsNotForeign has a process work alone, and hear of its writes before the answers or long after them,
// from the watch or from old lists, or never: it never takes its own work for somebody else's.
func TestOwnWorkIsNotForeign(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &loner{
			server: &server{endpoints: map[string]*v3.HostEndpoint{}}, known: newState(),
			unanswered: map[string]*v3.HostEndpoint{}, refused: names{},
		}
		// A node claims the names, so that what is foreign is not forgotten.
		for _, name := range []string{"a", "b"} {
			enter(l.known.claims, name, "n")
		}
		name := rapid.SampledFrom([]string{"a", "b"})
		actions := map[string]func(){
			"write": func() {
				l.write(name.Draw(t, "name"), rapid.SampledFrom([]string{"", "10.0.0.1", "10.0.0.2"}).Draw(t, "ip"))
			},
			"answer":  func() { l.answer(name.Draw(t, "name"), rapid.Bool().Draw(t, "lost")) },
			"list":    l.list,
			"deliver": l.deliver,
			"hear":    l.hear,
		}
		order := slices.Sorted(maps.Keys(actions))
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			actions[rapid.SampledFrom(order).Draw(t, "action")]()
			if len(l.known.foreign) > 0 {
				t.Fatalf("foreign: %v", l.known.foreign)
			}
		}
		l.answer("a", false)
		l.answer("b", false)
		l.deliver()
		for len(l.pending) > 0 {
			l.hear()
		}
		if len(l.known.foreign) > 0 {
			t.Fatalf("foreign when all has been heard: %v", l.known.foreign)
		}
	})
}

// TestSwitchedOffAndOn has automatic endpoints be switched on again while one is being deleted, and the watch tell of the
// deletion before the answer, after it, or after the endpoint is made again: that is no repair. One that somebody else
// deletes is.
func TestSwitchedOffAndOn(t *testing.T) {
	for when, test := range map[string]switching{
		"told before the answer":          {before: true, repairs: "0"},
		"told after the answer":           {after: true, repairs: "0"},
		"told when it is made again":      {last: true, repairs: "0"},
		"told before, and somebody else":  {before: true, foreign: true, repairs: "1"},
		"told at last, and somebody else": {last: true, foreign: true, repairs: "1"},
	} {
		t.Run(when, func(t *testing.T) {
			switchOffAndOn(t, test)
		})
	}
}

// switching is what happens beside a switch, and how many repairs that makes.
type switching struct {
	before, after, last bool
	foreign             bool
	repairs             string
}

func switchOffAndOn(t *testing.T, test switching) {
	t.Helper()
	const name = "n-auto-hep"
	now := time.Unix(1000, 0)
	s := &interfering{Store: openLocal(t)}
	c := newForTest(t, s, func() time.Time { return now })
	look := func() {
		t.Helper()
		if err := c.look(t.Context(), "n", now); err != nil {
			t.Fatal(err)
		}
	}
	tell := func() { t.Helper(); tellOf(t, c, s, resources.HostEndpoint.Key(name)) }
	c.state.putNode(testNode("n"), now)
	c.asFor(onlyDefault)
	look()
	tell()
	s.deleted = func(string) {
		c.asFor(onlyDefault)
		if test.before {
			c.state.deleteEndpoint(name)
		}
	}
	c.asFor(autohep.Config{})
	look()
	s.deleted = nil
	if test.after {
		c.state.deleteEndpoint(name)
	}
	look()
	if test.last {
		c.state.deleteEndpoint(name)
	}
	tell()
	if test.foreign {
		if err := s.Delete(t.Context(), resources.HostEndpoint.Key(name), ""); err != nil {
			t.Fatal(err)
		}
		c.state.deleteEndpoint(name)
	}
	look()
	if diff := cmp.Diff([]string{name}, namesIn(t, s)); diff != "" {
		t.Error(diff)
	}
	if got := metric(t, c, "repairs_total"); got != test.repairs {
		t.Errorf("%s repairs, want %s", got, test.repairs)
	}
}

// TestForeignWorkIsSeen has somebody else change and delete what this process has written.
func TestForeignWorkIsSeen(t *testing.T) {
	for name, other := range map[string]func(*server){
		"changed": func(s *server) { s.put("a", "192.0.2.1") },
		"deleted": func(s *server) { s.remove("a") },
	} {
		for when, early := range map[string]bool{"heard at once": true, "heard late": false} {
			t.Run(name+", "+when, func(t *testing.T) {
				s, known := &server{endpoints: map[string]*v3.HostEndpoint{}}, newState()
				enter(known.claims, "a", "n")
				known.begin(known.planner, "a", s.put("a", "10.0.0.1"), false)
				known.wrote("a", s.endpoints["a"].DeepCopy())
				if early {
					s.tell(known)
				}
				other(s)
				for len(s.pending) > 0 {
					s.tell(known)
				}
				if !known.foreign["a"] {
					t.Error("the work of somebody else is not seen")
				}
			})
		}
	}
}
