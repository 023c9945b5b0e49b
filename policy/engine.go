package policy

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/selector"
)

// Engine answers what host policy does to traffic. What it works out it keeps, so it is
// not safe for use by several goroutines at once, and neither are two engines of which
// one was made from the other.
type Engine struct {
	*table
	selectors *selectors
	snapshot  Snapshot
	compiler  *compiler
	failsafes failsafeTable
	policies  []*policy // In the order of evaluation.
	profiles  map[string]*profile
	classes   []*class
	open      *class
	hosts     []*host // By name.
	byName    map[string]*host
	owners    map[string][]*host // By address.
}

// New makes an engine. It reads the objects when they are needed, so they must not
// change any more.
func New(s Snapshot) *Engine { return NewWithin(Limit{}, s) }

// NewWithin makes an engine that works within a limit.
func NewWithin(l Limit, s Snapshot) *Engine {
	return build(s, newTable(l), &selectors{parsed: map[string]*selector.Selector{}}, nil)
}

// Next makes an engine for another snapshot, which shares with e what is the same. It
// is the way to two engines that are to be compared.
func (e *Engine) Next(s Snapshot) *Engine { return build(s, e.table, e.selectors, e) }

func build(s Snapshot, t *table, parsed *selectors, from *Engine) *Engine {
	s.sort()
	e := &Engine{table: t, selectors: parsed, snapshot: s, profiles: map[string]*profile{}, open: &class{table: t}}
	profiles := s.profiles()
	reuse := from != nil && samePopulation(&s, &from.snapshot)
	if reuse {
		e.compiler = from.compiler
	} else {
		e.compiler = &compiler{
			table: t, selectors: parsed, population: newPopulation(&s, profiles),
			entities: map[entityKey]addressPair{}, workloads: s.Workloads,
		}
	}
	for name, object := range profiles {
		e.profiles[name] = &profile{name: name, object: object, compiler: e.compiler}
	}
	e.unlimited(func() { e.failsafes = e.compiler.failsafes(s.FelixConfigurations) })
	known := map[string]*policy{}
	if reuse {
		for _, p := range from.policies {
			known[p.object.Name] = p
		}
	}
	e.place(known)
	e.findHosts()
	return e
}

// Space makes sets that are quickly compared with those of the engine.
func (e *Engine) Space() *Space { return &Space{e.table} }

func (s *Snapshot) sort() {
	s.HostEndpoints = byName(s.HostEndpoints, func(h *v3.HostEndpoint) string { return h.Name })
	s.GlobalNetworkPolicies = byName(s.GlobalNetworkPolicies, func(p *v3.GlobalNetworkPolicy) string { return p.Name })
	s.Profiles = byName(s.Profiles, func(p *v3.Profile) string { return p.Name })
	s.GlobalNetworkSets = byName(s.GlobalNetworkSets, func(g *v3.GlobalNetworkSet) string { return g.Name })
	s.NetworkSets = byName(s.NetworkSets, func(n *NetworkSet) string { return n.Namespace + "/" + n.Name })
	s.FelixConfigurations = byName(s.FelixConfigurations, func(f *v3.FelixConfiguration) string { return f.Name })
	s.Nodes = byName(s.Nodes, func(n *v3.Node) string { return n.Name })
}

// byName is a sorted copy, or the list itself when it is sorted already.
func byName[T any](list []T, name func(T) string) []T {
	compare := func(a, b T) int { return strings.Compare(name(a), name(b)) }
	if slices.IsSortedFunc(list, compare) {
		return list
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, compare)
	return list
}

// place puts the policies in the order of evaluation. Those that are known and mean
// the same are taken over with what has been compiled.
func (e *Engine) place(known map[string]*policy) {
	tiers := sortTiers(e.snapshot.allTiers(), e.snapshot.GlobalNetworkPolicies)
	places := map[string]int{}
	for i, t := range tiers {
		places[t.name] = i
	}
	for _, object := range e.snapshot.GlobalNetworkPolicies {
		in := tiers[places[tierName(object)]]
		p := newPolicy(object, in, e.compiler)
		if old := known[object.Name]; old != nil && (old.object == object || reflect.DeepEqual(old.object.Spec, object.Spec)) {
			p.compiled = old.compiled
		}
		e.policies = append(e.policies, p)
	}
	slices.SortFunc(e.policies, func(a, b *policy) int {
		return cmp.Or(cmp.Compare(places[a.tier.name], places[b.tier.name]), comparePolicies(a.object, b.object))
	})
}

// classifier finds out which policies select which endpoints.
func (e *Engine) classifier() *classifier {
	f := &classifier{engine: e, classes: map[string]*class{}}
	numbers := map[string]int{}
	for _, p := range e.policies {
		spec := &p.object.Spec
		if spec.NamespaceSelector != "" || spec.ServiceAccountSelector != "" {
			p.selector = -1 // which selects no host endpoint
			continue
		}
		expr := spec.Selector
		parsed := e.selectors.parse(expr)
		if parsed == nil { // which may select any
			p.doubt, expr = "the selector of the policy cannot be read", ""
			parsed = e.selectors.parse(expr)
		}
		number, ok := numbers[expr]
		if !ok {
			number = len(f.hits)
			numbers[expr] = number
			f.hits = append(f.hits, e.compiler.population.matching(parsed))
		}
		p.selector = number
	}
	return f
}

// profile is the profile of a name, an empty one if there is none.
func (e *Engine) profile(name string) *profile {
	p := e.profiles[name]
	if p == nil {
		p = &profile{name: name}
		e.profiles[name] = p
	}
	return p
}

// Snapshot is what the engine was made of.
func (e *Engine) Snapshot() Snapshot { return e.snapshot }
