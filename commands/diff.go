package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/output"
	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
)

// Values of --output of the commands that answer questions.
const (
	formatText     = "text"
	formatJSON     = "json"
	formatMarkdown = "markdown"
)

var diffFormats = []string{formatText, formatJSON, formatMarkdown}

type diffOptions struct {
	deps   *Deps
	global *globalOptions
	questionFlags
	format   string
	revision int64
	// since tells that a revision is asked about.
	since bool
}

func newDiff(d *Deps, g *globalOptions) *cobra.Command {
	o := &diffOptions{deps: d, global: g}
	cmd := &cobra.Command{
		Use:   "diff (-f FILE | --revision N)",
		Short: "Show what an apply would change, in objects and in traffic",
		Long: `Show what calicoctl apply would change: the objects that differ, line by line, and the traffic that would be allowed or denied afterwards and is not now. Traffic is compared as a whole, not by samples: every address, protocol and port of every node is in it. What changes at some of a node's own addresses only is shown with these.

Traffic is closed, opened, or blurred: what was decided depends then on what no object here says.

With --revision, show what has changed since that revision of the embedded datastore, which keeps its newest changes. An object's resourceVersion is the revision of its last change.

Automatic host endpoints are those that the controller makes of the nodes and its configuration.

Exit status:
  0    nothing would change
  1    could not do it, or cannot tell what becomes of traffic; standard error says why
  3    something would change
  130  interrupted`,
		Example: `  calicoctl diff -f policy.yaml
  calicoctl diff -f manifests/ -R -o markdown
  calicoctl diff -f manifests/ --base none
  calicoctl diff --revision 17`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.since = cmd.Flags().Changed("revision")
			if err := o.complete(args); err != nil {
				return err
			}
			return runDiff(cmd.Context(), o)
		},
	}
	o.add(cmd)
	cmd.Flags().Int64Var(&o.revision, "revision", 0, "compare with this revision of the embedded datastore, not with files")
	cmd.Flags().StringVarP(&o.format, "output", "o", formatText, "the format: "+strings.Join(diffFormats, ", "))
	complete(cmd, "output", diffFormats)
	return cmd
}

func (o *diffOptions) complete(args []string) error {
	if !slices.Contains(diffFormats, o.format) {
		return fmt.Errorf("unknown output format %q; write %s", o.format, strings.Join(diffFormats, ", "))
	}
	if o.since {
		if len(o.files) > 0 || o.base != baseDatastore {
			return errors.New("give either --revision or -f, not both")
		}
		if len(args) > 0 {
			return fmt.Errorf("%s is no part of diff --revision, which compares everything", strings.Join(args, " "))
		}
		return o.readPods()
	}
	if err := o.need(o.deps, args); err != nil {
		return err
	}
	return o.check(o.deps, args)
}

// difference is what a diff says.
type difference struct {
	Objects []objectChange `json:"objects"`
	// Traffic is nil where it cannot be told.
	Traffic []trafficChange `json:"traffic"`
}

// objectChange is one object that would change.
type objectChange struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Action is created, configured or deleted. Automatic tells that the controller does it.
	Action    string `json:"action"`
	Automatic bool   `json:"automatic,omitempty"`
	// Diff is a unified diff of the YAML forms.
	Diff string `json:"diff"`
}

// trafficChange is traffic of some nodes whose verdict would change.
type trafficChange struct {
	// Change is closes, opens or blurs: what was decided depends on what is not known here.
	Change   string      `json:"change"`
	Path     policy.Path `json:"path"`
	Loopback bool        `json:"loopback,omitempty"`
	In       string      `json:"in,omitempty"`
	Out      string      `json:"out,omitempty"`
	Nodes    []string    `json:"nodes"`
	// Texts say which traffic, and Boxes the same in full.
	Texts []string     `json:"texts"`
	Boxes []policy.Box `json:"boxes"`
	set   policy.Set
	where string
}

func runDiff(ctx context.Context, o *diffOptions) error {
	items, err := o.items(ctx, o.deps, o.global)
	if err != nil {
		return err
	}
	store, closeStore, err := o.open(ctx, o.deps, o.global)
	if err != nil {
		return err
	}
	defer closeStore()
	var before, after *world
	automatic := func(resources.Key) bool { return false }
	if o.since {
		before, after, err = sinceRevision(ctx, store, o.revision)
	} else {
		before, after, automatic, err = o.asApplied(ctx, store, items)
	}
	if err != nil {
		return err
	}
	before.workloads, after.workloads = o.workloads, o.workloads
	found, unknown := o.differenceOf(ctx, before, after, automatic)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := o.print(found); err != nil {
		return err
	}
	if unknown != nil {
		return unknown
	}
	if len(found.Objects)+len(found.Traffic) > 0 {
		return answerNo("")
	}
	return nil
}

// applyTo writes objects as apply does.
func applyTo(ctx context.Context, store datastore.Store, items []manifest.Item) error {
	objects := make([]resources.Object, len(items))
	for i, item := range items {
		objects[i] = item.Object
	}
	results, err := datastore.Write(ctx, store, datastore.Apply, objects, datastore.WriteOptions{})
	if err != nil {
		return err
	}
	var problems []error
	for i, r := range results {
		if r.Err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", items[i].Position, r.Err))
		}
	}
	return errors.Join(problems...)
}

