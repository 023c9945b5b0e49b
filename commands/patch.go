package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Values of --type.
const (
	patchStrategic = "strategic"
	patchMerge     = "merge"
	patchJSON      = "json"
)

var patchTypes = []string{patchStrategic, patchMerge, patchJSON}

type patchOptions struct {
	deps   *Deps
	global *globalOptions
	storeFlags
	guardFlags
	patch     string
	patchFile string
	patchType string
	// word is the kind as the user wrote it, for messages.
	word string
	kind *resources.Kind
	name string
}

func newPatch(d *Deps, g *globalOptions) *cobra.Command {
	o := &patchOptions{deps: d, global: g}
	cmd := &cobra.Command{
		Use:   "patch KIND NAME --patch=PATCH",
		Short: "Change some fields of an object",
		Long: `Change some fields of a stored object and leave the others as they are. The patch is JSON or YAML; the result is checked like any object that is applied. If somebody else changes the object meanwhile, the patch is made again on top of that.

With --type strategic and merge, the patch is the part of the object that changes: fields are merged, a list replaces the whole list, and null removes a field. With --type json it is a list of operations (add, remove, replace, move, copy, test).
` + guardedExitStatus,
		Example: `  calicoctl patch kubecontrollersconfiguration default --patch='{"spec": {"controllers": {"node": {"hostEndpoint": {"autoCreate": "Enabled"}}}}}'
  calicoctl patch gnp web -p '{"spec": {"order": null}}'
  calicoctl patch hep node1-eth0 --type json -p '[{"op": "replace", "path": "/spec/node", "value": "node2"}]'`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: completeObjects(d, g, &o.config, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(args); err != nil {
				return err
			}
			return runPatch(cmd.Context(), o)
		},
	}
	o.storeFlags.add(cmd)
	o.guardFlags.add(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&o.patch, "patch", "p", "", "the patch, in JSON or YAML")
	flags.StringVar(&o.patchFile, "patch-file", "", "a `file` with the patch, or - for standard input")
	flags.StringVarP(&o.patchType, "type", "t", patchStrategic, "how to read the patch: "+strings.Join(patchTypes, ", "))
	complete(cmd, "type", patchTypes)
	return cmd
}

func (o *patchOptions) complete(args []string) error {
	kind, ok := resources.ByWord(args[0])
	if !ok {
		return unsupportedKind(args[0])
	}
	o.word, o.kind, o.name = args[0], kind, args[1]
	if err := notEmpty(args[1:]); err != nil {
		return err
	}
	if err := notNamespaced(kind, o.namespace); err != nil {
		return err
	}
	if !slices.Contains(patchTypes, o.patchType) {
		return fmt.Errorf("unknown patch type %q; the types are %s", o.patchType, strings.Join(patchTypes, ", "))
	}
	if (o.patch == "") == (o.patchFile == "") {
		return errors.New("write either --patch='{...}' or --patch-file=FILE")
	}
	return nil
}

func runPatch(ctx context.Context, o *patchOptions) error {
	started := o.deps.Now()
	patch, err := o.readPatch(ctx)
	if err != nil {
		return fmt.Errorf("hit error: %w", err)
	}
	s, err := openGuarded(ctx, o.deps, o.global, &o.storeFlags, o.guardFlags, writing)
	if err != nil {
		return err
	}
	defer s.close()
	var results []datastore.Result
	var warnings []manifest.Mistake
	var before, asked resources.Object
	automatic, err := s.change(ctx, attempt{write: func(tx datastore.Store) error {
		var err error
		results, err = datastore.Edit(ctx, tx, []resources.Key{o.kind.Key(o.name)}, func(stored resources.Object) (next resources.Object, err error) {
			next, warnings, err = patched(o.kind, stored, patch, o.patchType)
			if err != nil {
				return nil, err
			}
			before, asked = stored, next.DeepCopyObject().(resources.Object)
			return next, o.refuseDerivedLabels(stored, next)
		}, datastore.EditOptions{Known: s.known})
		if err != nil {
			return err
		}
		return results[0].Err
	}, results: &results})
	var unread manifest.Mistakes
	switch {
	case errors.Is(err, errRefused):
		return err
	case errors.As(err, &unread) && unread[0].UnknownField != "":
		return errors.New(parseSummary(unread) + "\n" + unread.Error())
	case errors.Is(err, datastore.ErrNotFound):
		return fmt.Errorf("hit error: %w", err)
	case err != nil:
		return fmt.Errorf("hit error: updating existing resource: %w", err)
	}
	o.deps.warnAbout(warnings, nil)
	results[0].Ignored = unchangedMetadata(before, asked, results[0].Object)
	o.deps.warnOfIgnored(results)
	o.deps.summarize(results, automatic, started)
	_, err = fmt.Fprintf(o.deps.Out, "Successfully patched 1 '%s' resource\n", o.kind.Name)
	return err
}

