package commands

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// applied are the policies that the flow came by in the tier that decided.
func (m *mender) applied() []policy.ListTrace {
	return slices.DeleteFunc(m.asked(), func(l policy.ListTrace) bool {
		return l.By != policy.ByPolicy || l.Tier != m.trace.Decision.Tier
	})
}

// asked are the lists that the flow came by in the stage that decided.
func (m *mender) asked() (lists []policy.ListTrace) {
	d := m.trace.Decision
	for _, host := range m.trace.Hosts {
		for _, stage := range host.Stages {
			if host.Node != d.Node || stage.Stage != d.Stage || stage.Direction != d.Direction || stage.Interface != d.Interface {
				continue
			}
			lists = append(lists, stage.Lists...)
		}
	}
	return lists
}

// beforePass are rules in policies by which the flow has left their tiers: before the rule that said Pass, or at the end of
// a tier whose default action it is.
func (m *mender) beforePass() (all []fixStep) {
	var last *v3.GlobalNetworkPolicy
	for _, list := range m.asked() {
		switch {
		case list.By == policy.ByPolicy:
			last = list.Object.(*v3.GlobalNetworkPolicy)
			for _, r := range list.Rules {
				if r.Match == policy.Matched && r.Rule.Action == v3.Pass {
					all = append(all, m.insert(last, r.Rule.Index, m.action()))
				}
			}
		case list.By == policy.ByTier && list.Outcome == "pass":
			all = append(all, m.insert(last, -1, m.action()))
		}
	}
	return all
}

// allowing are the other decisions on the way of the packet that let it pass and that policies can change.
func (m *mender) allowing() (all []policy.Decision) {
	last := m.trace.Decision
	for _, host := range m.trace.Hosts {
		for _, s := range host.Stages {
			i := slices.IndexFunc(s.Lists, func(l policy.ListTrace) bool { return l.Outcome == "allow" })
			if s.Endpoint == nil || i < 0 || s.Lists[i].By == policy.ByFailsafe ||
				host.Node == last.Node && s.Stage == last.Stage && s.Direction == last.Direction && s.Interface == last.Interface {
				continue
			}
			d := policy.Decision{
				Node: host.Node, Interface: s.Interface, Endpoint: s.Endpoint, Stage: s.Stage, Direction: s.Direction,
				By: s.Lists[i].By, Tier: s.Lists[i].Tier,
			}
			for _, r := range s.Lists[i].Rules {
				if r.Match == policy.Matched {
					d.Rule = &r.Rule
				}
			}
			all = append(all, d)
		}
	}
	return all
}

// wider are changes of rules that a single list keeps from matching.
func (m *mender) wider(list policy.ListTrace) (all []fixStep) {
	f := m.trace.Flow
	for _, r := range list.Rules {
		if r.Match != policy.NotMatched || len(r.Fields) != 1 || r.Rule.Action != m.action() {
			continue
		}
		after := list.Object.(*v3.GlobalNetworkPolicy).DeepCopy()
		rule := ruleOf(policy.RuleRef{Object: after, Direction: r.Rule.Direction, Index: r.Rule.Index})
		var values []any
		add := func(to *[]string, networks []string) {
			for _, n := range networks {
				if !slices.Contains(*to, n) {
					*to, values = append(*to, n), append(values, n)
				}
			}
		}
		switch r.Field {
		case "destination.ports":
			port := m.destinationPort()
			if port == nil {
				continue
			}
			rule.Destination.Ports, values = append(rule.Destination.Ports, v3.Port{Min: *port, Max: *port}), []any{*port}
		case "source.nets":
			if m.question.From == endInternet {
				continue // which is any address, and not the one that stands for it
			}
			add(&rule.Source.Nets, m.networks(m.question.From, f.From))
		case "destination.nets":
			if m.question.To == endInternet {
				continue
			}
			add(&rule.Destination.Nets, m.destinations())
		default:
			continue
		}
		key, _ := resources.KeyOf(after)
		step := fixStep{Policy: after.Name, after: after, At: m.ruleAt(r.Rule)}
		var texts []string
		for _, value := range values {
			path := fmt.Sprintf("/spec/%s/%d/%s/-", r.Rule.Direction, r.Rule.Index, strings.ReplaceAll(r.Field, ".", "/"))
			step.Patch = append(step.Patch, patchOperation{"add", path, value})
			texts = append(texts, fmt.Sprint(value))
		}
		step.text = fmt.Sprintf("add %s to %s of %s %s[%d]", strings.Join(texts, ", "), r.Field, key, r.Rule.Direction, r.Rule.Index)
		all = append(all, step)
	}
	return all
}