// asApplied is the world of a datastore, and as an apply would make it. automatic tells what the controller does.
func (o *diffOptions) asApplied(ctx context.Context, store datastore.Store, items []manifest.Item) (before, after *world, automatic func(resources.Key) bool, err error) {
	overlay := datastore.NewOverlay(store)
	if err := applyTo(ctx, overlay, items); err != nil {
		return nil, nil, nil, err
	}
	base, err := readWorld(ctx, o.deps, baseOf{overlay})
	if err != nil {
		return nil, nil, nil, err
	}
	changed := overlay.Changed()
	before, after = base, base.changedBy(changed)
	if o.controlled {
		before, after = inStep(before, after)
	}
	automatic = func(key resources.Key) bool {
		_, written := changed[key]
		return !written
	}
	return before, after, automatic, addOthers(ctx, overlay, before, after)
}

// sinceRevision is the world of a datastore as it was, and as it is.
func sinceRevision(ctx context.Context, store datastore.Store, revision int64) (before, after *world, err error) {
	history, ok := store.(interface {
		ListAt(ctx context.Context, kind *resources.Kind, revision int64) (*resources.List, error)
	})
	if !ok {
		return nil, nil, errors.New("only the embedded datastore keeps what was there before: --revision needs DATASTORE_TYPE=" + datastoreLocal)
	}
	before, after = newWorld(), newWorld()
	for _, kind := range resources.All() {
		then, err := history.ListAt(ctx, kind, revision)
		if err != nil {
			return nil, nil, err
		}
		now, err := store.List(ctx, kind)
		if err != nil {
			return nil, nil, err
		}
		for _, o := range then.Items {
			before.put(o)
		}
		for _, o := range now.Items {
			after.put(o)
		}
	}
	return before, after, nil
}

// differenceOf compares two worlds. Where it cannot be told what becomes of traffic, the difference has objects alone.
func (o *diffOptions) differenceOf(ctx context.Context, before, after *world, automatic func(resources.Key) bool) (difference, error) {
	found := difference{Objects: []objectChange{}, Traffic: []trafficChange{}}
	for _, key := range keysOf(before, after) {
		if !equalObjects(before.objects[key], after.objects[key]) {
			change := changeOf(key, before.objects[key], after.objects[key])
			change.Automatic = automatic(key)
			found.Objects = append(found.Objects, change)
		}
	}
	engine := o.deps.engine(ctx, before)
	w := newWords(newCluster(after), engine.Space())
	for _, c := range policy.Diff(engine, engine.Next(after.snapshot())) {
		found.Traffic = append(found.Traffic, w.changes(c)...)
	}
	if o.format == formatJSON { // the one that has them
		for i := range found.Traffic {
			found.Traffic[i].Boxes = found.Traffic[i].set.Boxes()
		}
	}
	if err := cannotTell(engine); err != nil {
		found.Traffic = nil
		return found, err
	}
	slices.SortStableFunc(found.Traffic, func(a, b trafficChange) int { return len(b.Nodes) - len(a.Nodes) })
	return found, nil
}

// addOthers enters changed objects of the kinds that do not decide about traffic.
func addOthers(ctx context.Context, overlay *datastore.Overlay, before, after *world) error {
	for key, o := range overlay.Changed() {
		if slices.Contains(worldKinds, key.Kind) {
			continue
		}
		stored, err := overlay.Base(ctx, key.Kind)
		if err != nil {
			return err
		}
		for _, was := range stored {
			if was.GetName() == key.Name {
				before.put(was)
			}
		}
		if o != nil {
			after.put(o)
		}
	}
	return nil
}

// keysOf are the objects of both worlds, in the order of kinds and names.
func keysOf(a, b *world) []resources.Key {
	all := b.with(nil)
	maps.Copy(all.objects, a.objects)
	keys := make([]resources.Key, 0, len(all.objects))
	for key := range all.objects {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b resources.Key) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// equalObjects compares what is shown of two objects; nil stands for none.
func equalObjects(a, b resources.Object) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a == b || yamlOf(a) == yamlOf(b)
}

// changeOf shows the change of an object.
func changeOf(key resources.Key, before, after resources.Object) objectChange {
	change := objectChange{Kind: key.Kind.Name, Name: key.Name, Action: string(datastore.Configured)}
	switch {
	case before == nil:
		change.Action = string(datastore.Created)
	case after == nil:
		change.Action = "deleted"
	}
	name := strings.ToLower(key.Kind.Name) + "/" + key.Name
	change.Diff = udiff.Unified("now/"+name, "then/"+name, yamlOf(before), yamlOf(after))
	return change
}

// yamlOf is an object as get --export -o yaml shows it, without the server's count of its changes.
func yamlOf(o resources.Object) string {
	if o == nil {
		return ""
	}
	shown := o.DeepCopyObject().(resources.Object)
	shown.SetGeneration(0)
	results := []output.Result{{Object: shown}}
	forExport(results)
	var b bytes.Buffer
	print, err := output.New("yaml")
	if err == nil {
		err = print(&b, results)
	}
	if err != nil {
		return err.Error()
	}
	return b.String()
}
