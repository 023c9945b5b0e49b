package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/output"
	"github.com/edfb3db0/calicoctl/resources"
	"github.com/edfb3db0/calicoctl/selector"
)

type getOptions struct {
	deps   *Deps
	global *globalOptions
	fileFlags
	output        string
	selector      string
	allNamespaces bool
	export        bool
	watch         bool
	watchOnly     bool
	kinds         []*resources.Kind
	names         []string
}

func newGet(d *Deps, g *globalOptions) *cobra.Command {
	o := &getOptions{deps: d, global: g}
	cmd := &cobra.Command{
		Use:   "get KIND[,KIND...] [NAME...]",
		Short: "Show objects",
		Long: `Show all objects of a kind, those that are named, or those that a manifest names.

Tables show the most important fields; -o wide shows more. Named objects are shown in the order of the names; missing ones are reported after the others have been shown.

Kinds: ` + kindHelp() + `

-o yaml and -o json show objects in full, as apply reads them. custom-columns takes headings of the wide table (custom-columns=NAME,IPS). go-template is executed once, with the list of results.

With --watch, every change is shown as it comes: a table has a column EVENT (ADDED, MODIFIED, DELETED), -o json is one object a line with its type, -o yaml has the type in a comment, and -o name marks what is deleted. With a selector, an object that begins to match is added, and one that ceases to is deleted. A datastore that goes away is waited for. Profiles cannot be watched in the Kubernetes API, which makes them of namespaces and service accounts.
` + exitStatus,
		Example: `  calicoctl get heps -owide
  calicoctl get heps,gnps
  calicoctl get gnp allow-all-to-masters -o yaml
  calicoctl get heps --selector "has(kubernetes-host) && environment == 'dev'" -o name
  calicoctl get -f policy.yaml -o json
  calicoctl get heps -w`,
		ValidArgsFunction: completeObjects(d, g, &o.config, 0),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := refuseBlankSelector(cmd, o.selector); err != nil {
				return err
			}
			if err := o.complete(args); err != nil {
				return err
			}
			return runGet(cmd.Context(), o)
		},
	}
	o.add(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&o.output, "output", "o", "ps", "the `format`: "+strings.Join(output.Formats(), ", "))
	flags.StringVar(&o.selector, "selector", "", "show only objects whose labels match this `expression` of Calico's selector language")
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "an error, as for all kinds without namespaces: no kind here has them")
	flags.BoolVarP(&o.allNamespaces, "all-namespaces-a", "a", false, "the same as -A")
	flags.BoolVarP(&o.watch, "watch", "w", false, "go on and show every change, until interrupted")
	flags.BoolVar(&o.watchOnly, "watch-only", false, "show changes alone, and not what is there already")
	flags.BoolVar(&o.export, "export", false, "leave out what belongs to this cluster: uid, resource version, times")
	flags.Lookup("all-namespaces-a").Hidden = true
	complete(cmd, "output", output.Formats())
	return cmd
}

