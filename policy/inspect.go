package policy

import (
	"net/netip"
	"slices"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// RuleMatch is a rule and what it matches.
type RuleMatch struct {
	RuleRef
	// Sure is what the rule matches for certain, Upper what it may match.
	Sure, Upper Set
	// Criteria are the fields that were given, in the order of the schema.
	Criteria []Criterion
}

// Criterion is one field of a rule, such as "source.selector", and what it may match.
type Criterion struct {
	Field string
	Upper Set
}

// Placed is a policy in its place in the order of evaluation.
type Placed struct {
	policy *policy
	// Object is the policy.
	Object *v3.GlobalNetworkPolicy
	// Stage is where the policy is asked. With Forward it is asked at StageForward too.
	Stage   StageName
	Forward bool
	// Doubt is why nobody can tell which endpoints the policy applies to, "" when that is certain.
	Doubt string
}

// Policies are all policies, in the order of evaluation.
func (e *Engine) Policies() []Placed {
	list := make([]Placed, len(e.policies))
	for i, p := range e.policies {
		list[i] = p.placed()
	}
	return list
}

func (p *policy) placed() Placed {
	return Placed{policy: p, Object: p.object, Stage: stageNames[p.stage], Forward: p.forward, Doubt: p.doubt}
}

// Governs tells whether the policy is about a direction.
func (p Placed) Governs(d Direction) bool { return p.policy.types[directionOf(d)] }

// Rules are the rules of a direction.
func (p Placed) Rules(d Direction) []RuleMatch {
	at := directionOf(d)
	rules := p.policy.rules(at)
	list := make([]RuleMatch, len(rules))
	for i, r := range rules {
		list[i] = r.match(p.policy.compiler.table, RuleRef{p.Object, d, i, r.name})
	}
	return list
}

// ProfileRules are the rules of a profile in a direction, none if there is no such profile.
func (e *Engine) ProfileRules(name string, d Direction) []RuleMatch {
	p := e.profiles[name]
	if p == nil {
		return nil
	}
	at := directionOf(d)
	rules := p.rules(at)
	list := make([]RuleMatch, len(rules))
	for i, r := range rules {
		list[i] = r.match(e.table, RuleRef{p.object, d, i, r.name})
	}
	return list
}

func directionOf(d Direction) int { return slices.Index(directionNames[:], d) }

func (r *rule) match(t *table, ref RuleRef) RuleMatch {
	m := RuleMatch{RuleRef: ref, Sure: Set{t, r.sure}, Upper: Set{t, r.upper}}
	for _, f := range r.fields {
		m.Criteria = append(m.Criteria, Criterion{f.name, Set{t, f.upper}})
	}
	return m
}

// Match is what a rule would match that no policy need have.
func (e *Engine) Match(r *v3.Rule) RuleMatch {
	return e.compiler.rule(r).match(e.table, RuleRef{Action: r.Action})
}

// Failsafes are the failsafe ports of a node, but for those that its agent does not take.
func (e *Engine) Failsafes(node string, d Direction) []RuleMatch {
	f, at := e.failsafes.of(node), directionOf(d)
	list := make([]RuleMatch, len(f.rules[at]))
	for i, r := range f.rules[at] {
		list[i] = r.match(e.table, RuleRef{f.owner[at], d, i, r.name})
	}
	return list
}

// Run is the policies of one tier that apply to a class at a stage, or may apply, in the order of evaluation.
type Run struct {
	Tier string
	// Denies tells that what no policy of the run decides is denied.
	Denies   bool
	Policies []Placed
}

// Runs are the policies that apply to the endpoints of a class at a stage, or may apply, tier by tier.
func (c *Class) Runs(s StageName, d Direction) []Run { return c.class.list(s, d) }

func (c *class) list(s StageName, d Direction) []Run {
	at := stage(slices.Index(stageNames[:], s))
	runs := c.runs[at][directionOf(d)]
	list := make([]Run, len(runs))
	for i := range runs {
		list[i] = Run{Tier: runs[i].tier.name, Denies: at >= stageNormal && runs[i].end() == deny}
		for _, p := range runs[i].policies {
			list[i].Policies = append(list[i].Policies, p.placed())
		}
	}
	return list
}

// Open tells whether the class is that of the interfaces that no endpoint governs.
func (c *Class) Open() bool { return c.class.open() }

// Member is something that selectors of rules can mean: a host endpoint or a network set.
type Member struct {
	// Labels are its own, and those that its profiles add. They must not be changed.
	Labels    map[string]string
	Addresses []netip.Prefix
	// Endpoint is nil for a network set.
	Endpoint *v3.HostEndpoint
}

// Members are all host endpoints, by name, and all network sets.
func (e *Engine) Members() []Member {
	list := make([]Member, len(e.compiler.population.members))
	for i, m := range e.compiler.population.members {
		list[i] = Member{m.labels, m.addresses, m.endpoint}
	}
	return list
}

// Matching are the members that a selector matches. It is not ok if the selector cannot be read.
func (e *Engine) Matching(expr string) (list []Member, ok bool) {
	parsed := e.selectors.parse(expr)
	if parsed == nil {
		return nil, false
	}
	hits := e.compiler.population.matching(parsed)
	for i, m := range e.compiler.population.members {
		if hits.has(i) {
			list = append(list, Member{m.labels, m.addresses, m.endpoint})
		}
	}
	return list, true
}
