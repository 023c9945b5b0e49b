package commands

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// traceAnswer is what a trace comes to, for programs.
type traceAnswer struct {
	Verdict   policy.Verdict   `json:"verdict"`
	Node      string           `json:"node,omitempty"`
	Interface string           `json:"interface,omitempty"`
	Endpoint  string           `json:"endpoint,omitempty"`
	Stage     policy.StageName `json:"stage,omitempty"`
	Direction policy.Direction `json:"direction,omitempty"`
	By        policy.By        `json:"by,omitempty"`
	Tier      string           `json:"tier,omitempty"`
	Policy    string           `json:"policy,omitempty"`
	Profile   string           `json:"profile,omitempty"`
	// Rule counts from 0 in the list of the direction.
	Rule *int `json:"rule,omitempty"`
	// At is where the rule is written, if a file has it.
	At  string `json:"at,omitempty"`
	Why string `json:"why"`

	// Answer is the answer to a packet that is allowed, where it is dropped or may be.
	Answer *traceAnswer `json:"answer,omitempty"`

	// From and To are the addresses that a part is about, and Parts what becomes of those of the internet that are not of one verdict. The
	// part without them is about all others, or about both ends.
	From  []netip.Prefix `json:"from,omitempty"`
	To    []netip.Prefix `json:"to,omitempty"`
	Parts []traceAnswer  `json:"parts,omitempty"`

	Flow  *policy.Flow `json:"flow,omitempty"`
	Hosts []hostAnswer `json:"hosts,omitempty"`
	Fix   *fix         `json:"fix,omitempty"`
}

// hostAnswer, stageAnswer, listAnswer and ruleAnswer are the steps of a trace.
type hostAnswer struct {
	Node    string         `json:"node"`
	Path    policy.Path    `json:"path"`
	Verdict policy.Verdict `json:"verdict"`
	Stages  []stageAnswer  `json:"stages"`
}

type stageAnswer struct {
	Stage     policy.StageName `json:"stage"`
	Direction policy.Direction `json:"direction"`
	Interface string           `json:"interface"`
	Endpoint  string           `json:"endpoint,omitempty"`
	Outcome   string           `json:"outcome"`
	Lists     []listAnswer     `json:"lists"`
}

type listAnswer struct {
	By      policy.By    `json:"by"`
	Tier    string       `json:"tier,omitempty"`
	Object  string       `json:"object,omitempty"`
	At      string       `json:"at,omitempty"`
	Outcome string       `json:"outcome"`
	Why     string       `json:"why,omitempty"`
	Rules   []ruleAnswer `json:"rules,omitempty"`
}

type ruleAnswer struct {
	Rule   int          `json:"rule"`
	Action v3.Action    `json:"action"`
	At     string       `json:"at,omitempty"`
	Match  policy.Match `json:"match"`
	// Fields are the criteria that the flow does not fit, or of which that cannot be known.
	Fields []string `json:"fields,omitempty"`
	Why    string   `json:"why,omitempty"`
}

// answer is the verdict and what decided.
func (t *tracer) answer(f policy.Flow, trace policy.Trace) traceAnswer {
	a := t.decided(f, trace.Verdict, trace.Decision)
	if r := trace.Return; r != nil {
		a.Answer = new(t.decided(f, r.Verdict, r.Decision))
	}
	return a
}

// decided is a verdict and what decided.
func (t *tracer) decided(f policy.Flow, v policy.Verdict, d policy.Decision) traceAnswer {
	a := traceAnswer{
		Verdict: v, Node: d.Node, Interface: d.Interface, Stage: d.Stage, Direction: d.Direction, By: d.By,
		Tier: d.Tier, Why: t.because(f, v, d),
	}
	if d.Endpoint != nil {
		a.Endpoint = d.Endpoint.Name
	}
	if d.Rule == nil {
		return a
	}
	a.Rule, a.At = &d.Rule.Index, t.ruleAt(*d.Rule)
	switch d.By {
	case policy.ByPolicy:
		a.Policy = d.Rule.Object.GetName()
	case policy.ByProfile:
		a.Profile = d.Rule.Object.GetName()
	}
	return a
}

// because says in a few words what a verdict is owed to.
func (t *tracer) because(f policy.Flow, v policy.Verdict, d policy.Decision) string {
	switch {
	case v == policy.Unknown && d.By == policy.ByFailsafe:
		if f.Protocol.HasPorts() && f.Port == nil && f.DNATPort == nil {
			return fmt.Sprintf("it depends on the port, which the flow does not say, and on whether it is a failsafe port (%s): give --port", d.Rule.Direction)
		}
		return fmt.Sprintf("it depends on %s: %s", t.failsafeText(f, *d.Rule), d.Why)
	case v == policy.Unknown && d.Rule != nil:
		return fmt.Sprintf("it depends on %s: %s", t.world.decision(t.engine, f, d), d.Why)
	case d.Rule != nil && d.By == policy.ByFailsafe:
		return t.failsafeText(f, *d.Rule) + " allows it"
	case d.Rule != nil && v == policy.Allowed:
		return t.world.decision(t.engine, f, d) + " allows it"
	case d.Rule != nil:
		return t.world.decision(t.engine, f, d) + " denies it"
	}
	text, ok := t.ended[d]
	if !ok {
		text = t.world.decision(t.engine, f, d)
		t.ended[d] = text
	}
	return text
}

