package lint

import (
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// chain is endpoints with the same profiles in the same order.
type chain struct {
	profiles, endpoints []string
}

// chains are all lists of profiles that endpoints have.
func (l *linter) chains() []*chain {
	var list []*chain
	of := map[string]*chain{}
	for _, h := range l.snapshot.HostEndpoints {
		id := strings.Join(h.Spec.Profiles, "\n")
		if of[id] == nil {
			of[id] = &chain{profiles: h.Spec.Profiles}
			list = append(list, of[id])
		}
		of[id].endpoints = append(of[id].endpoints, h.Name)
	}
	return list
}

// follow takes all packets through the rules of profiles, and calls see with each rule and those that come to it. see
// says whether to go on.
func (l *linter) follow(profiles []string, d policy.Direction, see func(r policy.RuleMatch, region policy.Set) bool) {
	region := l.engine.Space().All()
	for _, name := range profiles {
		var passed policy.Set
		for _, r := range l.profileRules(name, d) {
			if !see(r, region) {
				return
			}
			switch r.Action {
			case v3.Log:
				continue
			case v3.Pass:
				passed = passed.Union(region.Intersect(r.Upper))
			}
			region = region.Subtract(r.Sure)
		}
		region = region.Union(passed)
	}
}

// checkProfiles looks for rules of profiles of which no packet is left, whichever endpoint asks them. The built-in profile
// cannot be changed, and is a good last one.
func (l *linter) checkProfiles() {
	reached := map[ruleAt]bool{}
	asked := map[ruleAt][]*chain{}
	var order []policy.RuleMatch
	for _, c := range l.chains() {
		for _, d := range directions {
			l.follow(c.profiles, d, func(r policy.RuleMatch, region policy.Set) bool {
				at := atOf(r)
				if asked[at] == nil {
					order = append(order, r)
				}
				asked[at] = append(asked[at], c)
				reached[at] = reached[at] || !region.Intersect(r.Upper).Empty()
				return true
			})
		}
	}
	for _, r := range order {
		if at := atOf(r); at.name != v3.ProfileDefaultAllow && !reached[at] && !r.Upper.Empty() {
			l.reportProfileRule(r, asked[at])
		}
	}
}

// reportProfileRule proves in the first few chains that a rule is not reached. What it says about its end goes for all.
func (l *linter) reportProfileRule(r policy.RuleMatch, chains []*chain) {
	var proof []Proof
	of := map[Place]int{}
	same := true
	for i, c := range chains {
		l.follow(c.profiles, r.Direction, func(before policy.RuleMatch, region policy.Set) bool {
			if before.RuleRef == r.RuleRef {
				return false
			}
			taken := region.Intersect(before.Sure).Intersect(r.Upper)
			if before.Action == v3.Log || taken.Empty() {
				return true
			}
			same = same && before.Action == r.Action
			if i >= mostRules {
				return true
			}
			at, text := rulePlace(before.RuleRef), verbs[before.Action]+" before"
			if before.Action == v3.Pass {
				text = "leaves the profile before"
			}
			k, ok := of[at]
			if !ok {
				k = len(proof)
				of[at] = k
				proof = append(proof, Proof{Text: text, At: &at, Path: pathOf(r.Direction)})
			}
			proof[k].Endpoints = append(proof[k].Endpoints, c.endpoints...)
			proof[k].Traffic = proof[k].Traffic.Union(taken)
			return true
		})
	}
	for i := range proof {
		slices.Sort(proof[i].Endpoints)
	}
	l.reportUnreached(r, proof, same)
}