func networkOf(a netip.Addr) string { return netip.PrefixFrom(a, a.BitLen()).String() }

// networks are the addresses of an end: of a node or a host endpoint all that it has.
func (m *mender) networks(word string, one netip.Addr) []string {
	end, err := m.ends.find(word)
	if err != nil || end.node == "" {
		return []string{networkOf(one)}
	}
	var all []string
	for _, a := range end.in(m.trace.Flow.IPVersion) {
		all = append(all, networkOf(a))
	}
	return all
}

// destinations are the destinations where the decision is made.
func (m *mender) destinations() []string {
	if m.trace.Flow.DNATTo.IsValid() && m.late() {
		return []string{networkOf(m.trace.Flow.DNATTo)}
	}
	return m.networks(m.question.To, m.trace.Flow.To)
}

// destinationPort is the destination port where the decision is made.
func (m *mender) destinationPort() *uint16 {
	if m.trace.Flow.DNATPort != nil && m.late() {
		return m.trace.Flow.DNATPort
	}
	return m.trace.Flow.Port
}

// late tells whether the decision is made after DNAT.
func (m *mender) late() bool {
	return m.trace.Decision.Stage == policy.StageNormal || m.trace.Decision.Stage == policy.StageForward
}

// exact is a rule for the flow and nothing else. What is asked about the internet is about all addresses.
func (m *mender) exact(action v3.Action) v3.Rule {
	f := m.trace.Flow
	r := v3.Rule{Action: action, Protocol: &f.Protocol}
	if f.ICMPType != nil {
		kind := int(*f.ICMPType)
		r.ICMP = &v3.ICMPFields{Type: &kind}
		if f.ICMPCode != nil {
			r.ICMP.Code = new(int(*f.ICMPCode))
		}
	}
	if m.question.From != endInternet {
		r.Source.Nets = m.networks(m.question.From, f.From)
	}
	if m.question.To != endInternet {
		r.Destination.Nets = m.destinations()
	}
	if port := m.destinationPort(); port != nil && f.Protocol.HasPorts() {
		r.Destination.Ports = []v3.Port{{Min: *port, Max: *port}}
	}
	return r
}

// insert puts a rule for the flow into a policy, before the rule with an index or, with -1, at the end.
func (m *mender) insert(p *v3.GlobalNetworkPolicy, index int, action v3.Action) fixStep {
	direction := m.trace.Decision.Direction
	after, rule := p.DeepCopy(), m.exact(action)
	list := &after.Spec.Ingress
	if direction == policy.Egress {
		list = &after.Spec.Egress
	}
	key, _ := resources.KeyOf(p)
	operation := patchOperation{"add", fmt.Sprintf("/spec/%s/%d", direction, index), rule}
	text := fmt.Sprintf("put this rule before %s %s[%d]", key, direction, index)
	field := fmt.Sprintf("spec.%s[%d]", direction, index)
	switch {
	case len(*list) == 0:
		operation.Path, operation.Value, index, field = "/spec/"+string(direction), []v3.Rule{rule}, 0, ""
		text = fmt.Sprintf("give %s this %s rule", key, direction)
	case index < 0:
		field = fmt.Sprintf("spec.%s[%d]", direction, len(*list)-1)
		operation.Path, index = fmt.Sprintf("/spec/%s/-", direction), len(*list)
		text = fmt.Sprintf("add this rule at the end of %s of %s", direction, key)
	}
	*list = slices.Insert(*list, index, rule)
	return fixStep{
		Policy: p.Name, after: after, Patch: []patchOperation{operation}, text: text + ":\n" + indented([]v3.Rule{rule}),
		At: m.world.where(p, field),
	}
}

