package commands

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/lint"
	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/output"
	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
)

// lintReport is findings with their places in manifests.
type lintReport struct {
	world    *world
	words    *words
	engine   *policy.Engine
	findings []lintFinding
	// boxes tells that proofs have their Boxes.
	boxes bool
	// counts are of the findings that count.
	counts     map[lint.Severity]int
	suppressed int
}

// lintFinding is a finding as machines read it.
type lintFinding struct {
	Code       string        `json:"code"`
	Name       string        `json:"name"`
	Severity   lint.Severity `json:"severity"`
	Kind       string        `json:"kind"`
	ObjectName string        `json:"object"`
	Path       string        `json:"path,omitempty"`
	File       string        `json:"file,omitempty"`
	Line       int           `json:"line,omitempty"`
	Column     int           `json:"column,omitempty"`
	Message    string        `json:"message"`
	Proof      []lintProof   `json:"proof"`
	Suppressed string        `json:"suppressed,omitempty"`
	key        resources.Key
	at         manifest.Position
}

// lintProof is one fact.
type lintProof struct {
	Text string `json:"text"`
	// Kind, Object, Path and At name another rule or object that the fact is about.
	Kind   string `json:"kind,omitempty"`
	Object string `json:"object,omitempty"`
	Path   string `json:"path,omitempty"`
	At     string `json:"at,omitempty"`
	// Endpoints are all that are meant.
	Endpoints []string `json:"endpoints,omitempty"`
	// Traffic is packets in words, and Boxes the same in full.
	Traffic []string     `json:"traffic,omitempty"`
	Boxes   []policy.Box `json:"boxes,omitempty"`
	Flow    *policy.Flow `json:"flow,omitempty"`
	// Because says what decides about the flow.
	Because string `json:"because,omitempty"`
	// brief is Traffic for people: what is long is cut.
	brief string
	other manifest.Position
}

// newLintReport puts a result into words. With boxes, which one format has, traffic is written out in full too.
func newLintReport(w *world, r lint.Result, boxes bool) *lintReport {
	report := &lintReport{
		world: w, boxes: boxes, words: newWords(newCluster(w), r.Engine.Space()), engine: r.Engine, findings: []lintFinding{}, counts: map[lint.Severity]int{},
	}
	for _, f := range r.Findings {
		at := w.position(f.Place.Key, f.Place.Path)
		own := lintFinding{
			Code: f.Code.ID, Name: f.Code.Name, Severity: f.Severity, Kind: f.Place.Kind.Name, ObjectName: f.Place.Name,
			Path: f.Place.Path, File: at.File, Line: at.Line, Column: at.Column, Message: f.Text, Suppressed: f.Suppressed,
			key: f.Place.Key, at: at,
		}
		for _, p := range f.Proof {
			own.Proof = append(own.Proof, report.proof(p))
		}
		if f.Suppressed != "" {
			report.suppressed++
		} else {
			report.counts[f.Severity]++
		}
		report.findings = append(report.findings, own)
	}
	// What is written in files comes first, in their order; findings without a place keep theirs.
	slices.SortStableFunc(report.findings, func(a, b lintFinding) int {
		return cmp.Or(cmp.Compare(written(b), written(a)), strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return report
}

// written is 1 for what is written in a file.
func written(f lintFinding) int { return min(len(f.File), 1) }

// position is where an object or a field of it is written.
func (w *world) position(key resources.Key, path string) manifest.Position {
	if item, ok := w.items[key]; ok {
		return item.Mistake(path, "").Position
	}
	return manifest.Position{}
}

func (r *lintReport) proof(p lint.Proof) lintProof {
	own := lintProof{Text: p.Text, Endpoints: p.Endpoints, Flow: p.Flow}
	if p.At != nil {
		own.other = r.world.position(p.At.Key, p.At.Path)
		own.Kind, own.Object, own.Path, own.At = p.At.Kind.Name, p.At.Name, p.At.Path, own.other.String()
	}
	if !p.Traffic.Empty() {
		own.Traffic, own.brief = r.words.brief(p.Traffic, p.Path)
		if r.boxes {
			own.Boxes = p.Traffic.Boxes()
		}
	}
	if p.Flow != nil {
		if trace, err := r.engine.Judge(*p.Flow); err == nil {
			own.Because = r.world.decision(r.engine, *p.Flow, trace.Decision)
		}
	}
	return own
}

func (r *lintReport) writeJSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(struct {
		Findings   []lintFinding `json:"findings"`
		Errors     int           `json:"errors"`
		Warnings   int           `json:"warnings"`
		Hints      int           `json:"hints"`
		Suppressed int           `json:"suppressed"`
	}{r.findings, r.counts[lint.Error], r.counts[lint.Warning], r.counts[lint.Hint], r.suppressed})
}

// String is the report for people. Suppressed findings are only counted.
func (r *lintReport) String() string {
	var b strings.Builder
	for _, f := range r.findings {
		if f.Suppressed != "" {
			continue
		}
		b.WriteString(output.Escape(f.heading()) + "\n")
		for _, p := range f.Proof {
			b.WriteString("    " + output.Escape(p.String()) + "\n")
		}
	}
	b.WriteString(r.summary() + "\n")
	return b.String()
}

func (f *lintFinding) heading() string {
	text := fmt.Sprintf("%s: %s: %s (%s)", f.Severity, f.subject(), f.Message, f.Code)
	if at := f.at.String(); at != "" {
		return at + ": " + text
	}
	return text
}

// subject names the object and the field.
func (f *lintFinding) subject() string {
	if f.Path == "" {
		return f.key.String()
	}
	return f.key.String() + " " + f.Path
}

// shownTraffic is how many kinds of traffic, and shownEndpoints how many endpoints, are named one by one.
const (
	shownTraffic   = 4
	shownEndpoints = 3
)

func (p *lintProof) String() string {
	text := p.Text
	if p.Object != "" {
		subject := strings.TrimSpace(fmt.Sprintf("%s(%s) %s", p.Kind, p.Object, strings.TrimPrefix(p.Path, "spec.")))
		if p.At != "" {
			subject += " (" + p.At + ")"
		}
		text = subject + " " + text
	}
	if len(p.Traffic) > 0 {
		text += ": " + p.brief
	}
	if len(p.Endpoints) > 0 && len(p.Traffic) > 0 {
		text += ", on " + few(p.Endpoints, shownEndpoints, ", ")
	} else if len(p.Endpoints) > 0 {
		text += "; endpoints: " + few(p.Endpoints, shownEndpoints, ", ")
	}
	if p.Because != "" {
		text += ", because " + p.Because
	}
	return text
}

// few is the first of some words, and how many more there are.
func few(words []string, shown int, between string) string {
	return strings.Join(words[:min(len(words), shown)], between) + andMore(len(words)-shown)
}

func (r *lintReport) summary() string {
	total := r.counts[lint.Error] + r.counts[lint.Warning] + r.counts[lint.Hint]
	text := "nothing found"
	if total > 0 {
		var parts []string
		for _, s := range []lint.Severity{lint.Error, lint.Warning, lint.Hint} {
			if n := r.counts[s]; n > 0 {
				parts = append(parts, count(n, string(s)))
			}
		}
		text = count(total, "finding") + ": " + strings.Join(parts, ", ")
	}
	if r.suppressed > 0 {
		text += fmt.Sprintf("; %d suppressed", r.suppressed)
	}
	return text
}
