package commands

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	pages "github.com/edfb3db0/calicoctl/docs/lint"
	"github.com/edfb3db0/calicoctl/lint"
)

// formatSARIF is the format of the static analysis results interchange format, version 2.1.0.
const formatSARIF = "sarif"

var lintFormats = []string{formatText, formatJSON, formatSARIF}

// explainAll is what --explain takes for the list of all codes.
const explainAll = "list"

type lintOptions struct {
	deps   *Deps
	global *globalOptions
	questionFlags
	format  string
	explain string
}

func newLint(d *Deps, g *globalOptions) *cobra.Command {
	o := &lintOptions{deps: d, global: g}
	cmd := &cobra.Command{
		Use:   "lint",
		Short: "Find what policies and host endpoints probably do not mean",
		Long: `Look for mistakes that are no mistakes of form: selectors that match nothing, rules that never decide, ports that stay open whatever a policy says. The objects of the datastore are looked at, with manifests laid over them if there are any, as they are stored: also those that are invalid.

Every finding has a code that stays the same, a severity (error, warning or hint), and its proof: packets, the rules that decide before, the endpoints that are meant. --explain CODE explains a code with an example, --explain list lists all.

An object whose annotation lint.calicoctl/CODE gives a reason does not count for that code.

Exit status:
  0    no errors were found; there may be warnings and hints
  1    could not do it, or cannot tell what becomes of traffic and prints what does not depend on that
  3    errors were found
  130  interrupted`,
		Example: `  calicoctl lint
  calicoctl lint -f manifests/ -R --base none
  calicoctl lint -f policy.yaml -o sarif > lint.sarif
  calicoctl lint --explain CL202`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("explain") {
				return runExplain(o)
			}
			if err := o.complete(args); err != nil {
				return err
			}
			return runLint(cmd.Context(), o)
		},
	}
	o.add(cmd)
	cmd.Flags().StringVarP(&o.format, "output", "o", formatText, "the format: "+strings.Join(lintFormats, ", "))
	cmd.Flags().StringVar(&o.explain, "explain", "", "explain the findings of this `code`, or with \""+explainAll+"\" list all codes")
	complete(cmd, "output", lintFormats)
	var ids []string
	for _, c := range lint.Codes() {
		ids = append(ids, c.ID)
	}
	complete(cmd, "explain", append(ids, explainAll))
	return cmd
}

func (o *lintOptions) complete(args []string) error {
	if !slices.Contains(lintFormats, o.format) {
		return fmt.Errorf("unknown output format %q; write %s", o.format, strings.Join(lintFormats, ", "))
	}
	if len(args) > 0 && len(o.files) == 0 {
		return fmt.Errorf("lint looks at everything; for manifests, write -f before %s", args[0])
	}
	return o.check(o.deps, args)
}

func runExplain(o *lintOptions) error {
	if o.explain == explainAll {
		_, err := io.WriteString(o.deps.Out, codeList())
		return err
	}
	code, ok := lint.CodeOf(o.explain)
	if !ok {
		return fmt.Errorf("there is no code %q; --explain %s lists all", o.explain, explainAll)
	}
	page, err := pages.Page(code.ID)
	if err != nil {
		return err
	}
	_, err = o.deps.Out.Write(page)
	return err
}

// codeList is all codes, one a line.
func codeList() string {
	var b strings.Builder
	for _, c := range lint.Codes() {
		fmt.Fprintf(&b, "%s  %-8s %s (%s)\n", c.ID, c.Severity, c.Summary, c.Name)
	}
	return b.String()
}

func runLint(ctx context.Context, o *lintOptions) error {
	w, in, err := o.input(ctx)
	if err != nil {
		return err
	}
	result := lint.Run(in)
	if err := ctx.Err(); err != nil {
		return err
	}
	if s := result.Engine.Snapshot(); len(s.HostEndpoints) == 0 && len(s.GlobalNetworkPolicies) > 0 {
		o.deps.warn("there are no host endpoints here, so nothing is said about what policies do to them")
	}
	unknown := cannotTell(result.Engine)
	report := newLintReport(w, result, o.format == formatJSON)
	if err := cannotTell(result.Engine); err != nil && unknown == nil { // when it was put into words
		return err
	}
	switch o.format {
	case formatJSON:
		err = report.writeJSON(o.deps.Out)
	case formatSARIF:
		err = report.writeSARIF(o.deps.Out, o.deps.Build)
	default:
		_, err = io.WriteString(o.deps.Out, report.String())
	}
	if err != nil {
		return err
	}
	if unknown != nil {
		return unknown
	}
	if report.counts[lint.Error] > 0 {
		return answerNo("")
	}
	return nil
}

// LintIndex is the index of the pages about codes, in Markdown.
func LintIndex() string {
	var b strings.Builder
	b.WriteString("| Code | Name | Severity | Meaning |\n| :-- | :-- | :-- | :-- |\n")
	for _, c := range lint.Codes() {
		fmt.Fprintf(&b, "| [%s](%[1]s.md) | %s | %s | %s |\n", c.ID, c.Name, c.Severity, c.Summary)
	}
	return b.String()
}