// created are new policies for the endpoint: alone, with all else left to whatever follows, and before DNAT, where what
// no rule matches goes on.
func (m *mender) created() (all []fixStep) {
	d := m.trace.Decision
	for _, selector := range m.selectors(d.Endpoint) {
		rule := m.exact(m.action())
		all = append(all, m.create(selector, rule), m.create(selector, rule, v3.Rule{Action: v3.Pass}))
	}
	if d.Stage != policy.StageForward || m.wanted == policy.Allowed {
		return all
	}
	for _, host := range m.trace.Hosts {
		for _, s := range host.Stages {
			if host.Node != d.Node || s.Stage != policy.StagePreDNAT || s.Endpoint == nil {
				continue
			}
			early := *m
			early.trace.Decision = policy.Decision{Node: d.Node, Endpoint: s.Endpoint, Stage: s.Stage, Direction: s.Direction}
			for _, selector := range m.selectors(s.Endpoint) {
				all = append(all, early.create(selector, early.exact(v3.Deny)))
			}
		}
	}
	return all
}

// create is a new policy for the stage of the decision.
func (m *mender) create(selector string, rules ...v3.Rule) fixStep {
	d := m.trace.Decision
	p := &v3.GlobalNetworkPolicy{}
	p.APIVersion, p.Kind = v3.GroupVersion, resources.GlobalNetworkPolicy.Name
	p.Name = m.freeName(strings.ToLower(string(m.action())) + "-" + strings.ToLower(m.trace.Flow.Protocol.String()))
	p.Spec.Selector = selector
	p.Spec.PreDNAT = d.Stage == policy.StagePreDNAT
	p.Spec.ApplyOnForward = p.Spec.PreDNAT || d.Stage == policy.StageForward
	p.Spec.Types, p.Spec.Ingress = []v3.PolicyType{v3.PolicyTypeIngress}, rules
	if d.Direction == policy.Egress {
		p.Spec.Types, p.Spec.Ingress, p.Spec.Egress = []v3.PolicyType{v3.PolicyTypeEgress}, nil, rules
	}
	return fixStep{Policy: p.Name, Create: p, after: p, text: "apply this policy:\n" + indented(p)}
}

// freeName is a name that no policy has.
func (m *mender) freeName(name string) string {
	if port := m.destinationPort(); port != nil {
		name += fmt.Sprintf("-%d", *port)
	}
	free := name
	for n := 2; m.world.objects[resources.GlobalNetworkPolicy.Key(free)] != nil; n++ {
		free = fmt.Sprintf("%s-%d", name, n)
	}
	return free
}

// selectors choose an endpoint: by the label that is its node's alone or by all of its labels, and, where others have
// all of these, by the labels that it has not.
func (m *mender) selectors(h *v3.HostEndpoint) []string {
	const (
		hostname = "kubernetes.io/hostname"
		// namespace is a label that every workload has, and no host endpoint.
		namespace = "projectcalico.org/namespace"
	)
	var terms []string
	for name, value := range h.Labels {
		terms = append(terms, fmt.Sprintf("%s == '%s'", name, value))
	}
	if len(terms) == 0 {
		terms = []string{fmt.Sprintf("!has(%s)", namespace)}
	}
	slices.Sort(terms)
	var all []string
	if value, ok := h.Labels[hostname]; ok {
		all = append(all, fmt.Sprintf("%s == '%s'", hostname, value))
	}
	if text := strings.Join(terms, " && "); !slices.Contains(all, text) {
		all = append(all, text)
	}
	if more := m.othersLabels(h); len(more) > 0 {
		for _, name := range more {
			terms = append(terms, fmt.Sprintf("!has(%s)", name))
		}
		all = append(all, strings.Join(terms, " && "))
	}
	return all
}

// othersLabels are the further labels of the endpoints that have all labels of one.
func (m *mender) othersLabels(h *v3.HostEndpoint) (names []string) {
	for _, other := range ofKind[*v3.HostEndpoint](m.world, resources.HostEndpoint) {
		shared := 0
		for name, value := range h.Labels {
			if other.Labels[name] == value {
				shared++
			}
		}
		if shared < len(h.Labels) {
			continue
		}
		for name := range other.Labels {
			if _, ok := h.Labels[name]; !ok {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
