package commands

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/local"
	"github.com/edfb3db0/calicoctl/manifest"
)

// Values of --base.
const (
	baseDatastore = "datastore"
	baseNone      = "none"
)

// questionFlags are the flags of every command that asks what policy does: about the datastore, about manifests
// laid over it, or about manifests alone.
type questionFlags struct {
	fileFlags
	base string
	pods []string
	// workloads are the networks of pods.
	workloads []netip.Prefix
	// controlled is set when the base is open: a controller makes automatic host endpoints there.
	controlled bool
}

func (f *questionFlags) add(cmd *cobra.Command) {
	f.fileFlags.add(cmd)
	cmd.Flags().StringVar(&f.base, "base", baseDatastore, "what the files are laid over: "+baseDatastore+", or "+baseNone+" to look at the files alone")
	cmd.Flags().StringSliceVar(&f.pods, "pods", nil, "`networks` in which an address may be that of a pod, whose labels are not known here: what selectors do with it is unknown")
	complete(cmd, "base", []string{baseDatastore, baseNone})
}

// check refuses flags that do not go together.
func (f *questionFlags) check(d *Deps, args []string) error {
	switch {
	case f.base != baseDatastore && f.base != baseNone:
		return fmt.Errorf("unknown --base %q; write %s or %s", f.base, baseDatastore, baseNone)
	case f.base == baseNone && len(f.files) == 0:
		return errors.New("with --base none there is nothing to look at: write -f FILE")
	}
	if err := f.readPods(); err != nil {
		return err
	}
	if len(f.files) == 0 && len(args) == 0 {
		return nil
	}
	return f.ignore(d, args)
}

func (f *questionFlags) readPods() error {
	for _, text := range f.pods {
		network, err := parseNetwork(text)
		if err != nil {
			return err
		}
		f.workloads = append(f.workloads, network)
	}
	return nil
}

// worlds gives the base, and the base with the files laid over it. Without files both are the same.
// With files, automatic host endpoints are what the controller will make of nodes and configuration.
func (f *questionFlags) worlds(ctx context.Context, d *Deps, g *globalOptions) (before, after *world, err error) {
	items, err := f.items(ctx, d, g)
	if err != nil {
		return nil, nil, err
	}
	store, closeStore, err := f.open(ctx, d, g)
	if err != nil {
		return nil, nil, err
	}
	defer closeStore()
	if before, err = readWorld(ctx, d, store); err != nil {
		return nil, nil, fmt.Errorf("reading the datastore: %w", err)
	}
	before.workloads = f.workloads
	if len(f.files) == 0 {
		return before, before, nil
	}
	after = before.with(items)
	if f.controlled {
		before, after = inStep(before, after)
	}
	return before, after, nil
}

// inStep is both worlds with the automatic host endpoints that the controller makes in them.
func inStep(before, after *world) (*world, *world) {
	_, enabled := before.autoCreates()
	return before.inStep(enabled), after.inStep(enabled)
}

// open opens the base.
func (f *questionFlags) open(ctx context.Context, d *Deps, g *globalOptions) (store datastore.Store, closeStore func(), err error) {
	if f.base == baseNone {
		nothing, err := local.OpenMemory(ctx, local.WithSeed(func(tx datastore.Store) error { return seed(ctx, tx) }))
		if err != nil {
			return nil, nil, err
		}
		f.controlled = true
		return nothing, func() { _ = nothing.Close() }, nil
	}
	config, err := f.configuration(d, g)
	if err != nil {
		return nil, nil, err
	}
	s, err := openConfigured(ctx, d, g, config, reading)
	if err != nil {
		return nil, nil, err
	}
	f.controlled = s.controlled()
	return s.Store, s.close, nil
}

// items are the objects of the files, which must be as valid as for a write.
func (f *questionFlags) items(ctx context.Context, d *Deps, g *globalOptions) ([]manifest.Item, error) {
	if len(f.files) == 0 {
		return nil, nil
	}
	if f.base == baseNone {
		g = nil // no configuration is read
	}
	input, err := f.read(ctx, d, g)
	if errors.Is(err, errNoObjects) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	mistakes := inOrder(checked(input.Items, f.namespace), len(input.Items))
	d.warnAbout(input.Warnings, mistakes)
	d.warnOfRepeats(input.Items, true)
	if len(mistakes) > 0 {
		return nil, errors.New(countMistakes(mistakes) + " in the input\n" + strings.Join(d.mistakeLines(mistakes), "\n"))
	}
	return input.Items, nil
}