// readPatch gives the patch in JSON.
func (o *patchOptions) readPatch(ctx context.Context) ([]byte, error) {
	text := []byte(o.patch)
	if o.patchFile != "" {
		var err error
		if text, err = manifest.ReadText(ctx, o.patchFile, o.deps.In); err != nil {
			return nil, err
		}
	}
	patch, err := manifest.JSON("the patch", text)
	if err != nil {
		return nil, err
	}
	switch first := strings.TrimSpace(string(patch))[0]; {
	case o.patchType == patchJSON && first != '[':
		return nil, errors.New(`a patch of type json is a list of operations: [{"op": "replace", "path": "/metadata/labels/a", "value": "b"}]`)
	case o.patchType != patchJSON && first != '{':
		return nil, fmt.Errorf(`a patch of type %s is the part of the object that changes: {"metadata": {"labels": {"a": "b"}}}`, o.patchType)
	case o.patchType == patchJSON:
		return patch, checkOperations(patch)
	}
	return patch, nil
}

// checkOperations refuses what RFC 6902 does not allow: a library that forgives a
// misspelt "value" would remove the field.
func checkOperations(patch []byte) error {
	var operations []map[string]json.RawMessage
	if err := json.Unmarshal(patch, &operations); err != nil {
		return errors.New("a patch of type json is a list of operations, each with op and path")
	}
	var problems []error
	for i, operation := range operations {
		if err := checkOperation(operation); err != nil {
			problems = append(problems, fmt.Errorf("operation %d of the patch: %w", i+1, err))
		}
	}
	return errors.Join(problems...)
}

func checkOperation(operation map[string]json.RawMessage) error {
	var op string
	_ = json.Unmarshal(operation["op"], &op) // what is no text is no operation
	needs := map[string][]string{
		"add": {"value"}, "replace": {"value"}, "test": {"value"}, "remove": {}, "move": {"from"}, "copy": {"from"},
	}
	more, known := needs[op]
	if !known {
		return errors.New("op is add, remove, replace, move, copy or test")
	}
	members := append([]string{"op", "path"}, more...)
	for _, name := range members {
		if _, ok := operation[name]; !ok {
			return fmt.Errorf("%s needs %s", op, strings.Join(members[1:], " and "))
		}
	}
	for name := range operation {
		if !slices.Contains(members, name) {
			return fmt.Errorf("%s takes %s, and nothing called %s", op, strings.Join(members[1:], " and "), name)
		}
	}
	for _, name := range []string{"path", "from"} {
		var pointer string
		if raw, ok := operation[name]; ok && (json.Unmarshal(raw, &pointer) != nil || !strings.HasPrefix(pointer, "/")) {
			return fmt.Errorf("%s is a path that begins with /, such as /spec/order", name)
		}
	}
	return nil
}

// patched is stored with the patch, read as strictly as a manifest.
func patched(kind *resources.Kind, stored resources.Object, patch []byte, patchType string) (resources.Object, []manifest.Mistake, error) {
	before, err := json.Marshal(stored)
	if err != nil {
		return nil, nil, err
	}
	after, err := applyPatch(before, patch, patchType)
	if err != nil {
		return nil, nil, err
	}
	var meant metav1.TypeMeta
	if err := json.Unmarshal(after, &meant); err == nil && (meant.Kind != kind.Name || meant.APIVersion != v3.GroupVersion) {
		return nil, nil, errors.New("kind and apiVersion cannot be changed; create the new object and delete the old one")
	}
	return manifest.ReadObject(kind, after)
}

// applyPatch treats strategic patches as merge patches: that is what they are for types
// whose lists have no merge keys, and none here have.
func applyPatch(before, patch []byte, patchType string) ([]byte, error) {
	if patchType != patchJSON {
		return jsonpatch.MergePatch(before, patch)
	}
	operations, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return nil, err
	}
	return operations.ApplyWithOptions(before, &jsonpatch.ApplyOptions{AccumulatedCopySizeLimit: manifest.MaxDocument})
}
