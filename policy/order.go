package policy

import (
	"cmp"
	"math"
	"slices"
	"strings"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// tier is a tier in its place.
type tier struct {
	name string
	// end is what follows when policies of the tier apply and none decides.
	end outcomes
	// missing is a tier that policies name and that is not there.
	missing bool
	order   float64
}

// sortTiers gives every tier that there is or that a policy names, in the order of
// evaluation.
func sortTiers(objects []*v3.Tier, policies []*v3.GlobalNetworkPolicy) []*tier {
	var out []*tier
	named := map[string]bool{}
	for _, object := range objects {
		t := &tier{name: object.Name, end: deny, order: orderOf(object.Spec.Order)}
		if object.Spec.DefaultAction != nil && *object.Spec.DefaultAction == v3.Pass {
			t.end = pass
		}
		named[t.name] = true
		out = append(out, t)
	}
	for _, p := range policies {
		if name := tierName(p); !named[name] {
			named[name] = true
			out = append(out, &tier{name: name, end: deny, missing: true})
		}
	}
	slices.SortFunc(out, func(a, b *tier) int {
		if a.missing != b.missing {
			if b.missing {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.order, b.order), strings.Compare(a.name, b.name))
	})
	return out
}

func tierName(p *v3.GlobalNetworkPolicy) string { return cmp.Or(p.Spec.Tier, v3.TierDefault) }

// orderOf is an order as a number: none comes last.
func orderOf(order *float64) float64 {
	if order == nil {
		return math.Inf(1)
	}
	return *order
}

// comparePolicies sorts policies of one tier. Names are compared as if a slash ended
// them: "a-b" and "a.b" come before "a".
func comparePolicies(a, b *v3.GlobalNetworkPolicy) int {
	return cmp.Or(
		cmp.Compare(orderOf(a.Spec.Order), orderOf(b.Spec.Order)),
		strings.Compare(a.Name+"/", b.Name+"/"),
	)
}

// stage is a step in the way of a packet at which policies are asked. A policy belongs
// to one of the first three, and to stageForward too if it says so.
type stage uint8

const (
	stageUntracked stage = iota
	stagePreDNAT
	stageNormal
	stageForward
	stages
)

// Directions as places in arrays.
const (
	in = iota
	out
	directions
)

var directionNames = [directions]Direction{in: Ingress, out: Egress}

// policy is a policy in its place, with its rules compiled when they are first needed.
type policy struct {
	object   *v3.GlobalNetworkPolicy
	tier     *tier
	stage    stage
	forward  bool
	types    [directions]bool
	compiler *compiler
	// doubt is why it is not certain which endpoints the policy selects.
	doubt    string
	selector int // Which of the engine's distinct selectors chooses the endpoints.
	*compiled
}

// compiled is rules of both directions. Policies of two engines share it when they mean
// the same.
type compiled struct{ lists [directions]ruleList }

// ruleList is rules of one direction and their diagram, once they are compiled.
type ruleList struct {
	done    bool
	rules   []*rule
	diagram ref
}

func newPolicy(object *v3.GlobalNetworkPolicy, in *tier, c *compiler) *policy {
	p := &policy{object: object, tier: in, stage: stageNormal, compiler: c, types: typesOf(&object.Spec), compiled: &compiled{}}
	switch {
	case object.Spec.DoNotTrack:
		p.stage = stageUntracked
	case object.Spec.PreDNAT:
		p.stage = stagePreDNAT
	default:
		p.forward = object.Spec.ApplyOnForward
	}
	return p
}

// StoredTypes are those that agents take a policy to have which is stored without types, as kubectl can. calicoctl makes
// others of a manifest.
func StoredTypes() []v3.PolicyType {
	return []v3.PolicyType{v3.PolicyTypeIngress, v3.PolicyTypeEgress}
}

// typesOf is which directions a policy governs. Without types it is ingress, unless
// there are rules for egress only.
func typesOf(s *v3.GlobalNetworkPolicySpec) [directions]bool {
	var types [directions]bool
	if len(s.Types) == 0 {
		types[out] = len(s.Egress) > 0
		types[in] = len(s.Ingress) > 0 || !types[out]
	}
	for _, t := range s.Types {
		types[in] = types[in] || strings.EqualFold(string(t), string(v3.PolicyTypeIngress))
		types[out] = types[out] || strings.EqualFold(string(t), string(v3.PolicyTypeEgress))
	}
	return types
}

func (p *policy) rules(d int) []*rule { return p.list(d).rules }

// diagram is the outcomes of the policy's rules in a direction.
func (p *policy) diagram(d int) ref {
	list := p.list(d)
	if list.diagram != empty {
		return list.diagram
	}
	made := p.compiler.inOrder(list.rules)
	if p.compiler.err == nil {
		list.diagram = made
	}
	return made
}

func (p *policy) list(d int) *ruleList {
	list := &p.lists[d]
	if !list.done {
		rules := p.object.Spec.Ingress
		if d == out {
			rules = p.object.Spec.Egress
		}
		list.rules, list.done = p.compiler.rules(rules, p.doubt), true
	}
	return list
}

// inOrder is the outcomes of rules that are tried one after the other.
func (t *table) inOrder(rules []*rule) ref {
	parts := make([]ref, 0, len(rules))
	for _, r := range rules {
		if r.action == next {
			continue
		}
		part := t.apply(paint, r.sure, r.action)
		if r.sure != r.upper {
			part = t.apply(then, part, t.apply(paint, r.upper, r.action|next))
		}
		parts = append(parts, part)
	}
	return t.all(then, parts, next)
}

// profile is a profile with its rules.
type profile struct {
	name     string
	object   *v3.Profile // nil when there is none of that name, which allows nothing
	compiler *compiler
	lists    [directions]ruleList
}

func (p *profile) rules(d int) []*rule {
	list := &p.lists[d]
	if !list.done && p.object != nil {
		rules := p.object.Spec.Ingress
		if d == out {
			rules = p.object.Spec.Egress
		}
		list.rules = p.compiler.rules(rules, "")
	}
	list.done = true
	return list.rules
}
