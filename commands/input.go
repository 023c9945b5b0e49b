package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/resources"
	"github.com/edfb3db0/calicoctl/selector"
)

// storeFlags are the flags of every command that uses a datastore.
type storeFlags struct {
	config    string
	namespace string
	// loaded is the configuration once it has been read.
	loaded *Config
}

// configuration reads the configuration, once: it may come from where it cannot be read again.
func (f *storeFlags) configuration(d *Deps, g *globalOptions) (Config, error) {
	if f.loaded != nil {
		return *f.loaded, nil
	}
	config, err := loadConfig(d, g, f.config)
	if err == nil {
		f.loaded = &config
	}
	return config, err
}

func (f *storeFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.config, "config", "c", defaultConfigFile, "the `file` that says which datastore to use")
	cmd.Flags().StringVarP(&f.namespace, "namespace", "n", "", "an error, as for all kinds without namespaces: no kind here has them")
}

// fileFlags are the flags of every command that reads manifests.
type fileFlags struct {
	storeFlags
	files     []string
	recursive bool
	skipEmpty bool
}

func (f *fileFlags) add(cmd *cobra.Command) {
	f.storeFlags.add(cmd)
	cmd.Flags().StringArrayVarP(&f.files, "filename", "f", nil, "a manifest `file`, a directory of them, or - for standard input; may be repeated")
	cmd.Flags().BoolVarP(&f.recursive, "recursive", "R", false, "read sub-directories of a directory too")
	cmd.Flags().BoolVar(&f.skipEmpty, "skip-empty", false, "make input without objects no error")
}

// need makes missing or misplaced files an error.
func (f *fileFlags) need(d *Deps, args []string) error {
	switch {
	case len(f.files) > 0:
		return f.ignore(d, args)
	case len(args) > 0:
		return fmt.Errorf("resource type '%s' is not supported; to read a manifest, write -f %[1]s", args[0])
	default:
		return errors.New("no input: write -f FILE, or -f - to read standard input")
	}
}

// ignore passes over words beside -f, as calicoctl does, unless they look like files: a
// shell that expands -f *.yaml puts all but the first there, and none may be forgotten.
func (f *fileFlags) ignore(d *Deps, args []string) error {
	for _, arg := range args {
		_, err := os.Stat(arg)
		if err == nil || strings.ContainsAny(arg, "./") {
			return fmt.Errorf("%s would be ignored: write -f before each file, or -f with their folder", arg)
		}
	}
	if len(args) > 0 {
		d.warn("-f is given, so " + strings.Join(args, " ") + " is ignored")
	}
	stdin := 0
	for _, file := range f.files {
		if file == manifest.Stdin {
			stdin++
		}
	}
	if stdin > 1 {
		return errors.New("-f - is given twice, but standard input can be read only once")
	}
	return nil
}

// errNoObjects says that there is nothing in the input and that this is all right.
var errNoObjects error = said("No resources specified")

// read reads the manifests; everything that is wrong with the documents comes back as
// one error.
func (f *fileFlags) read(ctx context.Context, d *Deps, g *globalOptions) (*manifest.Result, error) {
	result, err := f.parse(ctx, d, g)
	if mistakes, ok := errors.AsType[manifest.Mistakes](err); ok {
		mistakes = withBrokenRules(mistakes, result, f.namespace)
		d.warnAbout(result.Warnings, mistakes)
		return nil, errors.New(parseSummary(mistakes) + "\n" + strings.Join(d.mistakeLines(mistakes), "\n"))
	}
	return result, err
}

// warnAbout prints warnings, but for those about places where there is a mistake.
func (d *Deps) warnAbout(warnings []manifest.Mistake, mistakes manifest.Mistakes) {
	wrong := map[manifest.Position]bool{}
	for _, m := range mistakes {
		wrong[m.Position] = true
	}
	for _, w := range warnings {
		if !wrong[w.Position] {
			d.warn(d.mistakeText(w))
		}
	}
}

// parse reads the manifests and says nothing. What is wrong with the documents comes
// back as manifest.Mistakes, beside the objects in which nothing is. Without g, no
// configuration is read.
func (f *fileFlags) parse(ctx context.Context, d *Deps, g *globalOptions) (*manifest.Result, error) {
	options := manifest.Options{Stdin: d.In, Recursive: f.recursive}
	if g != nil {
		if config, err := f.configuration(d, g); err == nil {
			options.UsePodCIDR = config.UsePodCIDR
		}
	}
	result, err := manifest.Read(ctx, f.files, options)
	switch _, wrong := errors.AsType[manifest.Mistakes](err); {
	case wrong:
		return result, err
	case err != nil:
		return nil, fmt.Errorf("failed to execute command: %w", err)
	case len(result.Empty) > 0 && !f.skipEmpty:
		return nil, fmt.Errorf("no resources specified in %s", result.Empty[0])
	case len(result.Items) == 0:
		return nil, errNoObjects
	}
	return result, nil
}

// parseSummary begins as calicoctl's own message does.
func parseSummary(mistakes manifest.Mistakes) string {
	for _, m := range mistakes {
		if m.UnknownField != "" {
			return "field in document is not recognized or is in the wrong location: " + m.UnknownField
		}
	}
	return "failed to execute command: " + countMistakes(mistakes) + " in the input"
}

// countMistakes knows that those beyond the limit are not in the list.
func countMistakes(mistakes manifest.Mistakes) string {
	if len(mistakes) > manifest.MaxMistakes {
		return fmt.Sprintf("more than %d mistakes", manifest.MaxMistakes)
	}
	return count(len(mistakes), "mistake")
}

