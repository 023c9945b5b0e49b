package commands

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// fix is the change of policy that turns a verdict.
type fix struct {
	Verdict policy.Verdict `json:"verdict"`
	Steps   []fixStep      `json:"steps,omitempty"`
	// Why says why there is none.
	Why string `json:"why,omitempty"`
}

// fixStep is the change of one policy.
type fixStep struct {
	Policy string `json:"policy"`
	// Patch is a JSON patch of a policy that exists, and Create one that is new.
	Patch  []patchOperation        `json:"patch,omitempty"`
	Create *v3.GlobalNetworkPolicy `json:"create,omitempty"`
	// At is where the policy is written, if a file has it.
	At string `json:"at,omitempty"`

	text  string
	after *v3.GlobalNetworkPolicy
}

type patchOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// mostSteps is how many policies are changed at most: a flow passes two ends, each in a few stages.
const mostSteps = 6

// fix looks for the change that turns the verdict of a trace.
func (t *tracer) fix(q flowQuestion, trace policy.Trace) *fix {
	f := &fix{Verdict: policy.Denied}
	switch trace.Verdict {
	case policy.Denied:
		f.Verdict = policy.Allowed
	case policy.Unknown:
		f.Why = "what the verdict depends on is not known, so no change is sure to turn it"
		return f
	}
	at := *t
	for range mostSteps {
		m := mender{tracer: &at, question: q, trace: trace, wanted: f.Verdict}
		step, next, why := m.best()
		if step == nil {
			return &fix{Verdict: f.Verdict, Why: why}
		}
		f.Steps = append(f.Steps, *step)
		at = *next
		var err error
		if trace, err = at.engine.Trace(trace.Flow); err != nil {
			return &fix{Verdict: f.Verdict, Why: err.Error()}
		}
		if trace.Verdict == f.Verdict {
			return f
		}
	}
	return &fix{Verdict: f.Verdict, Why: "no few changes of policy turn it"}
}

// mender looks for the next change.
type mender struct {
	*tracer
	question flowQuestion
	trace    policy.Trace
	wanted   policy.Verdict
}

// best is the change that brings the flow further and turns the least traffic, and what the world is with it.
func (m *mender) best() (*fixStep, *tracer, string) {
	candidates, why := m.candidates()
	var best *fixStep
	var after *tracer
	least := 0.0
	for i := range candidates {
		c := &candidates[i]
		world := m.world.with(nil)
		world.put(c.after)
		next := &tracer{world: world, engine: m.engine.Next(world.snapshot()), ends: m.ends}
		if !m.further(next) {
			continue
		}
		if size := changedTraffic(m.engine, next.engine); best == nil || size < least {
			best, after, least = c, next, size
		}
	}
	if best == nil && why == "" {
		why = "no single rule turns it"
	}
	return best, after, why
}

// further tells whether the verdict is turned, or at least decided elsewhere.
func (m *mender) further(next *tracer) bool {
	trace, err := next.engine.Judge(m.trace.Flow)
	if err != nil {
		return false
	}
	was, is := m.trace.Decision, trace.Decision
	return trace.Verdict == m.wanted || trace.Verdict == m.trace.Verdict &&
		(was.Node != is.Node || was.Stage != is.Stage || was.Direction != is.Direction)
}

// changedTraffic measures how much traffic two engines judge differently. It counts packets, which are many.
func changedTraffic(before, after *policy.Engine) float64 {
	sum := 0.0
	for _, c := range policy.Diff(before, after) {
		for _, set := range []policy.Set{c.Denied, c.Allowed, c.Unknown} {
			for _, box := range set.Boxes() {
				sum += float64(len(c.Nodes)) * packets(box)
			}
		}
	}
	return sum
}

// packets is about how many packets are in a box.
func packets(b policy.Box) float64 {
	numbers := func(ranges []policy.Range, all float64) float64 {
		if len(ranges) == 0 {
			return all
		}
		n := 0.0
		for _, r := range ranges {
			n += float64(r.Last) - float64(r.First) + 1
		}
		return n
	}
	addresses := func(list []netip.Prefix) float64 {
		if len(list) == 0 {
			return 1 << 32
		}
		n := 0.0
		for _, p := range list {
			n += 1 / float64(uint64(1)<<min(p.Bits(), 32)) * (1 << 32)
		}
		return n
	}
	types := float64(1)
	for _, r := range b.ICMP {
		types += numbers([]policy.Range{r.Types}, 0) * numbers([]policy.Range{r.Codes}, 0)
	}
	const ports = 1 << 16
	return numbers(b.Protocols, 256) * numbers(b.Ports, ports) * numbers(b.SourcePorts, ports) * types *
		addresses(b.Sources) * addresses(b.Destinations)
}

// candidates are changes that may help, the shortest first, or why there are none.
func (m *mender) candidates() (all []fixStep, why string) {
	d := m.trace.Decision
	switch {
	case d.By == policy.ByFailsafe:
		return nil, m.failsafeText(m.trace.Flow, *d.Rule) + " is open whatever policies say: only FelixConfiguration closes it"
	case d.Endpoint == nil:
		return nil, "no host endpoint governs the interface, so no policy can"
	case d.By == policy.ByPolicy:
		object := d.Rule.Object.(*v3.GlobalNetworkPolicy)
		return []fixStep{m.insert(object, d.Rule.Index, m.action()), m.insert(object, d.Rule.Index, v3.Pass)}, ""
	case d.By == policy.ByTier:
		applied := m.applied()
		for _, list := range applied {
			all = append(all, m.wider(list)...)
		}
		last := applied[len(applied)-1].Object.(*v3.GlobalNetworkPolicy)
		return append(all, m.insert(last, -1, m.action())), ""
	default:
		return m.created()
	}
}

func (m *mender) action() v3.Action {
	if m.wanted == policy.Denied {
		return v3.Deny
	}
	return v3.Allow
}

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

// indented is a value in YAML, as a part of a text.
func indented(value any) string {
	text, err := yaml.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return "    " + strings.ReplaceAll(strings.TrimRight(string(text), "\n"), "\n", "\n    ")
}

// String says what to do.
func (f *fix) String() string {
	word := map[policy.Verdict]string{policy.Allowed: "allow", policy.Denied: "deny"}[f.Verdict]
	if f.Why != "" {
		return fmt.Sprintf("no change of policy is offered: %s\n", f.Why)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "to %s it:\n", word)
	for _, s := range f.Steps {
		text := s.text
		if s.At != "" {
			text = s.At + ": " + text
		}
		b.WriteString("  " + text + "\n")
		if s.Create == nil && s.At == "" {
			patch, err := json.Marshal(s.Patch)
			if err == nil {
				fmt.Fprintf(&b, "  calicoctl patch gnp %s --type json -p '%s'\n", s.Policy, strings.ReplaceAll(string(patch), "'", `'\''`))
			}
		}
	}
	return b.String()
}
