package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/output"
	"github.com/edfb3db0/calicoctl/resources"
)

// writeOptions are the options of create, apply and replace.
type writeOptions struct {
	deps   *Deps
	global *globalOptions
	fileFlags
	verb         datastore.Verb
	past         string
	skipExisting bool
	atomic       bool
	dryRun       bool
	tests        []string
	guardFlags
}

// writeHelp is what the help texts of create, apply and replace have in common.
const writeHelp = `

All documents are checked before the first one is written: a document that is invalid stops the command, and nothing is written. What only the datastore can know (an object exists already, is missing, has changed meanwhile) concerns that object alone: the others are written all the same, unless --atomic asks for all or nothing. An object that is stored already as it should be is not written again.

Of an object's metadata only name, labels, annotations and resourceVersion are read. A resourceVersion makes the write fail if the stored object has another one.
` + guardedExitStatus

func (o *writeOptions) command(use, short, long, example string) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long + writeHelp, Example: example,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.need(o.deps, args); err != nil {
				return err
			}
			return runWrite(cmd.Context(), o)
		},
	}
	o.fileFlags.add(cmd)
	o.guardFlags.add(cmd)
	cmd.Flags().BoolVar(&o.atomic, "atomic", false, "write everything or, if one object fails, nothing")
	return cmd
}

func runWrite(ctx context.Context, o *writeOptions) error {
	d := o.deps
	started := d.Now()
	input, err := o.read(ctx, d, o.global)
	if errors.Is(err, errNoObjects) {
		_, err := fmt.Fprintln(d.Out, errNoObjects)
		return err
	}
	if err != nil {
		return err
	}
	items := input.Items
	report := outcome{verb: string(o.verb), past: o.past, kind: kindOf(items), total: len(items)}
	if report.errs = o.refusals(input); len(report.errs) > 0 {
		return report.report(d)
	}
	tests, err := readTests(ctx, d, o.tests, o.files)
	if err != nil {
		return d.testMistakes(err)
	}
	s, err := openGuarded(ctx, d, o.global, &o.storeFlags, o.guardFlags, o.access())
	if err != nil {
		return err
	}
	defer s.close()
	s.tests = tests
	results, automatic, err := o.write(ctx, s, items)
	if err != nil {
		report.ok, err = s.cutShort(results, err)
		return fmt.Errorf("%s\n%w", report.failure(), err)
	}
	for i, r := range results {
		if r.Err != nil {
			report.errs = append(report.errs, fmt.Sprintf("%s: %s", items[i].Position, r.Err))
		}
	}
	d.warnOfIgnored(results)
	report.ok = len(results) - len(report.errs)
	switch {
	case o.atomic && len(report.errs) > 0:
		report.ok = 0
		report.errs = append(report.errs, "nothing was written, as --atomic asks")
	case o.dryRun:
		return o.reportDryRun(results, automatic, report)
	default:
		d.summarize(results, automatic, started)
		report.ok -= skipped(d, results, "exists already")
	}
	return report.report(d)
}

func (o *writeOptions) access() access {
	if o.dryRun {
		return reading
	}
	return writing
}

// refusals are the reasons to write nothing at all: what breaks the rules of its kind.
func (o *writeOptions) refusals(input *manifest.Result) []string {
	input.Warnings = append(input.Warnings, derivedLabelWarnings(input.Items)...) // before the defaults are set
	invalid := checked(input.Items, o.namespace)
	mistakes := inOrder(invalid, len(input.Items))
	o.deps.warnAbout(input.Warnings, mistakes)
	o.deps.warnOfRepeats(input.Items, o.verb != datastore.Create)
	lines := o.deps.mistakeLines(mistakes)
	if valid := len(input.Items) - len(invalid); valid > 0 && len(lines) > 0 {
		lines = append(lines, fmt.Sprintf("nothing was written, not even the %s without a mistake", count(valid, "object")))
	}
	return lines
}

// warnOfRepeats says which objects the input has more than once, and which one counts.
func (d *Deps) warnOfRepeats(items []manifest.Item, last bool) {
	which := "first"
	if last {
		which = "last"
	}
	first := map[resources.Key]manifest.Position{}
	for _, item := range items {
		key := item.Kind.Key(item.Object.GetName())
		if at, ok := first[key]; ok {
			d.warn(item.Mistake("", fmt.Sprintf("this object is also in %s; the %s one counts", at, which)).String())
			continue
		}
		first[key] = item.Position
	}
}

// inOrder lists all mistakes in input order.
func inOrder(invalid map[int]manifest.Mistakes, total int) manifest.Mistakes {
	var all manifest.Mistakes
	for i := range total {
		all = append(all, invalid[i]...)
	}
	return all
}

func (o *writeOptions) write(ctx context.Context, s *session, items []manifest.Item) ([]datastore.Result, autohep.Result, error) {
	objects := make([]resources.Object, len(items))
	for i, item := range items {
		objects[i] = item.Object
	}
	var results []datastore.Result
	automatic, err := s.change(ctx, attempt{write: func(tx datastore.Store) error {
		step, done := s.progress(len(objects))
		defer done()
		_, undone := s.Store.(datastore.Atomic) // a dry run is undone, automatic endpoints and all
		dryRun := o.dryRun && !undone && !s.trying
		if !dryRun {
			if err := datastore.Initialize(ctx, tx, s.ClusterType); err != nil {
				return err
			}
		}
		var err error
		results, err = datastore.Write(ctx, tx, o.verb, objects, datastore.WriteOptions{
			SkipExisting: o.skipExisting, Together: o.atomic, DryRun: dryRun, Known: s.known, Progress: step,
		})
		return err
	}, results: &results, keep: func() bool { return !o.atomic || len(datastore.Failed(results)) == 0 }, dryRun: o.dryRun})
	return results, automatic, err
}

// reportDryRun says what would be done with each object.
func (o *writeOptions) reportDryRun(results []datastore.Result, automatic autohep.Result, report outcome) error {
	for _, r := range results {
		if r.Err != nil {
			continue
		}
		if _, err := fmt.Fprintf(o.deps.Out, "%s/%s %s (dry run)\n", strings.ToLower(r.Key.Kind.Name), output.Escape(r.Key.Name), r.Action); err != nil {
			return err
		}
	}
	if n := automatic.Created + automatic.Updated + automatic.Deleted; n > 0 {
		if _, err := fmt.Fprintf(o.deps.Out, "automatic host endpoints: %d created, %d configured, %d deleted (dry run)\n",
			automatic.Created, automatic.Updated, automatic.Deleted); err != nil {
			return err
		}
	}
	if len(report.errs) > 0 {
		return errors.New(report.failure() + "\n" + strings.Join(report.errs, "\n"))
	}
	return nil
}

// skipped counts the objects that were left alone as asked, and says so.
func skipped(d *Deps, results []datastore.Result, why string) int {
	n := 0
	for _, r := range results {
		if r.Err == nil && r.Action == datastore.Skipped {
			n++
		}
	}
	if n > 0 {
		d.say(fmt.Sprintf("skipped %d: %s", n, why))
	}
	return n
}
