package policy

import (
	"slices"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Trace is what becomes of one flow, and why.
type Trace struct {
	// Flow is what was asked, with what was derived.
	Flow    Flow
	Verdict Verdict
	// Decision is what decided: of an unknown verdict, what it depends on.
	Decision Decision
	// Hosts are the nodes that were asked, in the order of the packet's way. A node comes
	// once for each interface that the packet may use.
	Hosts []HostTrace
	// Untracked tells that a doNotTrack policy of a node allows the packet, which DNAT does not rewrite then.
	Untracked bool
	// Judged tells that a node judges the answer to the packet, by the addresses that it has.
	Judged bool
	// Return is the answer to an allowed packet where a node does not let it through for certain; else nil.
	Return *Return
}

// Decision is where the way of a packet ended.
type Decision struct {
	Node string
	// Interface is "*" for one that no endpoint of its own governs, and "@" with an
	// address for one whose name is not known.
	Interface string
	// Endpoint governs the interface; nil when none does.
	Endpoint  *v3.HostEndpoint
	Stage     StageName
	Direction Direction
	By        By
	// Tier is that of the policy, or the one that ended without a verdict.
	Tier string
	// Rule is nil when no rule decided.
	Rule *RuleRef
	Why  string
}

// StageName is a step in the way of a packet.
type StageName string

// The stages.
const (
	StageDoNotTrack StageName = "doNotTrack"
	StagePreDNAT    StageName = "preDNAT"
	StageNormal     StageName = "normal"
	StageForward    StageName = "forward"
)

var stageNames = [stages]StageName{StageDoNotTrack, StagePreDNAT, StageNormal, StageForward}

// By is what kind of thing decides.
type By string

// What may decide.
const (
	ByFailsafe By = "failsafe"
	ByPolicy   By = "policy"
	ByTier     By = "tier"
	ByProfile  By = "profile"
	// ByDefault is the absence of policies, profiles or endpoints.
	ByDefault By = "default"
)

// HostTrace is a flow at one node.
type HostTrace struct {
	Node    string
	Path    Path
	Verdict Verdict
	Stages  []StageTrace
}

// StageTrace is a flow at one stage.
type StageTrace struct {
	Stage     StageName
	Direction Direction
	Interface string
	Endpoint  *v3.HostEndpoint
	Lists     []ListTrace
	// Outcome is allow, deny, unknown, or next when the packet went on.
	Outcome string
}

// ListTrace is a list of rules that was looked at, or the end of a tier.
type ListTrace struct {
	// By is ByFailsafe, ByPolicy or ByProfile; ByTier and ByDefault come without rules.
	By   By
	Tier string
	// Object has the rules.
	Object resources.Object
	Rules  []RuleTrace
	// Outcome is allow, deny, pass, next or unknown.
	Outcome string
	Why     string
}

// Match tells whether a rule matches.
type Match string

// How a rule matches.
const (
	Matched    Match = "yes"
	NotMatched Match = "no"
	// MayMatch is a rule of which it cannot be known.
	MayMatch Match = "maybe"
)

// RuleTrace is a rule that was looked at.
type RuleTrace struct {
	Rule  RuleRef
	Match Match
	// Field is the first criterion that the packet does not fit, or of which that cannot
	// be known: such as "source.selector".
	Field string
	// Fields are all criteria that the packet does not fit: a rule with one has nearly
	// matched.
	Fields []string
	Why    string
}

// Trace follows a flow and explains each step. It is an error to ask about a flow that
// no node can be found for.
func (e *Engine) Trace(f Flow) (Trace, error) { return e.trace(f, true) }

// Judge is Trace without the steps: verdict and decision only, in a fraction of the time.
func (e *Engine) Judge(f Flow) (Trace, error) { return e.trace(f, false) }

func (e *Engine) trace(f Flow, record bool) (Trace, error) {
	f, routes, err := e.judgements(f)
	out := Trace{Flow: f, Verdict: Allowed}
	if err != nil {
		return out, err
	}
	known := map[*judgement]finding{}
	at := func(j *judgement) finding {
		found, ok := known[j]
		if !ok {
			found = e.atHost(j, record, &out)
			known[j] = found
		}
		return found
	}
	whole := e.on(routes[0], at)
	for _, r := range routes[1:] {
		whole = whole.or(e.on(r, at))
	}
	out.Verdict, out.Decision, out.Return = whole.verdict, whole.decision, whole.answer
	return out, nil
}

// Reasons for a verdict that the interfaces of a node leave open.
const (
	whyInterface = "the interface is not known, and the verdict depends on it"
	whyAddresses = "which addresses the interface has is not known, and the verdict depends on it"
)

// atHost is a flow at one node, whichever of the doors it takes.
func (e *Engine) atHost(j *judgement, record bool, trace *Trace) finding {
	var verdict Verdict
	var decision Decision
	var answers []*Return
	first := true
	for _, from := range orNone(j.in) {
		for _, to := range orNone(j.out) {
			w := walk{engine: e, host: j.host, record: record}
			mask := w.along(j, from, to)
			own := verdictOf(mask)
			if own == Unknown && j.partial() {
				if own = e.exact(j, from, to); e.err != nil {
					w.doubt.Why = e.err.Error()
				}
			}
			if record {
				trace.Hosts = append(trace.Hosts, HostTrace{j.host.name, w.path, own, w.stages})
			}
			trace.Untracked = trace.Untracked || w.untracked
			trace.Judged = trace.Judged || from.untracks() || to.untracks()
			if own == Allowed {
				answers = append(answers, w.answer(j, from, to, w.untracked))
			}
			switch {
			case first:
				verdict, decision, first = own, w.decided(own), false
			case own != verdict:
				verdict = Unknown
				decision = Decision{Node: j.host.name, Why: whyInterface}
				if j.mapped {
					decision.Why = whyAddresses
				}
			}
		}
	}
	return finding{verdict, decision, oneAnswer(answers)}
}

// oneAnswer is the answer at a node when it is not known which of the doors it takes.
func oneAnswer(all []*Return) *Return {
	at := slices.IndexFunc(all, func(a *Return) bool { return a != nil })
	if at < 0 {
		return nil
	}
	for _, other := range all {
		if other == nil || other.Verdict != all[at].Verdict {
			all[at].Verdict = Unknown
			all[at].Decision.Why = "the interface is not known, and the answer depends on it"
			all[at].Decision.Rule = nil
		}
	}
	return all[at]
}

// untracks tells whether doNotTrack policies are asked at a door.
func (d *door) untracks() bool {
	return d != nil && d.class.untracks()
}

// orNone has one nil where there is no door.
func orNone(doors []*door) []*door {
	if len(doors) == 0 {
		return []*door{nil}
	}
	return doors
}

// partial tells whether something of the packet is not known.
func (j *judgement) partial() bool { return j.before.first != j.before.last }

// exact is the verdict over all that a packet may be. Rules that match parts of it may
// all come to the same end, which they do not show one by one.
func (e *Engine) exact(j *judgement, from, to *door) Verdict {
	s := slicer{table: e.table}
	reached := e.reach(s.outcome(j, from, to), j.before)
	switch {
	case e.err != nil:
		return Unknown
	case reached == 1<<allow:
		return Allowed
	case reached == 1<<deny:
		return Denied
	default:
		return Unknown
	}
}
