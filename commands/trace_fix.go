package commands

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/edfb3db0/calicoctl/policy"
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

// fix looks for the change that turns the verdict of a flow.
func (t *tracer) fix(q flowQuestion, parts []part) *fix {
	trace := parts[0].trace
	f := &fix{Verdict: policy.Denied}
	switch {
	case len(parts) > 1:
		f.Why = whyParts(parts) + ": ask about one address"
		return f
	case trace.Verdict == policy.Denied:
		f.Verdict = policy.Allowed
	case trace.Verdict == policy.Unknown:
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
		if trace.Verdict != f.Verdict {
			continue
		}
		if after, err := at.parts(q, trace.Flow, at.engine.Judge); err != nil || len(after) > 1 || after[0].verdict != f.Verdict {
			return &fix{Verdict: f.Verdict, Why: "no small change turns it for all addresses of the ends"}
		}
		return f
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

// best is the change that brings the flow further and turns the least traffic, and what the world is with it. Where
// the decision itself leaves no change, traffic may be denied at any other stage that allows it.
func (m *mender) best() (*fixStep, *tracer, string) {
	step, after, why := m.bestOf(m.candidates())
	if step != nil || m.wanted == policy.Allowed {
		return step, after, why
	}
	for _, d := range m.allowing() {
		there := *m
		there.trace.Decision = d
		if step, after, _ = m.bestOf(there.candidates()); step != nil {
			break
		}
	}
	return step, after, why
}

// bestOf chooses among candidates; why is the reason if there are none.
func (m *mender) bestOf(candidates []fixStep, why string) (*fixStep, *tracer, string) {
	var best *fixStep
	var after *tracer
	least := 0.0
	var harms []string
	for i := range candidates {
		c := &candidates[i]
		world := m.world.with(nil)
		world.put(c.after)
		next := &tracer{world: world, engine: m.engine.Next(world.snapshot()), ends: m.ends, ended: map[policy.Decision]string{}, strangers: m.strangers}
		if !m.further(next) {
			continue
		}
		changes := policy.Diff(m.engine, next.engine)
		rewritten, harm := m.rewritten(next)
		if harm = cmp.Or(m.harm(changes), harm); harm != "" {
			if !slices.Contains(harms, harm) {
				harms = append(harms, harm)
			}
			continue
		}
		if size := changedTraffic(changes) + rewritten; best == nil || size < least {
			best, after, least = c, next, size
		}
	}
	switch err := cannotTell(m.engine); {
	case err != nil:
		return nil, nil, err.Error()
	case best != nil || why != "":
	case len(harms) > 0:
		why = "each small change that would turn it " + strings.Join(harms, " or ")
	default:
		why = "no single rule turns it"
	}
	return best, after, why
}

// harm says what a change does that nobody asked for: a fix that is to deny opens nothing, one that is to allow closes
// nothing, and neither is about other protocols or ports than those of the flow.
func (m *mender) harm(changes []policy.Change) string {
	about := m.engine.Space().Set(m.packets())
	for _, c := range changes {
		switch {
		case m.wanted == policy.Denied && !c.Allowed.Empty():
			return "opens other traffic, which is denied now"
		case m.wanted == policy.Allowed && !c.Denied.Empty():
			return "closes other traffic, which is allowed now"
		case !c.Unknown.Empty():
			return "leaves other traffic unknown, whose verdict is sure now"
		case m.wanted == policy.Denied && !c.Denied.Subtract(about).Empty():
			return "closes traffic of other protocols or ports as well"
		case m.wanted == policy.Allowed && !c.Allowed.Subtract(about).Empty():
			return "opens traffic of other protocols or ports as well"
		}
	}
	return ""
}

// rewritten is how much a change does to what others send the same way and DNAT rewrites as it does the flow, and what of
// that nobody asked for. A difference of policy does not follow DNAT.
func (m *mender) rewritten(next *tracer) (size float64, harm string) {
	f := m.trace.Flow
	if !f.DNATTo.IsValid() && f.DNATPort == nil {
		return 0, ""
	}
	f.SourcePort = nil
	anybody := func(e *policy.Engine) (policy.Traffic, error) {
		return e.Spread(f, policy.Ends{From: true}, e.Space().Set(m.others()))
	}
	was, err := anybody(m.engine)
	is, errNext := anybody(next.engine)
	if err != nil || errNext != nil {
		return 0, "does to what is rewritten what cannot be told"
	}
	change := policy.Change{
		Nodes:  []string{f.Node},
		Denied: is.Denied.Subtract(was.Denied), Allowed: is.Allowed.Subtract(was.Allowed), Unknown: is.Unknown.Subtract(was.Unknown),
	}
	switch {
	case m.wanted == policy.Denied && !change.Allowed.Empty():
		harm = "opens other traffic that is rewritten, which is denied now"
	case m.wanted == policy.Allowed && !change.Denied.Empty():
		harm = "closes other traffic that is rewritten, which is allowed now"
	case !change.Unknown.Empty():
		harm = "leaves other traffic that is rewritten unknown, whose verdict is sure now"
	}
	return changedTraffic([]policy.Change{change}), harm
}

// others are the packets from everybody but the nodes, which take other ways.
func (m *mender) others() policy.Box {
	return policy.Box{Sources: without(everywhere(), m.ends.cluster.of(false))}
}

// packets are those of the protocol and the ports of the flow.
func (m *mender) packets() policy.Box {
	f := m.trace.Flow
	number := uint16(f.Protocol.Number())
	box := policy.Box{Protocols: []policy.Range{{First: number, Last: number}}}
	if !f.Protocol.HasPorts() || f.Port == nil {
		return box
	}
	for _, port := range []*uint16{f.Port, f.DNATPort} {
		if port != nil {
			box.Ports = append(box.Ports, policy.Range{First: *port, Last: *port})
		}
	}
	return box
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

// changedTraffic measures how much traffic is judged differently. It counts packets, which are many.
func changedTraffic(changes []policy.Change) float64 {
	sum := 0.0
	for _, c := range changes {
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
		return nil, m.failsafeWhy()
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
		return append(m.created(), m.beforePass()...), ""
	}
}

// failsafeWhy says why no policy closes a failsafe port there. One that the packet passes earlier may.
func (m *mender) failsafeWhy() string {
	port := m.failsafeText(m.trace.Flow, *m.trace.Decision.Rule)
	if len(m.allowing()) > 0 {
		return port + " is open there whatever policies say, and no small change denies it at another stage"
	}
	return port + " is open whatever policies say: only FelixConfiguration closes it"
}

func (m *mender) action() v3.Action {
	if m.wanted == policy.Denied {
		return v3.Deny
	}
	return v3.Allow
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
