package commands

import (
	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/datastore"
)

func newReplace(d *Deps, g *globalOptions) *cobra.Command {
	o := &writeOptions{deps: d, global: g, verb: datastore.Replace, past: "replaced"}
	return o.command("replace -f FILE", "Replace objects that exist",
		"Replace stored objects with those of manifests. An object that does not exist is an error.",
		`  calicoctl replace -f policy.yaml
  calicoctl get gnp web -o yaml > web.yaml && calicoctl replace -f web.yaml`)
}
