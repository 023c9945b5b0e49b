package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// decisions are what the rules of a policy decide for certain.
type decisions struct{ allowed, denied, passed policy.Set }

// against is what d decides otherwise than other.
func (d decisions) against(other decisions) policy.Set {
	var all policy.Set
	for _, part := range [][3]policy.Set{
		{d.allowed, other.denied, other.passed},
		{d.denied, other.allowed, other.passed},
		{d.passed, other.allowed, other.denied},
	} {
		all = all.Union(part[0].Intersect(part[1])).Union(part[0].Intersect(part[2]))
	}
	return all
}

func (d decisions) and(other decisions) decisions {
	return decisions{d.allowed.Union(other.allowed), d.denied.Union(other.denied), d.passed.Union(other.passed)}
}

// all is whatever d decides.
func (d decisions) all() policy.Set { return d.allowed.Union(d.denied).Union(d.passed) }

// but is what d decides of all packets but some.
func (d decisions) but(s policy.Set) decisions {
	return decisions{d.allowed.Subtract(s), d.denied.Subtract(s), d.passed.Subtract(s)}
}

// tieMemory remembers what was found out about ties.
type tieMemory struct {
	decisions map[ruleList]decisions
	// conflicts are, for a group of policies of one order, those that contradict an earlier one that decides.
	conflicts map[string][]conflict
	// pairs are what two policies decide otherwise, the one that comes first first.
	pairs map[pair]policy.Set
	found map[pair]*tie
	order []*tie
}

func newTieMemory() tieMemory {
	return tieMemory{
		decisions: map[ruleList]decisions{}, conflicts: map[string][]conflict{},
		pairs: map[pair]policy.Set{}, found: map[pair]*tie{},
	}
}

// pair is two policies in a direction.
type pair struct {
	first, second string
	direction     policy.Direction
}

// conflict is packets about which two policies decide otherwise.
type conflict struct {
	first, second policy.Placed
	what          policy.Set
}

// tie is two policies whose names decide about packets.
type tie struct {
	conflict

	direction policy.Direction
	endpoints []string
}

// groups are the policies of a run that have one order, where there is more than one.
func groups(run policy.Run) [][]policy.Placed {
	var list [][]policy.Placed
	for rest := run.Policies; len(rest) > 0; {
		size := 1
		for size < len(rest) && orderOf(rest[0].Object) == orderOf(rest[size].Object) {
			size++
		}
		if size > 1 {
			list = append(list, rest[:size])
		}
		rest = rest[size:]
	}
	return list
}

// conflictsIn are those of all groups of a run.
func (l *linter) conflictsIn(v *review, run policy.Run, d policy.Direction) []conflict {
	var list []conflict
	for _, group := range groups(run) {
		list = append(list, l.conflictsOf(v, group, d)...)
	}
	return list
}

// findTies looks for conflicts about packets that come as far. region is what comes to the run.
func (l *linter) findTies(v *review, n *lane, run policy.Run, region policy.Set) {
	list := l.conflictsIn(v, run, n.direction)
	if len(list) == 0 {
		return
	}
	for i, p := range run.Policies {
		if i == 0 || orderOf(p.Object) != orderOf(run.Policies[i-1].Object) {
			for len(list) > 0 && orderOf(list[0].first.Object) == orderOf(p.Object) {
				l.noteTie(v, n, list[0], region)
				list = list[1:]
			}
			if len(list) == 0 {
				return
			}
		}
		region = region.Subtract(l.decisionsOf(v, p, n.direction).all())
	}
}

func (l *linter) noteTie(v *review, n *lane, c conflict, region policy.Set) {
	what := c.what.Intersect(region)
	for _, f := range l.failsafes(n) {
		what = what.Subtract(f.Sure)
	}
	if what.Empty() {
		return
	}
	key := pair{c.first.Object.Name, c.second.Object.Name, n.direction}
	t := v.ties.found[key]
	if t == nil {
		t = &tie{conflict: conflict{c.first, c.second, what}, direction: n.direction}
		v.ties.found[key] = t
		v.ties.order = append(v.ties.order, t)
	}
	t.what = t.what.Union(what)
	t.endpoints = append(t.endpoints, n.endpoints()...)
}

func orderOf(p *v3.GlobalNetworkPolicy) float64 { return orderValue(p.Spec.Order) }

func (l *linter) decisionsOf(v *review, p policy.Placed, d policy.Direction) decisions {
	key := ruleList{p.Object.Name, d}
	own, ok := v.ties.decisions[key]
	if ok {
		return own
	}
	rest := l.engine.Space().All()
	for _, r := range l.rulesOf(p, d) {
		mine := rest.Intersect(r.Sure)
		switch r.Action {
		case v3.Allow:
			own.allowed = own.allowed.Union(mine)
		case v3.Deny:
			own.denied = own.denied.Union(mine)
		case v3.Pass:
			own.passed = own.passed.Union(mine)
		default:
			continue
		}
		rest = rest.Subtract(r.Upper)
	}
	v.ties.decisions[key] = own
	return own
}