// ruleAt says in which file a rule is, if it comes from one.
func (t *tracer) ruleAt(r policy.RuleRef) string {
	if r.Object == nil || ruleOf(r) == nil {
		return ""
	}
	return t.world.where(r.Object, fmt.Sprintf("spec.%s[%d]", r.Direction, r.Index))
}

// hosts are the steps of a trace.
func (t *tracer) hosts(trace policy.Trace) []hostAnswer {
	all := make([]hostAnswer, len(trace.Hosts))
	for i, h := range trace.Hosts {
		all[i] = hostAnswer{Node: h.Node, Path: h.Path, Verdict: h.Verdict, Stages: make([]stageAnswer, len(h.Stages))}
		for j, s := range h.Stages {
			stage := stageAnswer{
				Stage: s.Stage, Direction: s.Direction, Interface: s.Interface, Outcome: s.Outcome,
				Lists: make([]listAnswer, len(s.Lists)),
			}
			if s.Endpoint != nil {
				stage.Endpoint = s.Endpoint.Name
			}
			for k, list := range s.Lists {
				stage.Lists[k] = t.list(list)
			}
			all[i].Stages[j] = stage
		}
	}
	return all
}

func (t *tracer) list(list policy.ListTrace) listAnswer {
	a := listAnswer{By: list.By, Tier: list.Tier, Outcome: list.Outcome, Why: list.Why}
	if list.Object != nil {
		key, _ := resources.KeyOf(list.Object)
		a.Object, a.At = key.String(), t.world.where(list.Object, "")
	}
	for _, r := range list.Rules {
		rule := ruleAnswer{
			Rule: r.Rule.Index, Action: r.Rule.Action, Match: r.Match, Fields: r.Fields, Why: r.Why, At: t.ruleAt(r.Rule),
		}
		if len(rule.Fields) == 0 && r.Field != "" {
			rule.Fields = []string{r.Field}
		}
		a.Rules = append(a.Rules, rule)
	}
	return a
}

// shownProblems is how many lines that cannot be answered are told on standard error; the answers tell all.
const shownProblems = 10

// answerFlows answers every line of a file with a line.
func (o *traceOptions) answerFlows(ctx context.Context, t *tracer) error {
	in := o.deps.In
	if o.flows != stdinName {
		file, err := os.Open(o.flows)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	lines := newQuestionLines(in)
	out := bufio.NewWriter(o.deps.Out)
	encoder := json.NewEncoder(out)
	wrong := 0
	for number := 1; lines.next() && ctx.Err() == nil; number++ {
		answer, err := t.answerLine(lines)
		if err != nil {
			wrong++
			text := fmt.Sprintf("%s:%d: %s", o.flows, number, err)
			answer = traceAnswer{Verdict: policy.Unknown, Why: text}
			if wrong <= shownProblems {
				o.deps.complain(text)
			}
		}
		if err := encoder.Encode(answer); err != nil {
			return err
		}
	}
	if err := errors.Join(lines.err, ctx.Err(), out.Flush()); err != nil {
		return fmt.Errorf("%s: %w", o.flows, err)
	}
	if wrong > 0 {
		return fmt.Errorf("%s cannot be answered", count(wrong, "line"))
	}
	return nil
}

// answerLine answers a question in JSON.
func (t *tracer) answerLine(lines *questionLines) (traceAnswer, error) {
	q, err := lines.question()
	if err != nil {
		return traceAnswer{}, err
	}
	if q.From == "" || q.To == "" || q.Protocol == (v3.Protocol{}) {
		return traceAnswer{}, errors.New("a flow needs from, to and protocol")
	}
	if q.Protocol, err = protocolNamed(q.Protocol.String()); err != nil {
		return traceAnswer{}, err
	}
	f, err := t.ends.flow(q)
	if err != nil {
		return traceAnswer{}, err
	}
	parts, err := t.parts(q, f, t.engine.Judge)
	if err != nil {
		return traceAnswer{}, err
	}
	return t.answerOf(f, parts, t.answer), nil
}

// answerOf is the answer for all parts of a flow.
func (t *tracer) answerOf(f policy.Flow, parts []part, answer func(policy.Flow, policy.Trace) traceAnswer) traceAnswer {
	if len(parts) == 1 {
		return answer(f, parts[0].trace)
	}
	all := traceAnswer{Verdict: policy.Unknown, Why: whyParts(parts)}
	for i := range parts {
		one := answer(parts[i].trace.Flow, parts[i].trace)
		if !parts[i].isRest(parts) {
			one.From, one.To = parts[i].from, parts[i].to
		}
		all.Parts = append(all.Parts, one)
	}
	return all
}

// fullAnswer is an answer with the steps to it.
func (t *tracer) fullAnswer(f policy.Flow, parts []part) traceAnswer {
	return t.answerOf(f, parts, func(f policy.Flow, trace policy.Trace) traceAnswer {
		answer := t.answer(f, trace)
		answer.Flow, answer.Hosts = &trace.Flow, t.hosts(trace)
		return answer
	})
}
