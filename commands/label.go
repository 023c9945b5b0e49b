package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/output"
	"github.com/edfb3db0/calicoctl/resources"
)

type labelOptions struct {
	deps   *Deps
	global *globalOptions
	storeFlags
	guardFlags
	overwrite bool
	remove    bool
	all       bool
	selector  string
	// word is the kind as the user wrote it, for messages.
	word   string
	kind   *resources.Kind
	name   string
	labels []labelChange
}

// labelChange sets a label or removes it.
type labelChange struct {
	key, value string
	remove     bool
}

func newLabel(d *Deps, g *globalOptions) *cobra.Command {
	o := &labelOptions{deps: d, global: g}
	cmd := &cobra.Command{
		Use:   "label KIND (NAME | --all | --selector EXPRESSION) KEY=VALUE... | KEY-...",
		Short: "Set or remove labels of objects",
		Long: `Set labels (key=value) or remove them (key-, or key with --remove). A label that has another value already is changed only with --overwrite.

Automatic host endpoints have the labels of their nodes, so a label on a node selects its endpoint for policy.
` + guardedExitStatus,
		Example: `  calicoctl label nodes node1 environment=dev
  calicoctl label nodes --all kubernetes-host=
  calicoctl label nodes node1 environment=prod stage- --overwrite
  calicoctl label nodes --selector "environment == 'dev'" audited=yes`,
		ValidArgsFunction: completeObjects(d, g, &o.config, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := refuseBlankSelector(cmd, o.selector); err != nil {
				return err
			}
			if err := o.complete(args); err != nil {
				return err
			}
			return runLabel(cmd.Context(), o)
		},
	}
	o.storeFlags.add(cmd)
	o.guardFlags.add(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&o.overwrite, "overwrite", false, "change labels that have another value")
	flags.BoolVar(&o.remove, "remove", false, "remove the labels whose keys are given")
	flags.BoolVar(&o.all, "all", false, "label all objects of the kind")
	flags.StringVar(&o.selector, "selector", "", "label the objects whose labels match this `expression`")
	return cmd
}

func (o *labelOptions) complete(args []string) error {
	many := o.all || o.selector != ""
	need := 3
	if many {
		need = 2
	}
	if len(args) < need {
		return fmt.Errorf("requires at least %d arg(s), only received %d", need, len(args))
	}
	if o.all && o.selector != "" {
		return errors.New("give either --all or --selector, not both")
	}
	if o.overwrite && o.remove {
		return errors.New("give either --overwrite or --remove, not both")
	}
	o.word = args[0]
	words := args[1:]
	if !many {
		o.name, words = args[1], args[2:]
	}
	var err error
	if o.kind, err = o.findKind(many); err != nil {
		return err
	}
	o.labels, err = parseLabels(words, o.remove)
	return err
}

func (o *labelOptions) findKind(many bool) (*resources.Kind, error) {
	problem := func(err error) error {
		return fmt.Errorf("failed to get %s %s, error %w", o.word, o.name, err)
	}
	kind, ok := resources.ByWord(o.word)
	if !ok {
		return nil, problem(unsupportedKind(o.word))
	}
	if !many {
		if err := notEmpty([]string{o.name}); err != nil {
			return nil, problem(err)
		}
	}
	if err := notNamespaced(kind, o.namespace); err != nil {
		return nil, problem(err)
	}
	return kind, nil
}

func parseLabels(words []string, remove bool) ([]labelChange, error) {
	changes := make([]labelChange, len(words))
	seen := map[string]bool{}
	for i, word := range words {
		key, value, hasValue := strings.Cut(word, "=")
		bare, minus := strings.CutSuffix(word, "-")
		switch {
		case remove:
			changes[i] = labelChange{key: word, remove: true}
		case hasValue:
			changes[i] = labelChange{key: key, value: value}
		case minus && bare != "":
			changes[i] = labelChange{key: bare, remove: true}
		default:
			return nil, fmt.Errorf("invalid label %s; write key=value to set it, or %[1]s- to remove it", word)
		}
		if seen[changes[i].key] {
			return nil, fmt.Errorf("label %s is given twice", changes[i].key)
		}
		seen[changes[i].key] = true
	}
	return changes, nil
}