// mostPartners is with how many policies before it a policy is said to disagree.
const mostPartners = 5

// conflictsOf are the conflicts of each policy of a group with the first of those before it that decide otherwise.
func (l *linter) conflictsOf(v *review, group []policy.Placed, d policy.Direction) []conflict {
	texts := make([]string, len(group))
	for i, p := range group {
		texts[i] = p.Object.Name
	}
	id := string(d) + "\n" + strings.Join(texts, "\n")
	list, ok := v.ties.conflicts[id]
	if ok {
		return list
	}
	var before decisions
	var decided policy.Set
	g := &tieGroup{policies: group, direction: d, decided: make([]policy.Set, 1, len(group))}
	for i, p := range group {
		rest := l.engine.Space().All()
		if len(group) > manyTied {
			own := l.decisionsOf(v, p, d)
			rest = own.against(before)
			before = before.and(own.but(decided))
			decided = decided.Union(own.all())
		}
		if !rest.Empty() {
			list = append(list, l.partners(v, g, i, rest)...)
		}
	}
	v.ties.conflicts[id] = list
	return list
}

// manyTied is from how many policies of one order on it is faster to look at all before a policy together first.
const manyTied = 50

// tieGroup is policies of one order.
type tieGroup struct {
	policies  []policy.Placed
	direction policy.Direction
	// decided is what is decided before each of the first few policies.
	decided []policy.Set
}

// before is what those before a policy of a group decide.
func (l *linter) before(v *review, g *tieGroup, i int) policy.Set {
	for k := len(g.decided); k <= i; k++ {
		g.decided = append(g.decided, g.decided[k-1].Union(l.decisionsOf(v, g.policies[k-1], g.direction).all()))
	}
	return g.decided[i]
}

// partners are the conflicts of a policy with those before it that decide about the packets. There are no others than
// those about rest.
func (l *linter) partners(v *review, g *tieGroup, i int, rest policy.Set) []conflict {
	var list []conflict
	p := g.policies[i]
	own := l.decisionsOf(v, p, g.direction)
	for k, q := range g.policies[:i] {
		key := pair{q.Object.Name, p.Object.Name, g.direction}
		what, ok := v.ties.pairs[key]
		if !ok {
			what = own.against(l.decisionsOf(v, q, g.direction))
			v.ties.pairs[key] = what
		}
		if what.Empty() {
			continue
		}
		if what = what.Subtract(l.before(v, g, k)); !what.Empty() {
			list = append(list, conflict{q, p, what})
			rest = rest.Subtract(what)
		}
		if len(list) == mostPartners || rest.Empty() {
			break
		}
	}
	return list
}

// mostTrials is how many ties are tried out the other way round.
const mostTrials = 20

// reportTies reports the ties that decide a verdict, which shows when they are tried out. Of those beyond the limit, the
// ones are left out that are about nothing but passing packets on, which rarely matters.
func (l *linter) reportTies(v *review) {
	for i, t := range v.ties.order {
		passed := l.decisionsOf(v, t.first, t.direction).passed.Union(l.decisionsOf(v, t.second, t.direction).passed)
		decides := !t.what.Subtract(passed).Empty()
		if i < mostTrials {
			decides = l.turns(t)
		}
		if !decides {
			continue
		}
		slices.Sort(t.endpoints)
		at := about(t.first.Object, nil)
		l.find(TieDecides, about(t.second.Object, specPath.Child("order")), fmt.Sprintf("the policy and GlobalNetworkPolicy(%s) have the same order and decide otherwise about some %s: the one whose name comes first decides", t.first.Object.Name, t.direction),
			Proof{Text: "comes first, and decides", At: &at, Traffic: t.what, Path: pathOf(t.direction), Endpoints: slices.Compact(t.endpoints)})
	}
}

// turns tells whether some of the packets that a tie is about are treated otherwise when it is turned.
func (l *linter) turns(t *tie) bool {
	return slices.ContainsFunc(policy.Diff(l.engine, l.engine.Next(l.turned(t))), func(c policy.Change) bool {
		return !c.Denied.Union(c.Allowed).Union(c.Unknown).Intersect(t.what).Empty()
	})
}

// turned is the snapshot in which the second policy of a tie comes first.
func (l *linter) turned(t *tie) policy.Snapshot {
	s := l.snapshot
	s.GlobalNetworkPolicies = slices.Clone(s.GlobalNetworkPolicies)
	for i, p := range s.GlobalNetworkPolicies {
		if p.Name == t.second.Object.Name {
			p = p.DeepCopy()
			p.Spec.Order = before(p.Spec.Order)
			s.GlobalNetworkPolicies[i] = p
		}
	}
	return s
}
