package commands

import (
	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/datastore"
)

func newApply(d *Deps, g *globalOptions) *cobra.Command {
	o := &writeOptions{deps: d, global: g, verb: datastore.Apply, past: "applied"}
	cmd := o.command("apply -f FILE", "Create objects, or bring those that exist in line",
		"Make the stored objects as manifests say: create those that are missing and replace those that differ.",
		`  calicoctl apply -f policy.yaml
  kubectl get nodes -o yaml | calicoctl apply -f -
  calicoctl apply --dry-run -f manifests/ -R`)
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "write nothing; say what would be created, configured or left unchanged")
	cmd.Flags().StringArrayVar(&o.tests, "tests", nil, "a `file` of policy tests that must pass for the datastore as it would be: if one does not, nothing is written; may be repeated")
	return cmd
}
