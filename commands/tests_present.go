package commands

import (
	"fmt"
	"slices"

	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/policytest"
)

// present tells whether there is a packet of a service to judge, for every word of the ends, and makes a mistake of each
// that has none. checked are the IP families for which the words have been looked at: in nothing else does what a service
// is decide who sends and receives it.
func (s *suite) present(t policytest.Test, service policytest.Service, answers []policy.Answer, checked map[int]bool) bool {
	if len(answers) == 0 {
		s.absent(t.Position, "", t.Name, service, "between these ends")
		return false
	}
	if checked[service.Box.IPVersion] {
		return true
	}
	checked[service.Box.IPVersion] = true
	before := len(s.mistakes)
	for _, end := range []struct {
		field, way string
		words      []policytest.Word
	}{{"from", "from", t.From}, {"to", "to", t.To}, {"on", "through", t.On}} {
		if len(end.words) < 2 {
			continue // which the answers are about
		}
		met := s.met(end.field, answers)
		for _, word := range end.words {
			if !met(s.word(word.Text)) {
				s.absent(word.Position, end.field, "", service, end.way+" "+word.Text)
			}
		}
	}
	return len(s.mistakes) == before
}

func (s *suite) absent(at manifest.Position, field, test string, service policytest.Service, where string) {
	s.mistakes = append(s.mistakes, manifest.Mistake{
		Position: at, Path: field, Object: test,
		Text: fmt.Sprintf("there is no packet of %s %s that any node judges: name nodes with addresses, of the IP family that is meant", service.Text, where),
	})
}

// met tells of what a word of a field means whether one of the answers is about it.
func (s *suite) met(field string, answers []policy.Answer) func(testEnd) bool {
	if field == "on" || answers[0].Path == policy.Local {
		judges := map[string]bool{}
		for i := range answers {
			for _, name := range answers[i].Nodes {
				judges[name] = true
			}
		}
		return func(e testEnd) bool {
			return slices.ContainsFunc(e.nodes, func(name string) bool { return judges[name] })
		}
	}
	var all policy.Set
	for i := range answers {
		all = all.Union(answers[i].Allowed).Union(answers[i].Denied).Union(answers[i].Unknown)
	}
	return func(e testEnd) bool {
		box := policy.Box{Sources: e.addresses}
		if field == "to" {
			box = policy.Box{Destinations: e.addresses}
		}
		return len(e.addresses) > 0 && !all.Intersect(s.engine.Space().Set(box)).Empty()
	}
}
