package commands

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/output"
	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/policytest"
)

func passedOf(results []testResult) int {
	passed := 0
	for _, r := range results {
		if r.Status == testPassed {
			passed++
		}
	}
	return passed
}

// testReport shows what did not pass, and counts all.
func testReport(results []testResult) string {
	var b strings.Builder
	counts := map[string]int{}
	for _, r := range results {
		counts[r.Status]++
		if r.Status != testPassed {
			fmt.Fprintf(&b, "%s: %s: %s\n", output.EscapeLines(r.at.String()), r.Status, output.EscapeLines(r.Name))
			b.WriteString(indent(r.details(), "  ") + "\n")
		}
	}
	fmt.Fprintf(&b, "%s: %d passed", count(len(results), "test"), counts[testPassed])
	for _, status := range []string{testFailed, testUnknown} {
		if counts[status] > 0 {
			fmt.Fprintf(&b, ", %d %s", counts[status], status)
		}
	}
	b.WriteString("\n")
	return b.String()
}

// details are all problems of a test.
func (r testResult) details() string {
	texts := make([]string, len(r.Problems))
	for i, p := range r.Problems {
		texts[i] = strings.TrimSuffix(p.text, "\n") + "\n"
	}
	return strings.Join(texts, "\n")
}

func writeJUnit(file string, results []testResult, at time.Time) error {
	cases := make([]policytest.Case, len(results))
	for i, r := range results {
		cases[i] = policytest.Case{
			Name: r.Name, File: r.File, Line: r.Line, Details: r.details(), Unknown: r.Status == testUnknown, Took: r.took,
		}
		if len(r.Problems) > 0 {
			first, _, _ := strings.Cut(r.Problems[0].text, "\n")
			cases[i].Failure = strings.TrimSuffix(first, ":")
		}
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	if err := policytest.WriteJUnit(out, cases, at); err != nil {
		_ = out.Close()
		return fmt.Errorf("%s: %w", file, err)
	}
	return out.Close()
}

// checkTests tries a write, and holds what it comes to against the tests. It returns an error if the write must not be
// made.
func (s *session) checkTests(ctx context.Context, store datastore.Store, a attempt) error {
	if len(s.tests) == 0 {
		return nil
	}
	overlay := datastore.NewOverlay(store)
	s.trying = true
	err := a.write(overlay)
	s.trying = false
	if err != nil || !a.kept() {
		return nil //nolint:nilerr // the write itself will say what is wrong
	}
	changed := overlay.Changed()
	for key := range changed {
		if !slices.Contains(worldKinds, key.Kind) {
			delete(changed, key)
		}
	}
	before, err := readWorld(ctx, s.deps, baseOf{overlay})
	if err != nil {
		return fmt.Errorf("nothing was written: the tests cannot be run: %w", err)
	}
	after := before.changedBy(changed)
	if s.controlled() {
		_, after = inStep(before, after)
	}
	results, err := newSuite(ctx, s.deps, after).run(s.tests, s.deps.Now)
	if err != nil {
		return fmt.Errorf("nothing was written: %w", s.deps.testMistakes(err))
	}
	if _, err := io.WriteString(s.deps.Err, testReport(results)); err != nil {
		return err
	}
	if passedOf(results) < len(results) {
		return answerNo("nothing was written: not all tests pass")
	}
	return nil
}

// coverage is what no test is about.
type coverage struct {
	Rules []coverageRule `json:"rules"`
	// RulesOf is how many rules there are, and FlowsOf how many vital flows.
	RulesOf int            `json:"rulesOf"`
	Flows   []coverageFlow `json:"flows"`
	FlowsOf int            `json:"flowsOf"`
}

type coverageRule struct {
	Policy    string           `json:"policy"`
	Direction policy.Direction `json:"direction"`
	// Rule counts from 0 in the list of the direction.
	Rule int    `json:"rule"`
	At   string `json:"at,omitempty"`
	text string
}

type coverageFlow struct {
	Name string      `json:"name"`
	Path policy.Path `json:"path"`
	text string
}

// coverage finds out what no test was about that has been run: of the rules, and of these vital flows.
func (s *suite) coverage(flows []vitalFlow) *coverage {
	c := &coverage{Rules: []coverageRule{}, Flows: []coverageFlow{}}
	for _, p := range s.engine.Policies() {
		for _, d := range []policy.Direction{policy.Ingress, policy.Egress} {
			if p.Governs(d) {
				c.RulesOf += len(p.Rules(d))
			}
		}
	}
	for _, r := range s.asker.Unexercised() {
		c.Rules = append(c.Rules, coverageRule{
			Policy: r.Object.GetName(), Direction: r.Direction, Rule: r.Index, At: s.ruleAt(r),
			text: fmt.Sprintf("%s %s", ruleText(r), r.Action),
		})
	}
	w := newWords(s.ends.cluster, s.engine.Space())
	vital, meant := s.ends.cluster.vital(flows)
	c.FlowsOf = len(vital)
	for i, v := range vital {
		if s.asker.Asked(v) {
			continue
		}
		peers := w.serviceAndPeers(w.space.Outline(meant[i].withoutClients(v.Boxes[0])), v.Path)
		c.Flows = append(c.Flows, coverageFlow{Name: meant[i].name, Path: v.Path, text: meant[i].name + ": " + peers})
	}
	return c
}

func (c *coverage) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d rules are tested", c.RulesOf-len(c.Rules), c.RulesOf)
	for i, r := range c.Rules {
		if i == 0 {
			b.WriteString("; these are not:")
		}
		b.WriteString("\n  " + output.EscapeLines(r.text))
		if r.At != "" {
			b.WriteString(" (" + output.EscapeLines(r.At) + ")")
		}
	}
	fmt.Fprintf(&b, "\n%d of %d vital flows are tested", c.FlowsOf-len(c.Flows), c.FlowsOf)
	for i, f := range c.Flows {
		if i == 0 {
			b.WriteString("; these are not:")
		}
		b.WriteString("\n  " + output.EscapeLines(f.text))
	}
	return b.String() + "\n"
}
