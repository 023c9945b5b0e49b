package commands

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	pages "github.com/edfb3db0/calicoctl/docs/lint"
	"github.com/edfb3db0/calicoctl/lint"
	"github.com/edfb3db0/calicoctl/manifest"
)

// The parts of the format that are used here, with the names that it has for them.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string       `json:"id"`
		Name             string       `json:"name"`
		ShortDescription sarifText    `json:"shortDescription"`
		Help             sarifText    `json:"help"`
		Default          sarifDefault `json:"defaultConfiguration"`
	}
	sarifDefault struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Related      []sarifLocation    `json:"relatedLocations,omitempty"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifLocation struct {
		ID       int            `json:"id,omitempty"`
		Message  *sarifText     `json:"message,omitempty"`
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
)

// sarifSchema is where the published schema of the format is.
const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// sarifLevels are the format's words for severities.
var sarifLevels = map[lint.Severity]string{lint.Error: "error", lint.Warning: "warning", lint.Hint: "note"}

func (r *lintReport) writeSARIF(out io.Writer, build Build) error {
	driver := sarifDriver{Name: "calicoctl lint", Version: build.Version}
	index := map[string]int{}
	for i, c := range lint.Codes() {
		page, err := pages.Page(c.ID)
		if err != nil {
			return err
		}
		index[c.ID] = i
		driver.Rules = append(driver.Rules, sarifRule{
			ID: c.ID, Name: c.Name, ShortDescription: sarifText{Text: c.Summary},
			Help: sarifText{Text: c.Summary, Markdown: string(page)}, Default: sarifDefault{sarifLevels[c.Severity]},
		})
	}
	run := sarifRun{Tool: sarifTool{driver}, ColumnKind: "unicodeCodePoints", Results: []sarifResult{}}
	for i := range r.findings {
		run.Results = append(run.Results, r.findings[i].sarif(index))
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(sarifLog{sarifSchema, "2.1.0", []sarifRun{run}})
}

func (f *lintFinding) sarif(index map[string]int) sarifResult {
	text := []string{f.subject() + ": " + f.Message}
	result := sarifResult{
		RuleID: f.Code, RuleIndex: index[f.Code], Level: sarifLevels[f.Severity],
		Locations: []sarifLocation{{Physical: sarifPlace(f.at), Logical: []sarifLogical{{f.subject(), "object"}}}},
	}
	for i := range f.Proof {
		p := &f.Proof[i]
		text = append(text, p.String())
		if place := sarifPlace(p.other); place != nil {
			result.Related = append(result.Related, sarifLocation{ID: len(result.Related) + 1, Message: &sarifText{Text: p.Text}, Physical: place})
		}
	}
	result.Message = sarifText{Text: strings.Join(text, "\n")}
	if f.Suppressed != "" {
		result.Suppressions = []sarifSuppression{{"inSource", f.Suppressed}}
	}
	return result
}

// sarifPlace is a place in a file, nil if there is none.
func sarifPlace(at manifest.Position) *sarifPhysical {
	if at.File == "" {
		return nil
	}
	uri := url.URL{Path: filepath.ToSlash(at.File)}
	if filepath.IsAbs(at.File) {
		uri.Scheme = "file"
	}
	place := &sarifPhysical{Artifact: sarifArtifact{uri.String()}}
	if at.Line > 0 {
		place.Region = &sarifRegion{at.Line, at.Column}
	}
	return place
}