// kindHelp lists the kinds with their shortest words.
func kindHelp() string {
	var parts []string
	for _, k := range resources.All() {
		shortest := k.Aliases[0]
		for _, alias := range k.Aliases {
			if len(alias) < len(shortest) {
				shortest = alias
			}
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", k.Plural, shortest))
	}
	return strings.Join(parts, ", ") + "."
}

func (o *getOptions) complete(args []string) error {
	if len(o.files) > 0 {
		return o.ignore(o.deps, args)
	}
	if len(args) == 0 {
		return errors.New("nothing to get: write a kind (calicoctl get heps), or -f FILE; kinds are " + kindHelp())
	}
	kinds, err := kindsByWords(args[0])
	if err != nil {
		return fmt.Errorf("failed to get resources: %w", err)
	}
	if err := notEmpty(args[1:]); err != nil {
		return fmt.Errorf("failed to get resources: %w", err)
	}
	if o.selector != "" && len(args) > 1 {
		return errors.New("give either names or --selector, not both")
	}
	o.kinds, o.names = kinds, args[1:]
	return nil
}

func runGet(ctx context.Context, o *getOptions) error {
	print, err := output.New(o.output)
	if err != nil {
		return err
	}
	matches, err := labelMatcher(o.selector)
	if err != nil {
		return err
	}
	keys, err := o.keys(ctx)
	switch {
	case errors.Is(err, errNoObjects):
		return nil
	case err != nil:
		return fmt.Errorf("failed to get resources: %w", err)
	}
	if err := o.checkNamespace(keys); err != nil {
		return err
	}
	if o.watch || o.watchOnly {
		return watchKeys(ctx, o, keys, matches)
	}
	s, err := openSession(ctx, o.deps, o.global, o.config, reading)
	if err != nil {
		return err
	}
	defer s.close()
	results, missing, err := s.read(ctx, keys, matches)
	if err != nil {
		return fmt.Errorf("failed to get resources: %w", err)
	}
	if o.export {
		forExport(results)
	}
	tables := o.output == "ps" || o.output == "wide" || strings.HasPrefix(o.output, "custom-columns")
	if err := o.deps.show(print, results, tables); err != nil {
		return err
	}
	if len(missing) > 0 {
		return errors.New(strings.Join(missing, "\n"))
	}
	return nil
}

// keys are what to read; a key without a name stands for its whole kind.
func (o *getOptions) keys(ctx context.Context) ([]resources.Key, error) {
	var keys []resources.Key
	if len(o.files) > 0 {
		input, err := o.read(ctx, o.deps, o.global)
		if err != nil {
			return nil, err
		}
		o.deps.warnAbout(input.Warnings, nil)
		for _, item := range input.Items {
			keys = append(keys, item.Kind.Key(item.Object.GetName()))
		}
		return keys, nil
	}
	for _, kind := range o.kinds {
		for _, name := range o.names {
			keys = append(keys, kind.Key(name))
		}
		if len(o.names) == 0 {
			keys = append(keys, kind.Key(""))
		}
	}
	return keys, nil
}

func (o *getOptions) checkNamespace(keys []resources.Key) error {
	namespace := o.namespace
	if o.allNamespaces {
		namespace = "all"
	}
	for _, key := range keys {
		if err := notNamespaced(key.Kind, namespace); err != nil {
			return err
		}
	}
	return nil
}

// errBlankSelector refuses what is nearly always a variable that is not set: a blank
// selector would mean everything.
var errBlankSelector = errors.New("--selector is blank; write all() to mean everything")

func refuseBlankSelector(cmd *cobra.Command, selector string) error {
	if cmd.Flags().Changed("selector") && strings.TrimSpace(selector) == "" {
		return errBlankSelector
	}
	return nil
}

// labelMatcher compiles a selector over labels; the empty one matches everything.
func labelMatcher(expression string) (func(map[string]string) bool, error) {
	parsed, err := selector.Parse(expression)
	if wrong, ok := errors.AsType[*selector.ParseError](err); ok {
		return nil, fmt.Errorf("--selector: %w\n%s", wrong, wrong.Caret())
	}
	if err != nil {
		return nil, err
	}
	return parsed.Matches, nil
}

// readers bounds how many objects and kinds are read at once.
const readers = 32

// read gets what keys name. Objects that it cannot get or understand are described in missing; an
// error is one that leaves nothing to show.
func (s *session) read(ctx context.Context, keys []resources.Key, matches func(map[string]string) bool) (results []output.Result, missing []string, err error) {
	found, absent := make([]output.Result, len(keys)), make([]error, len(keys))
	broken := s.leaveOutBroken()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i, key := range keys {
		group.Go(func() (err error) {
			found[i].Kind = key.Kind
			if key.Name == "" {
				found[i].List, err = s.Store.List(ctx, key.Kind)
				return err
			}
			found[i].Object, absent[i] = s.Store.Get(ctx, key)
			if datastore.IsAway(absent[i]) {
				return absent[i]
			}
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	for i, r := range found {
		switch {
		case absent[i] != nil:
			missing = append(missing, absent[i].Error())
		case r.List != nil:
			r.List.Items = slices.DeleteFunc(r.List.Items, func(o resources.Object) bool { return !matches(o.GetLabels()) })
			results = append(results, r)
		case matches(r.Object.GetLabels()):
			results = append(results, r)
		}
	}
	return results, append(missing, broken()...), nil
}

// leaveOutBroken has lists leave out what cannot be understood, and gives the messages about that.
func (s *session) leaveOutBroken() (messages func() []string) {
	var mutex sync.Mutex
	said := map[resources.Key]string{} // a list may be begun again
	say := func(key resources.Key, text string) {
		mutex.Lock()
		defer mutex.Unlock()
		said[key] = datastore.ErrorOf("list", key, datastore.ErrInvalid, text).Error()
	}
	if tolerant, ok := s.Store.(datastore.Tolerant); ok {
		tolerant.Tolerate(datastore.Tolerance{
			LeaveOut: func(key resources.Key, err error) bool {
				say(key, "what is stored cannot be understood: "+datastore.Unreadable(err)+datastore.MendOrDelete)
				return true
			},
			Remark: func(key resources.Key, remarks []string) {
				if len(remarks) > 0 {
					say(key, strings.Join(remarks, " "))
				}
			},
		})
	}
	return func() []string { return slices.Sorted(maps.Values(said)) }
}

// forExport removes what another cluster could not use.
func forExport(results []output.Result) {
	strip := func(o resources.Object) {
		o.SetNamespace("")
		o.SetUID("")
		o.SetResourceVersion("")
		o.SetCreationTimestamp(metav1.Time{})
		o.SetDeletionTimestamp(nil)
		o.SetDeletionGracePeriodSeconds(nil)
	}
	for _, r := range results {
		if r.List == nil {
			strip(r.Object)
			continue
		}
		r.List.ResourceVersion = ""
		for _, o := range r.List.Items {
			strip(o)
		}
	}
}
