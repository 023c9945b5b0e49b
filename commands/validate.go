package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/output"
	"github.com/edfb3db0/calicoctl/resources"
)

type validateOptions struct {
	deps *Deps
	fileFlags
	output string
}

func newValidate(d *Deps) *cobra.Command {
	o := &validateOptions{deps: d}
	cmd := &cobra.Command{
		Use:   "validate -f FILE",
		Short: "Check manifests without a datastore",
		Long: `Check manifests as create, apply and replace do before they write, and report every mistake with its file, line and field. No datastore is needed or read.

With -o json, standard output is a list of findings, each with severity (error or warning), file, line, column, object, path and message.
` + exitStatus,
		Example: `  calicoctl validate -f policy.yaml
  calicoctl validate -f manifests/ -R -o json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.need(o.deps, args); err != nil {
				return err
			}
			if o.output == "json" {
				return runValidateJSON(cmd.Context(), o)
			}
			if o.output != "" {
				return fmt.Errorf("unrecognized output format '%s'; the one format is json", o.output)
			}
			return runValidate(cmd.Context(), o)
		},
	}
	o.add(cmd)
	cmd.Flags().Lookup("config").Usage = "not read: checking needs no datastore"
	cmd.Flags().StringVarP(&o.output, "output", "o", "", "json: the findings for machines")
	complete(cmd, "output", []string{"json"})
	return cmd
}

func runValidate(ctx context.Context, o *validateOptions) error {
	input, err := o.read(ctx, o.deps, nil)
	if errors.Is(err, errNoObjects) {
		_, err := fmt.Fprintln(o.deps.Out, errNoObjects)
		return err
	}
	if err != nil {
		return err
	}
	items := input.Items
	invalid := checked(items, o.namespace)
	mistakes := inOrder(invalid, len(items))
	o.deps.warnAbout(input.Warnings, mistakes)
	report := outcome{
		verb: "validate", past: "validated", kind: kindOf(items),
		total: len(items), ok: len(items) - len(invalid), errs: o.deps.mistakeLines(mistakes),
	}
	return report.report(o.deps)
}

// finding is a mistake in the form that machines read.
type finding struct {
	Severity string `json:"severity"`
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Object   string `json:"object,omitempty"`
	Path     string `json:"path,omitempty"`
	Message  string `json:"message"`
}

func findings(severity string, mistakes []manifest.Mistake) []finding {
	out := make([]finding, len(mistakes))
	for i, m := range mistakes {
		out[i] = finding{severity, m.File, m.Line, m.Column, m.Object, m.Path, m.Text}
	}
	return out
}

func runValidateJSON(ctx context.Context, o *validateOptions) error {
	result, err := o.parse(ctx, o.deps, nil)
	wrong, unread := errors.AsType[manifest.Mistakes](err)
	switch {
	case errors.Is(err, errNoObjects):
		result = &manifest.Result{}
	case err != nil && !unread:
		return err
	}
	wrong = withBrokenRules(wrong, result, o.namespace)
	found := findings("error", wrong)
	found = append(found, findings("warning", result.Warnings)...)
	text, err := json.MarshalIndent(found, "", "  ")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(o.deps.Out, output.EscapeLines(string(resources.YAMLSafeJSON(text)))); err != nil {
		return err
	}
	if len(wrong) > 0 {
		return errors.New(countMistakes(wrong))
	}
	return nil
}
