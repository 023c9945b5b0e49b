package commands

import (
	"fmt"
	"strings"
	"time"

	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/policytest"
)

// What becomes of a test.
const (
	testPassed  = "passed"
	testFailed  = "failed"
	testUnknown = "unknown"
)

// testResult is what became of a test.
type testResult struct {
	Name   string `json:"name"`
	File   string `json:"file"`
	Line   int    `json:"line"`
	Status string `json:"status"`
	// Problems are one for each service that is not treated as expected.
	Problems []testProblem `json:"problems,omitempty"`

	at   manifest.Position
	took time.Duration
}

// testProblem is a service that is not treated as expected, with a packet that shows it.
type testProblem struct {
	Service string         `json:"service"`
	Want    policy.Verdict `json:"want"`
	// Trace is that of a packet.
	Trace traceAnswer `json:"trace"`

	text string
}

// run asks about all tests. The tests that cannot be asked about come back as manifest.Mistakes.
func (s *suite) run(tests []policytest.Test, now func() time.Time) ([]testResult, error) {
	results := make([]testResult, len(tests))
	for i, t := range tests {
		started := now()
		results[i] = s.test(t)
		results[i].took = now().Sub(started)
	}
	if err := cannotTell(s.engine); err != nil {
		return nil, err
	}
	if len(s.mistakes) > 0 {
		return nil, s.mistakes
	}
	return results, nil
}

func (s *suite) test(t policytest.Test) testResult {
	result := testResult{Name: t.Name, File: t.Position.File, Line: t.Position.Line, Status: testPassed, at: t.Position}
	questions, ok := s.questions(t)
	if !ok {
		return result
	}
	checked := map[int]bool{}
	for _, part := range []struct {
		want     policy.Verdict
		services []policytest.Service
	}{{policy.Allowed, t.Allow}, {policy.Denied, t.Deny}} {
		for i, answers := range s.ask(questions, part.services) {
			if service := part.services[i]; s.present(t, service, answers, checked) {
				s.judge(&result, service.Text, part.want, answers)
			}
		}
	}
	return result
}

// questions are a test without its services: one, or one for each host endpoint that is an end of it.
func (s *suite) questions(t policytest.Test) (all []policy.Question, ok bool) {
	before := len(s.mistakes)
	if len(t.To) == 1 && t.To[0].Text == policytest.Self {
		from := s.end(t.From, "from")
		q := policy.Question{Path: policy.Local}
		q.Nodes = func(name string) bool { return from.has[name] }
		if len(from.nodes) == 0 && from.problem == "" {
			s.mistakes = append(s.mistakes, manifest.Mistake{Position: t.Position, Object: t.Name, Text: "\"to: self\" is for nodes: name some in from"})
		}
		return []policy.Question{q}, len(s.mistakes) == before
	}
	on, except := s.end(t.On, "on"), s.end(t.Except, "except")
	targets := s.eachEnd(t.To, "to")
	for _, from := range s.eachEnd(t.From, "from") {
		for _, to := range targets {
			q := policy.Question{
				Path: t.Path, From: without(from.addresses, except.addresses), To: without(to.addresses, except.addresses),
				FromEndpoint: from.endpoint, ToEndpoint: to.endpoint,
			}
			if len(t.On) > 0 {
				q.Nodes = func(name string) bool { return on.has[name] }
			}
			all = append(all, q)
		}
	}
	return all, len(s.mistakes) == before
}

// ask asks about each service.
func (s *suite) ask(questions []policy.Question, services []policytest.Service) [][]policy.Answer {
	answers := make([][]policy.Answer, len(services))
	for i, service := range services {
		box := service.Box
		for _, q := range questions {
			q.Services = []policy.Box{box}
			if q.Path == policy.Local && box.IPVersion == 0 { // loopback has both families, and a node maybe not
				q.Services[0].IPVersion = s.ends.cluster.family()
			}
			answers[i] = append(answers[i], s.asker.Ask(q)...)
		}
	}
	return answers
}

// judge looks for a packet that is not treated as expected: one that certainly is not, one whose answer is dropped, or else
// one of which it is not known.
func (s *suite) judge(r *testResult, service string, want policy.Verdict, answers []policy.Answer) {
	wrong := []func(a *policy.Answer) policy.Set{
		func(a *policy.Answer) policy.Set { return a.Denied },
		func(a *policy.Answer) policy.Set { return a.Unanswered },
	}
	if want == policy.Denied {
		wrong = []func(a *policy.Answer) policy.Set{func(a *policy.Answer) policy.Set { return a.Allowed }}
	}
	if s.found(r, service, want, answers, wrong...) {
		r.Status = testFailed
		return
	}
	if s.found(r, service, want, answers, func(a *policy.Answer) policy.Set { return a.Unknown }) && r.Status != testFailed {
		r.Status = testUnknown
	}
}

// found shows the first packet of one of the sets, if there is any.
func (s *suite) found(r *testResult, service string, want policy.Verdict, answers []policy.Answer, sets ...func(*policy.Answer) policy.Set) bool {
	for _, set := range sets {
		for i := range answers {
			a := &answers[i]
			if flow, ok := a.Flow(set(a)); ok {
				r.Problems = append(r.Problems, s.problem(service, want, flow))
				return true
			}
		}
	}
	return false
}

// problem shows a packet that is not treated as expected.
func (s *suite) problem(service string, want policy.Verdict, f policy.Flow) testProblem {
	p := testProblem{Service: service, Want: want}
	trace, err := s.engine.Trace(f)
	if err != nil {
		p.text = fmt.Sprintf("%s should be %s: %s", service, verdictWords(want), err)
		return p
	}
	p.Trace = s.answer(f, trace)
	p.Trace.Flow, p.Trace.Hosts = &trace.Flow, s.hosts(trace)
	is := verdictWords(trace.Verdict)
	if trace.Verdict == want && trace.Return != nil {
		is += ", but its answer is dropped"
	}
	p.text = fmt.Sprintf("%s should be %s, and is %s", service, verdictWords(want), is)
	q := flowQuestion{From: f.From.String(), To: f.To.String()}
	p.text += ":\n" + indent(s.explanation(q, f, trace), "  ")
	return p
}

func indent(text, by string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			b.WriteString(by)
		}
		b.WriteString(line)
	}
	return b.String()
}