// count is "1 mistake" or "2 mistakes".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// checked sets the defaults of all items and holds them against the rules of their kinds.
// It gives what is wrong, by the index of the item, up to manifest.MaxMistakes.
func checked(items []manifest.Item, namespace string) (invalid map[int]manifest.Mistakes) {
	return checkedUpTo(manifest.MaxMistakes, items, namespace)
}

// checkedUpTo tells at most limit mistakes, and with one more how many there are beyond.
// Every item in which something is wrong is in the result, if only with none of them.
func checkedUpTo(limit int, items []manifest.Item, namespace string) (invalid map[int]manifest.Mistakes) {
	invalid = map[int]manifest.Mistakes{}
	beyond, firstBeyond := 0, 0
	for i, item := range items {
		broken := brokenRules(item, namespace)
		if len(broken) == 0 {
			continue
		}
		told := min(len(broken), max(limit, 0))
		limit -= told
		invalid[i] = manifest.Mistakes{}
		for _, e := range broken[:told] {
			invalid[i] = append(invalid[i], brokenRule(item, e))
		}
		slices.SortStableFunc(invalid[i], func(a, b manifest.Mistake) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		if beyond == 0 {
			firstBeyond = i
		}
		beyond += len(broken) - told
	}
	if beyond > 0 {
		invalid[firstBeyond] = append(invalid[firstBeyond], manifest.Mistake{
			Position: items[firstBeyond].Position, Text: count(beyond, "more mistake") + "; mend these first",
		})
	}
	return invalid
}

// withBrokenRules adds to what could not be read what breaks the rules of its kind, in the order of the input.
func withBrokenRules(mistakes manifest.Mistakes, result *manifest.Result, namespace string) manifest.Mistakes {
	items := slices.Concat(result.Items, result.Damaged)
	broken := checkedUpTo(manifest.MaxMistakes-len(mistakes), items, namespace)
	all := append(mistakes, inOrder(broken, len(items))...)
	if len(all) > manifest.MaxMistakes {
		return all // the last one says how many more there are
	}
	files := map[string]int{}
	for _, m := range all {
		if _, seen := files[m.File]; !seen {
			files[m.File] = len(files)
		}
	}
	slices.SortStableFunc(all, func(a, b manifest.Mistake) int {
		return cmp.Or(cmp.Compare(files[a.File], files[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return all
}

// brokenRules sets the defaults of an item and says which rules of its kind it breaks, but for those about which
// nothing can be said since the item could not be read as a whole.
func brokenRules(item manifest.Item, namespace string) field.ErrorList {
	if err := notNamespaced(item.Kind, namespace); err != nil {
		return field.ErrorList{{Detail: err.Error()}}
	}
	if wrong, ok := errors.AsType[*datastore.InvalidError](datastore.Check(item.Object)); ok {
		return slices.DeleteFunc(wrong.Errors, func(e *field.Error) bool { return item.Doubts(e.Field) })
	}
	return nil
}

// selectorShown is the longest selector that is shown as a whole, in bytes.
const selectorShown = 1024

// brokenRule is a mistake with the place of the field, or the place in a selector.
func brokenRule(item manifest.Item, e *field.Error) manifest.Mistake {
	m := item.Mistake(e.Field, e.Detail)
	if expression, ok := e.BadValue.(string); ok && e.Origin == resources.OriginSelector && len(expression) <= selectorShown {
		_, err := selector.Parse(expression)
		if wrong, ok := errors.AsType[*selector.ParseError](err); ok {
			m.Excerpt = wrong.Caret()
		}
	}
	return m
}

// mistakeText is the line about a mistake and, for a person, what it is about.
func (d *Deps) mistakeText(m manifest.Mistake) string {
	text := m.String()
	if d.ErrTerminal && m.Excerpt != "" {
		text += "\n    " + strings.ReplaceAll(m.Excerpt, "\n", "\n    ")
	}
	return text
}

func (d *Deps) mistakeLines(mistakes manifest.Mistakes) []string {
	lines := make([]string, len(mistakes))
	for i, m := range mistakes {
		lines[i] = d.mistakeText(m)
	}
	return lines
}

// notNamespaced refuses a namespace: no kind here has any.
func notNamespaced(kind *resources.Kind, namespace string) error {
	if namespace == "" {
		return nil
	}
	return fmt.Errorf("%s is not namespaced", kind.Name)
}

// kindsByWords finds the kinds of a word or of several with commas between.
func kindsByWords(words string) ([]*resources.Kind, error) {
	var kinds []*resources.Kind
	for word := range strings.SplitSeq(words, ",") {
		kind, ok := resources.ByWord(word)
		if !ok {
			return nil, unsupportedKind(word)
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

func unsupportedKind(word string) error {
	var words []string
	for _, k := range resources.All() {
		words = append(words, k.Aliases...)
	}
	text := fmt.Sprintf("resource type '%s' is not supported", word)
	if kind, name, ok := strings.Cut(word, "/"); ok && name != "" && slices.Contains(words, strings.ToLower(kind)) {
		return fmt.Errorf("%s; write %s %s", text, kind, name)
	}
	if near, ok := resources.Nearest(word, words); ok {
		text += "; did you mean " + near + "?"
	}
	return errors.New(text)
}

// notEmpty refuses an empty name, which is nearly always a variable that is not set.
func notEmpty(names []string) error {
	if slices.Contains(names, "") {
		return errors.New("resource name may not be empty")
	}
	return nil
}
