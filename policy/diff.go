package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Change is traffic of some nodes whose verdict changes.
type Change struct {
	Path Path
	// Loopback tells, on the path Local, that the loopback addresses are meant, and not
	// the other addresses of the node.
	Loopback bool
	// In and Out are the interfaces, as in Decision.Interface, where the path has them.
	In, Out string
	// Nodes are sorted.
	Nodes []string
	// Denied, Allowed and Unknown are the packets that are so now and were not before. The
	// nodes' own addresses are left out of them where it is so for all of a node; where it is
	// so for some only, the sets have those. Of a node that has none here, it is so for some.
	Denied, Allowed, Unknown Set
}

// Diff says what becomes of traffic that did not before. It is fastest when after was
// made by [Engine.Next] of before. The order is fixed: by path, then those of most
// nodes first.
func Diff(before, after *Engine) []Change {
	after = after.sharing(before)
	merged := map[string]*merging{}
	for _, tr := range transitions(before, after) {
		for _, part := range tr.parts(after.table, tr.changed(after.table), ownOf, (*projection).apart) {
			id := fmt.Sprint(tr.path, part.loopback, tr.in, tr.out, part.sets, part.place)
			c := merged[id]
			if c == nil {
				c = &merging{change: Change{Path: tr.path, Loopback: part.loopback, In: tr.in, Out: tr.out}, sets: part.sets}
				merged[id] = c
			}
			for _, h := range part.hosts {
				c.change.Nodes = append(c.change.Nodes, h.name())
			}
			for _, s := range part.limited {
				c.limits.add(s)
			}
		}
	}
	out := make([]Change, 0, len(merged))
	for _, c := range merged {
		out = append(out, c.done(after.table))
	}
	slices.SortFunc(out, compareChanges)
	return out
}

// merging is a change that is being put together.
type merging struct {
	change Change
	sets   []ref
	limits limits
}

func (m *merging) done(t *table) Change {
	c := m.change
	slices.Sort(c.Nodes)
	c.Nodes = slices.Compact(c.Nodes) // one of a node's addresses with another may be several
	c.Denied, c.Allowed, c.Unknown = m.limits.within(t, m.sets[0]), m.limits.within(t, m.sets[1]), m.limits.within(t, m.sets[2])
	return c
}

func compareChanges(a, b Change) int {
	place := func(c Change) int { return slices.Index([]Path{Input, Output, Local, Forward}, c.Path) }
	return cmp.Or(
		cmp.Compare(place(a), place(b)), cmp.Compare(len(b.Nodes), len(a.Nodes)), slices.Compare(a.Nodes, b.Nodes),
		strings.Compare(a.In, b.In), strings.Compare(a.Out, b.Out), compareBool(a.Loopback, b.Loopback),
		cmp.Compare(a.Denied.root, b.Denied.root), cmp.Compare(a.Allowed.root, b.Allowed.root),
	)
}

func compareBool(a, b bool) int {
	return cmp.Compare(truth(a), truth(b))
}

// sharing is the engine with the table of another.
func (e *Engine) sharing(other *Engine) *Engine {
	if e.table == other.table {
		return e
	}
	return other.Next(e.snapshot)
}

// transition is what governs the same interfaces of some hosts before and after.
type transition struct {
	path    Path
	in, out string
	// before and after are the classes where a packet comes in, and where it goes out.
	before, after [directions]*class
}

// group is a transition with its hosts.
type group struct {
	transition
	hosts []hostPair
}

// hostPair is a node before and after; where it was not there, nothing governed it.
type hostPair struct{ before, after *host }

func (p hostPair) name() string { return p.after.name }

