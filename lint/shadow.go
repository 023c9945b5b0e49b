package lint

import (
	"fmt"
	"slices"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// decider is what decides about packets before a rule is asked.
type decider struct {
	rule *policy.RuleRef
	// tier is the one that ends, if no rule decides.
	tier   string
	action v3.Action
	what   policy.Set
}

// verbs say what rules do.
var verbs = map[v3.Action]string{v3.Allow: "allows", v3.Deny: "denies", v3.Pass: "leaves the tier for"}

// reportShadowed reports the rules of which no packet is left wherever they are asked.
func (l *linter) reportShadowed(v *review) {
	for _, r := range v.order {
		at := atOf(r)
		if v.reached[at] || r.Upper.Empty() {
			continue
		}
		lanes := v.lanes[at]
		shown := lanes[:min(len(lanes), mostRules)]
		proof, same := l.shadows(shown, r)
		same = same && l.sameIn(lanes[len(shown):], r)
		l.reportUnreached(r, proof, same)
	}
}

// reportUnreached reports a rule that is not reached. same tells whether what decides before it does what it would.
func (l *linter) reportUnreached(r policy.RuleMatch, proof []Proof, same bool) {
	text := fmt.Sprintf("the %s rule never decides: whatever it matches is decided before it", r.Action)
	if r.Action == v3.Log {
		text = "the Log rule is never reached: whatever it matches is decided before it"
	} else if same {
		text += ", and to the same end"
	}
	l.find(Shadowed, rulePlace(r.RuleRef), text, proof...)
	if same || r.Action == v3.Log {
		l.mildly(Hint)
	}
}

// shadows proves that a rule is not reached in some lanes. same tells whether all that decides before does what it would.
func (l *linter) shadows(lanes []*lane, r policy.RuleMatch) (proof []Proof, same bool) {
	same = true
	groups := map[string]int{}
	for _, n := range lanes {
		for _, d := range l.deciders(n, r) {
			same = same && d.action == r.Action
			p := d.proof(n)
			id := fmt.Sprintf("%s %v", p.Text, p.At)
			i, ok := groups[id]
			if !ok {
				i = len(proof)
				groups[id] = i
				proof = append(proof, p)
			}
			proof[i].Endpoints = append(proof[i].Endpoints, n.endpoints()...)
			proof[i].Traffic = proof[i].Traffic.Union(d.what)
		}
	}
	for i := range proof {
		slices.Sort(proof[i].Endpoints)
		proof[i].Endpoints = slices.Compact(proof[i].Endpoints)
	}
	return proof, same
}

// sameIn tells whether in all lanes what decides before a rule does what it would. Only those lanes are walked through in
// which something else decides before it; if that are too many, it says no.
func (l *linter) sameIn(lanes []*lane, r policy.RuleMatch) bool {
	if len(lanes) == 0 {
		return true
	}
	rivals, walked := l.rivals(r), 0
	for _, n := range lanes {
		if !n.deniesBefore(r) && !slices.ContainsFunc(rivals, func(name string) bool { return n.has[name] }) {
			continue
		}
		if walked++; walked > mostTrials {
			return false
		}
		if slices.ContainsFunc(l.deciders(n, r), func(d decider) bool { return d.action != r.Action }) {
			return false
		}
	}
	return true
}

// rivals are the policies up to that of a rule that do something else with some of its packets.
func (l *linter) rivals(r policy.RuleMatch) []string {
	var list []string
	for _, p := range l.policies {
		if p.Governs(r.Direction) && slices.ContainsFunc(l.rulesOf(p, r.Direction), func(o policy.RuleMatch) bool {
			return o.Action != v3.Log && o.Action != r.Action && !o.Sure.Intersect(r.Upper).Empty()
		}) {
			list = append(list, p.Object.Name)
		}
		if p.Object.Name == r.Object.GetName() {
			break
		}
	}
	return list
}

// deniesBefore tells whether a tier ends and denies before a rule is asked.
func (n *lane) deniesBefore(r policy.RuleMatch) bool {
	for _, run := range n.runs {
		if slices.ContainsFunc(run.Policies, func(p policy.Placed) bool { return p.Object.Name == r.Object.GetName() }) {
			return false
		}
		if run.Denies {
			return true
		}
	}
	return false
}

// cover is the policies whose rules, with those of its own that come before it, take all packets of a rule. They are of
// its tier, so it is never reached where they all apply: what passes them leaves the tier.
type cover struct {
	found    bool
	policies []string
}

func (c *cover) holds(n *lane) bool {
	return c.found && !slices.ContainsFunc(c.policies, func(name string) bool { return !n.has[name] })
}

// covered tells whether something that was found in another lane shows that a rule is not reached in this one.
func (l *linter) covered(v *review, n *lane, r policy.RuleMatch) bool {
	at := atOf(r)
	if len(v.lanes[at]) == 0 {
		return false
	}
	c := v.covers[at]
	if c == nil {
		c = l.coverOf(v.lanes[at][0], r)
		v.covers[at] = c
	}
	return c.holds(n)
}

// coverOf looks for a cover of a rule in a lane.
func (l *linter) coverOf(n *lane, wanted policy.RuleMatch) *cover {
	c := &cover{}
	i := slices.IndexFunc(n.runs, func(run policy.Run) bool {
		return slices.ContainsFunc(run.Policies, func(p policy.Placed) bool { return p.Object.Name == wanted.Object.GetName() })
	})
	rest := wanted.Upper
	for _, p := range n.runs[i].Policies {
		for _, r := range l.rulesOf(p, n.direction) {
			if r.RuleRef == wanted.RuleRef {
				return c
			}
			if r.Action == v3.Log || rest.Intersect(r.Sure).Empty() {
				continue
			}
			rest = rest.Subtract(r.Sure)
			c.policies = append(c.policies, p.Object.Name)
			if c.found = rest.Empty(); c.found {
				return c
			}
		}
	}
	return c
}

func (d decider) proof(n *lane) Proof {
	p := Proof{Traffic: d.what, Path: pathOf(n.direction)}
	if d.rule == nil {
		p.Text = fmt.Sprintf("the end of tier %s denies before", d.tier)
		return p
	}
	at := rulePlace(*d.rule)
	p.At, p.Text = &at, verbs[d.action]+" before"
	return p
}

// deciders are what decides about the packets of a rule before it is asked in a lane.
func (l *linter) deciders(n *lane, wanted policy.RuleMatch) []decider {
	var list []decider
	rest := wanted.Upper
	for _, run := range n.runs {
		var passed policy.Set
		for _, p := range run.Policies {
			for _, r := range l.rulesOf(p, n.direction) {
				if r.RuleRef == wanted.RuleRef || rest.Empty() && passed.Empty() {
					return list
				}
				taken := rest.Intersect(r.Sure)
				if r.Action == v3.Log || taken.Empty() {
					continue
				}
				rest = rest.Subtract(taken)
				list = append(list, decider{rule: &r.RuleRef, action: r.Action, what: taken})
				if r.Action == v3.Pass {
					passed = passed.Union(taken)
				}
			}
		}
		if run.Denies && !rest.Empty() {
			list = append(list, decider{tier: run.Tier, action: v3.Deny, what: rest})
			rest = passed
		} else {
			rest = rest.Union(passed)
		}
	}
	return list
}
