package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

type deleteOptions struct {
	deps   *Deps
	global *globalOptions
	fileFlags
	guardFlags
	skipMissing bool
	atomic      bool
	kind        *resources.Kind
	names       []string
}

func newDelete(d *Deps, g *globalOptions) *cobra.Command {
	o := &deleteOptions{deps: d, global: g}
	cmd := &cobra.Command{
		Use:   "delete (KIND NAME... | -f FILE)",
		Short: "Delete objects",
		Long: `Delete objects by name, or those that manifests name. A resourceVersion in a manifest must be that of the stored object.

With a node go the host endpoints and configurations that are that node's. A tier that still has policies stays.
` + guardedExitStatus,
		Example: `  calicoctl delete gnp allow-all-to-masters
  calicoctl delete hep node1-eth0 node2-eth0 --skip-not-exists
  calicoctl delete -f policy.yaml`,
		ValidArgsFunction: completeObjects(d, g, &o.config, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(args); err != nil {
				return err
			}
			return runDelete(cmd.Context(), o)
		},
	}
	o.fileFlags.add(cmd)
	o.guardFlags.add(cmd)
	cmd.Flags().BoolVarP(&o.skipMissing, "skip-not-exists", "s", false, "make a missing object no error")
	cmd.Flags().BoolVar(&o.atomic, "atomic", false, "delete everything or, if one object fails, nothing")
	return cmd
}

func (o *deleteOptions) complete(args []string) error {
	switch {
	case len(o.files) > 0 && len(args) > 0:
		return fmt.Errorf("give either -f or %s, not both: which objects to delete is not clear", strings.Join(args, " "))
	case len(o.files) > 0:
		return nil
	case len(args) == 0:
		return errors.New("nothing to delete: write a kind and names (calicoctl delete hep NAME), or -f FILE")
	}
	kind, ok := resources.ByWord(args[0])
	if !ok {
		return unsupportedKind(args[0])
	}
	if len(args) == 1 {
		return errors.New("resource name may not be empty: write the names of the objects to delete")
	}
	if err := notEmpty(args[1:]); err != nil {
		return err
	}
	o.kind, o.names = kind, args[1:]
	return nil
}

func runDelete(ctx context.Context, o *deleteOptions) error {
	d := o.deps
	started := d.Now()
	targets, err := o.targets(ctx)
	if errors.Is(err, errNoObjects) {
		_, err := fmt.Fprintln(d.Out, errNoObjects)
		return err
	}
	if err != nil {
		return err
	}
	s, err := openGuarded(ctx, d, o.global, &o.storeFlags, o.guardFlags, writing)
	if err != nil {
		return err
	}
	defer s.close()
	var results []datastore.Result
	automatic, err := s.change(ctx, attempt{write: func(tx datastore.Store) error {
		step, done := s.progress(len(targets))
		defer done()
		var err error
		results, err = datastore.DeleteAll(ctx, tx, targets, datastore.DeleteOptions{
			SkipMissing: o.skipMissing, Together: o.atomic, Progress: step,
		})
		return err
	}, results: &results, keep: func() bool { return !o.atomic || len(datastore.Failed(results)) == 0 }})
	if err != nil {
		_, err = s.cutShort(results, err)
		return err
	}
	return o.report(results, func() { d.summarize(results, automatic, started) })
}

// report writes how many objects are gone to standard output, and returns the failures,
// one a line, as the command's error.
func (o *deleteOptions) report(results []datastore.Result, summarize func()) error {
	kind := resultKind(results)
	var lines []string
	for _, r := range results {
		if r.Err != nil {
			lines = append(lines, fmt.Sprintf("Failed to delete%s resource: %s", kind, r.Err))
		}
	}
	if o.atomic && len(lines) > 0 {
		return errors.New(strings.Join(append(lines, "nothing was deleted, as --atomic asks"), "\n"))
	}
	summarize()
	deleted := len(results) - len(lines) - skipped(o.deps, results, "does not exist")
	if deleted > 0 || len(lines) == 0 {
		if _, err := fmt.Fprintf(o.deps.Out, "Successfully deleted %d%s resource(s)\n", deleted, kind); err != nil {
			return err
		}
	}
	if len(lines) > 0 {
		return errors.New(strings.Join(lines, "\n"))
	}
	return nil
}

// resultKind is " 'Kind'" if all results are of one kind.
func resultKind(results []datastore.Result) string {
	for _, r := range results {
		if r.Key.Kind != results[0].Key.Kind {
			return ""
		}
	}
	return " '" + results[0].Key.Kind.Name + "'"
}

func (o *deleteOptions) targets(ctx context.Context) ([]datastore.Target, error) {
	if len(o.files) == 0 {
		if err := notNamespaced(o.kind, o.namespace); err != nil {
			return nil, said(fmt.Sprintf("Failed to delete '%s' resource: %s", o.kind.Name, err))
		}
		targets := make([]datastore.Target, len(o.names))
		for i, name := range o.names {
			targets[i].Key = o.kind.Key(name)
		}
		return targets, nil
	}
	input, err := o.read(ctx, o.deps, o.global)
	if err != nil {
		return nil, err
	}
	o.deps.warnAbout(input.Warnings, nil)
	targets := make([]datastore.Target, len(input.Items))
	for i, item := range input.Items {
		namespace := o.namespace + item.Object.GetNamespace()
		if err := notNamespaced(item.Kind, namespace); err != nil {
			return nil, said(fmt.Sprintf("Failed to delete '%s' resource: %s: %s", item.Kind.Name, item.Position, err))
		}
		targets[i] = datastore.Target{
			Key: item.Kind.Key(item.Object.GetName()), ResourceVersion: item.Object.GetResourceVersion(),
		}
	}
	return targets, nil
}
