package commands

import (
	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/datastore"
)

func newCreate(d *Deps, g *globalOptions) *cobra.Command {
	o := &writeOptions{deps: d, global: g, verb: datastore.Create, past: "created"}
	cmd := o.command("create -f FILE", "Create objects that do not exist yet",
		"Create the objects of manifests. An object that exists already is an error, unless --skip-exists is given.",
		`  calicoctl create -f policy.yaml
  calicoctl create -f manifests/ -R --skip-exists`)
	cmd.Flags().BoolVar(&o.skipExisting, "skip-exists", false, "leave objects alone that exist already")
	return cmd
}
