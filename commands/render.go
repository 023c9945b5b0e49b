package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/render"
	"github.com/edfb3db0/calicoctl/resources"
)

// formatNft is the only value of --output.
const formatNft = "nft"

type renderOptions struct {
	deps   *Deps
	global *globalOptions
	questionFlags
	node   string
	format string
}

func newRender(d *Deps, g *globalOptions) *cobra.Command {
	o := &renderOptions{deps: d, global: g}
	cmd := &cobra.Command{
		Use:   "render NODE",
		Short: "Print what policy means for a node as an nftables ruleset",
		Long: `Print what host endpoints, policies, profiles and failsafe ports mean for one node, as a ruleset that nft can load: one table, with a chain for each endpoint, stage and tier, and a comment on each rule that names where it comes from. Nothing is loaded anywhere.

The ruleset is for reading, and for a host that you want to inspect: "nft list ruleset" shows there how often each rule was met. It is no replacement for calico-node, which follows changes. What depends on facts that no object here has is left out, with a warning.
` + exitStatus,
		Example: `  calicoctl render node1 > node1.nft
  calicoctl render node1 -f manifests/ --base none`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(args); err != nil {
				return err
			}
			return runRender(cmd.Context(), o)
		},
	}
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return objectNames(cmd.Context(), d, g, o.config, resources.Node, nil), cobra.ShellCompDirectiveNoFileComp
	}
	o.add(cmd)
	cmd.Flags().StringVarP(&o.format, "output", "o", formatNft, "the format: "+formatNft)
	complete(cmd, "output", []string{formatNft})
	return cmd
}

func (o *renderOptions) complete(args []string) error {
	switch {
	case o.format != formatNft:
		return fmt.Errorf("unknown output format %q; write %s", o.format, formatNft)
	case len(args) == 0:
		return errors.New("no node: write the name of one")
	case len(args) > 1 && len(o.files) == 0:
		return fmt.Errorf("unknown argument %q; render one node at a time", args[1])
	}
	o.node = args[0]
	return o.check(o.deps, args[1:])
}

func runRender(ctx context.Context, o *renderOptions) error {
	_, world, err := o.worlds(ctx, o.deps, o.global)
	if err != nil {
		return err
	}
	if names := world.nodeNames(); !slices.Contains(names, o.node) {
		problem := fmt.Sprintf("there is no node %s", o.node)
		if near, ok := resources.Nearest(o.node, names); ok {
			problem += "; did you mean " + near + "?"
		}
		return errors.New(problem)
	}
	result, err := render.Nft(world.snapshot(), o.node)
	if err != nil {
		return fmt.Errorf("node %s cannot be rendered: %w", o.node, err)
	}
	for _, about := range result.Omitted {
		o.deps.warn("left out, " + about)
	}
	_, err = io.WriteString(o.deps.Out, result.Text)
	return err
}
