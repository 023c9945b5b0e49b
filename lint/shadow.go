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
		var proof []Proof
		same, groups := true, map[string]int{}
		for _, n := range v.lanes[at] {
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
		text := fmt.Sprintf("the %s rule never decides: whatever it matches is decided before it", r.Action)
		if same {
			text += ", and to the same end"
		}
		for i := range proof {
			slices.Sort(proof[i].Endpoints)
			proof[i].Endpoints = slices.Compact(proof[i].Endpoints)
		}
		l.find(Shadowed, rulePlace(r.RuleRef), text, proof...)
		if same {
			l.mildly(Hint)
		}
	}
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