func runLabel(ctx context.Context, o *labelOptions) error {
	d := o.deps
	started := d.Now()
	matches, err := labelMatcher(o.selector)
	if err != nil {
		return err
	}
	s, err := openGuarded(ctx, d, o.global, &o.storeFlags, o.guardFlags, writing)
	if err != nil {
		return err
	}
	defer s.close()
	var lines map[string][]string
	var results []datastore.Result
	automatic, err := s.change(ctx, attempt{write: func(tx datastore.Store) error {
		keys, err := o.keys(ctx, s, tx, matches)
		if err != nil {
			return err
		}
		step, done := s.progress(len(keys))
		defer done()
		lines = map[string][]string{}
		results, err = datastore.Edit(ctx, tx, keys, func(object resources.Object) (resources.Object, error) {
			var err error
			lines[object.GetName()], err = o.relabel(object)
			return object, err
		}, datastore.EditOptions{Known: s.known, Progress: step})
		return err
	}, results: &results})
	if err != nil {
		_, err = s.cutShort(results, err)
		return err
	}
	return o.report(lines, results, func() { d.summarize(results, automatic, started) })
}

// report prints the lines of each object that is labelled, and summarizes. Its error says why others are not.
func (o *labelOptions) report(lines map[string][]string, results []datastore.Result, summarize func()) error {
	var errs []string
	for i := range results {
		r := &results[i]
		if r.Err = o.explain(*r); r.Err != nil {
			errs = append(errs, r.Err.Error())
			continue
		}
		for _, line := range lines[r.Key.Name] {
			if _, err := fmt.Fprintln(o.deps.Out, output.Escape(line)); err != nil {
				return err
			}
		}
	}
	if len(results) == 0 {
		o.deps.say("no " + o.word + " to label")
	}
	summarize()
	if len(errs) > 0 {
		return errors.New(strings.Join(errs, "\n"))
	}
	return nil
}

// explain puts the failure to label an object in calicoctl's words.
func (o *labelOptions) explain(r datastore.Result) error {
	err, name := r.Err, r.Key.Name
	if err == nil {
		err = o.kept(r.Object, name)
	}
	var refused refusedLabel
	switch {
	case err == nil || errors.As(err, &refused):
		return err
	case errors.Is(err, datastore.ErrNotFound):
		return fmt.Errorf("%s %s not found", o.word, name)
	default:
		return fmt.Errorf("failed to update %s %s, label not changed: %w", o.word, name, err)
	}
}

func (o *labelOptions) keys(ctx context.Context, s *session, tx datastore.Store, matches func(map[string]string) bool) ([]resources.Key, error) {
	if o.name != "" {
		return []resources.Key{o.kind.Key(o.name)}, nil
	}
	objects, err := s.list(ctx, tx, o.kind)
	if err != nil {
		return nil, err
	}
	var keys []resources.Key
	for _, object := range objects {
		if matches(object.GetLabels()) {
			keys = append(keys, o.kind.Key(object.GetName()))
		}
	}
	return keys, nil
}

// relabel makes all changes of labels to object, or none. It returns a line for each.
func (o *labelOptions) relabel(object resources.Object) (lines []string, err error) {
	labels := maps.Clone(object.GetLabels())
	if labels == nil {
		labels = map[string]string{}
	}
	for _, change := range o.labels {
		line, err := o.change(labels, change, object.GetName())
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	object.SetLabels(labels)
	return lines, nil
}

// kept checks that the labels are as asked: some belong to calicoctl, not to users.
func (o *labelOptions) kept(object resources.Object, name string) error {
	labels := object.GetLabels()
	for _, c := range o.labels {
		value, exists := labels[c.key]
		if exists == c.remove || !c.remove && value != c.value {
			return refusedDerived(c.key, o.word, name, value)
		}
	}
	return nil
}

// refusedLabel is a change that the user must ask for in another way.
type refusedLabel string

func (r refusedLabel) Error() string { return string(r) }

func (o *labelOptions) change(labels map[string]string, c labelChange, name string) (line string, err error) {
	old, exists := labels[c.key]
	switch {
	case c.remove && !exists:
		return "", refusedLabel(fmt.Sprintf("cannot remove label of %s %s, key %s does not exist", o.word, name, c.key))
	case c.remove:
		delete(labels, c.key)
		return fmt.Sprintf("Successfully removed label %s from %s %s", c.key, o.word, name), nil
	case exists && old != c.value && !o.overwrite:
		return "", refusedLabel(fmt.Sprintf("failed to update label of %s %s, key %s is already present. please use '--overwrite' to set a new value",
			o.word, name, c.key))
	}
	labels[c.key] = c.value
	if exists {
		return fmt.Sprintf("Successfully updated label %s on %s %s", c.key, o.word, name), nil
	}
	return fmt.Sprintf("Successfully set label %s on %s %s", c.key, o.word, name), nil
}
