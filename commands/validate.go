package commands

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

type validateOptions struct {
	deps *Deps
	fileFlags
}

func newValidate(d *Deps) *cobra.Command {
	o := &validateOptions{deps: d}
	cmd := &cobra.Command{
		Use:   "validate -f FILE",
		Short: "Check manifests without a datastore",
		Long: `Check manifests as create, apply and replace do before they write, and report every mistake with its file, line and field. No datastore is needed or read.
` + exitStatus,
		Example: `  calicoctl validate -f policy.yaml
  calicoctl validate -f manifests/ -R`,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := o.need(args); err != nil {
				return err
			}
			return runValidate(o)
		},
	}
	o.add(cmd)
	return cmd
}

func runValidate(o *validateOptions) error {
	items, err := o.read(o.deps)
	if errors.Is(err, errNoObjects) {
		_, err := fmt.Fprintln(o.deps.Out, errNoObjects)
		return err
	}
	if err != nil {
		return err
	}
	invalid := checked(items, o.namespace)
	report := outcome{
		verb: "validate", past: "validated", kind: kindOf(items),
		total: len(items), ok: len(items) - len(invalid), errs: o.deps.mistakeLines(inOrder(invalid, len(items))),
	}
	return report.report(o.deps)
}
