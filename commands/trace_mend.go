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
func (m *mender) applied() (lists []policy.ListTrace) {
	d := m.trace.Decision
	for _, host := range m.trace.Hosts {
		for _, stage := range host.Stages {
			if host.Node != d.Node || stage.Stage != d.Stage || stage.Direction != d.Direction || stage.Interface != d.Interface {
				continue
			}
			for _, list := range stage.Lists {
				if list.By == policy.ByPolicy && list.Tier == d.Tier {
					lists = append(lists, list)
				}
			}
		}
	}
	return lists
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
		var value any
		switch r.Field {
		case "destination.ports":
			port := m.destinationPort()
			if port == nil {
				continue
			}
			rule.Destination.Ports, value = append(rule.Destination.Ports, v3.Port{Min: *port, Max: *port}), *port
		case "source.nets":
			rule.Source.Nets, value = append(rule.Source.Nets, networkOf(f.From)), networkOf(f.From)
		case "destination.nets":
			to := m.destination()
			rule.Destination.Nets, value = append(rule.Destination.Nets, networkOf(to)), networkOf(to)
		default:
			continue
		}
		path := fmt.Sprintf("/spec/%s/%d/%s/-", r.Rule.Direction, r.Rule.Index, strings.ReplaceAll(r.Field, ".", "/"))
		key, _ := resources.KeyOf(after)
		all = append(all, fixStep{
			Policy: after.Name, after: after, Patch: []patchOperation{{"add", path, value}},
			At:   m.ruleAt(r.Rule),
			text: fmt.Sprintf("add %v to %s of %s %s[%d]", value, r.Field, key, r.Rule.Direction, r.Rule.Index),
		})
	}
	return all
}

func networkOf(a netip.Addr) string { return netip.PrefixFrom(a, a.BitLen()).String() }

// destinationPort is the destination port where the decision is made.
func (m *mender) destinationPort() *uint16 {
	if m.trace.Flow.DNATPort != nil && m.late() {
		return m.trace.Flow.DNATPort
	}
	return m.trace.Flow.Port
}

// destination is the destination where the decision is made.
func (m *mender) destination() netip.Addr {
	if m.trace.Flow.DNATTo.IsValid() && m.late() {
		return m.trace.Flow.DNATTo
	}
	return m.trace.Flow.To
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
		r.Source.Nets = []string{networkOf(f.From)}
	}
	if m.question.To != endInternet {
		r.Destination.Nets = []string{networkOf(m.destination())}
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

// created are new policies for the endpoint, alone and with all else left to whatever follows.
func (m *mender) created() ([]fixStep, string) {
	d := m.trace.Decision
	selector := selectorOf(d.Endpoint)
	if selector == "" {
		return nil, fmt.Sprintf("no policy can select HostEndpoint(%s), which has no labels", d.Endpoint.Name)
	}
	var all []fixStep
	for _, rules := range [][]v3.Rule{{m.exact(m.action())}, {m.exact(m.action()), {Action: v3.Pass}}} {
		p := &v3.GlobalNetworkPolicy{}
		p.APIVersion, p.Kind = v3.GroupVersion, resources.GlobalNetworkPolicy.Name
		p.Name = m.freeName(strings.ToLower(string(m.action())) + "-" + strings.ToLower(m.trace.Flow.Protocol.String()))
		p.Spec.Selector = selector
		p.Spec.ApplyOnForward = d.Stage == policy.StageForward
		p.Spec.Types, p.Spec.Ingress = []v3.PolicyType{v3.PolicyTypeIngress}, rules
		if d.Direction == policy.Egress {
			p.Spec.Types, p.Spec.Ingress, p.Spec.Egress = []v3.PolicyType{v3.PolicyTypeEgress}, nil, rules
		}
		all = append(all, fixStep{Policy: p.Name, Create: p, after: p, text: "apply this policy:\n" + indented(p)})
	}
	return all, ""
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

// selectorOf chooses an endpoint by the label that is its node's alone, or by all of its labels.
func selectorOf(h *v3.HostEndpoint) string {
	const hostname = "kubernetes.io/hostname"
	terms := []string{}
	for name, value := range h.Labels {
		term := fmt.Sprintf("%s == '%s'", name, value)
		if name == hostname {
			return term
		}
		terms = append(terms, term)
	}
	slices.Sort(terms)
	return strings.Join(terms, " && ")
}