// transitions groups all interfaces of all nodes by what governs them, and leaves out
// those where nothing changes.
func transitions(before, after *Engine) []*group {
	g := comparison{same: map[[2]*class]bool{}, groups: map[transition]*group{}}
	names := map[string]bool{}
	for _, h := range before.hosts {
		names[h.name] = true
	}
	for _, h := range after.hosts {
		names[h.name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		g.enter(hostPair{before.hostOrNone(name), after.hostOrNone(name)})
	}
	return g.order
}

// hostOrNone is a node, one that nothing governs if there is none of that name.
func (e *Engine) hostOrNone(name string) *host {
	if h := e.byName[name]; h != nil {
		return h
	}
	return &host{name: name, rest: door{name: "*", class: e.open}}
}

// comparison collects transitions.
type comparison struct {
	same   map[[2]*class]bool
	groups map[transition]*group
	order  []*group
}

// enter adds the transitions of a node.
func (g *comparison) enter(p hostPair) {
	names := []string{p.after.rest.name}
	for _, h := range []*host{p.before, p.after} {
		for i := range h.doors {
			if !slices.Contains(names, h.doors[i].name) {
				names = append(names, h.doors[i].name)
			}
		}
	}
	classes := func(name string) (before, after *class) { return p.before.at(name).class, p.after.at(name).class }
	b, a := classes(loopback)
	g.add(p, transition{path: Local, in: loopback, out: loopback, before: [directions]*class{b, b}, after: [directions]*class{a, a}})
	for _, name := range names {
		if name == loopback {
			continue
		}
		b, a := classes(name)
		g.add(p, transition{path: Input, in: name, before: [directions]*class{in: b}, after: [directions]*class{in: a}})
		g.add(p, transition{path: Output, out: name, before: [directions]*class{out: b}, after: [directions]*class{out: a}})
		for _, to := range names {
			if to == loopback {
				continue
			}
			bTo, aTo := classes(to)
			g.add(p, transition{
				path: Forward, in: name, out: to,
				before: [directions]*class{b, bTo}, after: [directions]*class{a, aTo},
			})
		}
	}
}

func (g *comparison) add(p hostPair, tr transition) {
	if g.unchanged(tr.before[in], tr.after[in]) && g.unchanged(tr.before[out], tr.after[out]) {
		return
	}
	have := g.groups[tr]
	if have == nil {
		have = &group{transition: tr}
		g.groups[tr] = have
		g.order = append(g.order, have)
	}
	have.hosts = append(have.hosts, p)
}

func (g *comparison) unchanged(a, b *class) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil {
		return false
	}
	id := [2]*class{a, b}
	same, ok := g.same[id]
	if !ok {
		same = sameClass(a, b)
		g.same[id] = same
	}
	return same
}

// sameClass tells whether the same lists of rules apply. Classes that differ may still
// come to the same verdicts.
func sameClass(a, b *class) bool {
	if a.open() || b.open() {
		return a.open() == b.open()
	}
	if a.failsafes.broken != b.failsafes.broken || a.failsafes.sets != b.failsafes.sets {
		return false
	}
	for s := range a.runs {
		for d := range a.runs[s] {
			same := slices.EqualFunc(a.runs[s][d], b.runs[s][d], func(x, y run) bool {
				return x.end() == y.end() && slices.EqualFunc(x.policies, y.policies, func(p, q *policy) bool {
					return p.compiled == q.compiled || p.diagram(d) == q.diagram(d)
				})
			})
			if !same {
				return false
			}
		}
	}
	return slices.EqualFunc(a.profiles, b.profiles, func(p, q *profile) bool {
		return p == q || a.table.inOrder(p.rules(in)) == a.table.inOrder(q.rules(in)) &&
			a.table.inOrder(p.rules(out)) == a.table.inOrder(q.rules(out))
	})
}

// outcomes is what becomes of packets before and after.
func (tr *transition) outcomes() (before, after ref) {
	switch tr.path {
	case Input:
		return tr.before[in].along(wayIn), tr.after[in].along(wayIn)
	case Output:
		return tr.before[out].along(wayOut), tr.after[out].along(wayOut)
	case Local:
		return tr.before[in].along(wayLocal), tr.after[in].along(wayLocal)
	default:
		return forwarded(tr.before[in], tr.before[out]), forwarded(tr.after[in], tr.after[out])
	}
}

// changed is what is denied, allowed and unknown, and was not.
func (tr *transition) changed(t *table) []ref {
	before, after := tr.outcomes()
	out := make([]ref, 0, 3)
	for _, o := range []outcomes{deny, allow, allow | deny} {
		out = append(out, t.apply(minus, t.apply(is, after, o), t.apply(is, before, o)))
	}
	return out
}
