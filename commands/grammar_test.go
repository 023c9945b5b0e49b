package commands

import (
	"bytes"
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docopt/docopt-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// classicGrammar is how calicoctl's command lines have been written since before it was
// parsed by cobra. The first pattern is the program's: its options stand before the
// command. Each command is parsed by its own patterns, with options anywhere.
const classicGrammar = `
Usage:
  calicoctl [--log-level=LEVEL] [--context=NAME] [--allow-version-mismatch] COMMAND [WORD...]
  calicoctl create --filename=FILE [--recursive] [--skip-empty] [--skip-exists] [--config=FILE] [--namespace=NS] [--context=NAME] [--allow-version-mismatch]
  calicoctl apply --filename=FILE [--recursive] [--skip-empty] [--config=FILE] [--namespace=NS] [--context=NAME] [--allow-version-mismatch]
  calicoctl replace --filename=FILE [--recursive] [--skip-empty] [--config=FILE] [--namespace=NS] [--context=NAME] [--allow-version-mismatch]
  calicoctl delete (KIND [NAME...] | --filename=FILE [--recursive] [--skip-empty]) [--skip-not-exists] [--config=FILE] [--namespace=NS] [--context=NAME] [--allow-version-mismatch]
  calicoctl get (KIND [NAME...] | --filename=FILE [--recursive] [--skip-empty]) [--output=FORMAT] [--all-namespaces] [-A] [--export] [--config=FILE] [--namespace=NS] [--context=NAME] [--allow-version-mismatch]
  calicoctl patch KIND NAME --patch=PATCH [--type=TYPE] [--config=FILE] [--namespace=NS] [--context=NAME] [--allow-version-mismatch]
  calicoctl label KIND NAME (LABEL [--overwrite] | LABEL --remove) [--config=FILE] [--namespace=NS] [--context=NAME] [--allow-version-mismatch]
  calicoctl validate --filename=FILE [--recursive] [--skip-empty] [--config=FILE] [--namespace=NS] [--context=NAME] [--allow-version-mismatch]
  calicoctl version [--client] [--poll=DURATION] [--config=FILE] [--context=NAME] [--allow-version-mismatch]

Options:
  -h, --help
  -l, --log-level=LEVEL  [default: panic]
  --context=NAME
  --allow-version-mismatch
  -f, --filename=FILE
  -R, --recursive
  --skip-empty
  --skip-exists
  -s, --skip-not-exists
  -c, --config=FILE  [default: /etc/calico/calicoctl.cfg]
  -n, --namespace=NS
  -o, --output=FORMAT  [default: ps]
  -a, --all-namespaces
  -A
  --export
  -p, --patch=PATCH
  -t, --type=TYPE  [default: strategic]
  --overwrite
  --remove
  --client
  --poll=DURATION
`

// ownFlags are the flags that the classic grammar does not have.
var ownFlags = map[string][]string{
	"":         {"request-timeout"},                                    // of every command: no server is waited for without end
	"create":   {"atomic", "guard", "guard-flows"},                     // all or nothing; what a write would cut off
	"apply":    {"atomic", "dry-run", "guard", "guard-flows", "tests"}, // ... and what would happen
	"replace":  {"atomic", "guard", "guard-flows"},
	"delete":   {"atomic", "guard", "guard-flows"},
	"get":      {"all-namespaces-a", "selector", "watch", "watch-only"}, // the long form of -a, which later versions hide; a filter; changes
	"patch":    {"guard", "guard-flows", "patch-file"},                  // a patch need not fit in a command line
	"label":    {"all", "guard", "guard-flows", "selector"},             // many objects in one command
	"validate": {"output"},                                              // findings for machines
}

// parsedLine is what a parser makes of a command line.
type parsedLine struct {
	// Outcome is taken, refused or help; the rest is about lines that are taken.
	Outcome string
	Words   []string
	Flags   map[string]string
}

// TestGrammar holds the command tree against the classic grammar: both take the same
// command lines and read the same values from them.
func TestGrammar(t *testing.T) {
	grammarFolder(t)
	g := newClassic(t)
	outcomes, excused := map[string]int{}, map[string]int{}
	done := map[string]bool{}
	for _, line := range g.lines() {
		name := strings.Join(line.args, "\x00")
		if done[name] {
			continue
		}
		done[name] = true
		want, got := g.parse(line.args), g.ours(line.args)
		diff := cmp.Diff(want, got, cmpopts.EquateEmpty())
		switch {
		case line.differs != "" && grammarDifferences[line.differs] == "":
			t.Fatalf("%q: there is no difference %q", line.args, line.differs)
		case line.differs != "" && diff == "":
			t.Errorf("%q is meant to differ (%s), but both say %+v", line.args, line.differs, got)
		case line.differs != "":
			excused[line.differs]++
		case diff != "":
			t.Errorf("%q: classic -, ours +\n%s", line.args, diff)
		default:
			outcomes[want.Outcome]++
		}
	}
	for name := range grammarDifferences {
		if excused[name] == 0 {
			t.Errorf("no line shows the difference %q", name)
		}
	}
	t.Logf("%d command lines: %v alike, %v meant to differ", len(done), outcomes, excused)
}

// TestGrammarFlags compares the flags themselves, so that none is left out above.
func TestGrammarFlags(t *testing.T) {
	g := newClassic(t)
	got := map[string][]string{}
	for command := range g.patterns {
		c, _, err := Tree().Find([]string{command})
		if err != nil {
			t.Fatal(err)
		}
		c.InitDefaultHelpFlag()
		classic := append(g.flagsOf(command), g.flags["help"], g.flags["log-level"])
		for _, f := range classic {
			o := c.Flags().Lookup(f.long)
			if o == nil {
				o = c.InheritedFlags().Lookup(f.long)
			}
			switch {
			case o == nil:
				t.Errorf("%s: there is no --%s", command, f.long)
			case f.long != "all-namespaces" && o.Shorthand != f.short:
				t.Errorf("%s --%s: -%q, want -%q", command, f.long, o.Shorthand, f.short)
			case (o.NoOptDefVal == "") != f.valued:
				t.Errorf("%s --%s takes a value: %v, want %v", command, f.long, !f.valued, f.valued)
			}
		}
		c.LocalFlags().VisitAll(func(o *pflag.Flag) {
			if !slices.ContainsFunc(classic, func(f classicFlag) bool { return f.long == o.Name }) {
				got[command] = append(got[command], o.Name)
			}
		})
		c.InheritedFlags().VisitAll(func(o *pflag.Flag) {
			if _, classic := g.flags[o.Name]; !classic && !slices.Contains(got[""], o.Name) {
				got[""] = append(got[""], o.Name)
			}
		})
	}
	if diff := cmp.Diff(ownFlags, got); diff != "" {
		t.Error(diff)
	}
}

// grammarFolder goes to a folder with the files that the command lines name.
func grammarFolder(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"policy.yaml":   oneEndpoint,
		"R":             oneEndpoint,
		"patch.json":    "{}",
		"calicoctl.cfg": "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nspec: {datastoreType: local}\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const oneEndpoint = "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {name: h1}\nspec: {node: node1, interfaceName: eth0}\n"

type classicFlag struct {
	long, short string
	valued      bool
}

// classic is the classic grammar, taken apart.
type classic struct {
	program  string
	patterns map[string]string
	options  string
	flags    map[string]classicFlag
}

func newClassic(t *testing.T) *classic {
	t.Helper()
	g := &classic{patterns: map[string]string{}, flags: map[string]classicFlag{}}
	usage, options, ok := strings.Cut(classicGrammar, "\nOptions:\n")
	if !ok {
		t.Fatal("the grammar has no options")
	}
	g.options = "\nOptions:\n" + options
	for line := range strings.Lines(usage) {
		words := strings.Fields(line)
		switch {
		case len(words) < 2:
		case strings.HasPrefix(words[1], "["):
			g.program = line
		default:
			g.patterns[words[1]] = line
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^  (?:-(\w), )?--([a-z-]+)(=?)`).FindAllStringSubmatch(options, -1) {
		g.flags[m[2]] = classicFlag{long: m[2], short: m[1], valued: m[3] != ""}
	}
	return g
}

// flagsOf are the flags of a command's patterns.
func (g *classic) flagsOf(command string) []classicFlag {
	var flags []classicFlag
	for _, m := range regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(g.patterns[command], -1) {
		flags = append(flags, g.flags[m[1]])
	}
	return flags
}

// parse parses a command line in two steps, the program's and the command's.
func (g *classic) parse(args []string) parsedLine {
	program, outcome := g.docopt(g.program, true, args)
	if program == nil {
		return parsedLine{Outcome: outcome}
	}
	command := program["COMMAND"].(string)
	if g.patterns[command] == "" {
		return parsedLine{Outcome: "refused"}
	}
	opts, outcome := g.docopt(g.patterns[command], false, append([]string{command}, program["WORD"].([]string)...))
	if opts == nil {
		return parsedLine{Outcome: outcome}
	}
	line := parsedLine{Outcome: "taken", Words: []string{command}, Flags: map[string]string{}}
	for _, name := range []string{"KIND", "NAME", "LABEL"} {
		switch words := opts[name].(type) {
		case string:
			line.Words = append(line.Words, words)
		case []string:
			line.Words = append(line.Words, words...)
		}
	}
	for _, level := range []docopt.Opts{program, opts} {
		for name, value := range level {
			long, isFlag := strings.CutPrefix(name, "--")
			text := flagText(value)
			if isFlag && (text != "" && text != "false" || line.Flags[long] == "") {
				line.Flags[long] = text
			}
		}
	}
	if opts["-A"] == true {
		line.Flags["all-namespaces"] = "true"
	}
	return line
}

func flagText(value any) string {
	switch value := value.(type) {
	case bool:
		return map[bool]string{true: "true", false: "false"}[value]
	case string:
		return value
	}
	return ""
}

// docopt parses one level. Without a result it says whether that is for help.
func (g *classic) docopt(pattern string, optionsFirst bool, args []string) (docopt.Opts, string) {
	outcome := "refused"
	parser := &docopt.Parser{OptionsFirst: optionsFirst, HelpHandler: func(err error, _ string) {
		if err == nil {
			outcome = "help"
		}
	}}
	opts, err := parser.ParseArgs("Usage:\n"+pattern+g.options, append([]string{}, args...), "")
	if err != nil || len(opts) == 0 {
		return nil, outcome
	}
	return opts, ""
}

// ours runs a command line up to where it would open the datastore.
func (g *classic) ours(args []string) parsedLine {
	var out bytes.Buffer
	opened := false
	root := newRoot(&Deps{
		IO:        IO{In: strings.NewReader(oneEndpoint), Out: &out, Err: &bytes.Buffer{}},
		Program:   "calicoctl",
		LookupEnv: environment(nil),
		Now:       time.Now,
		Open: func(context.Context, Config, access) (Backend, error) {
			opened = true
			return Backend{}, errors.New("far enough")
		},
	})
	root.SetArgs(append([]string{}, args...))
	cmd, err := root.ExecuteContextC(context.Background())
	switch {
	case opened:
	case err != nil && strings.Contains(err.Error(), "is not namespaced"): // the namespace was read
	case err == nil && cmd.Name() == "validate" && strings.HasPrefix(out.String(), "Successfully validated"):
	case err == nil && cmd.Name() == "validate" && out.String() == "[]\n": // -o json
	case err == nil && cmd.Name() == "version" && strings.HasPrefix(out.String(), "Client Version:"):
	case err == nil && strings.Contains(out.String(), "\nUsage:\n"):
		return parsedLine{Outcome: "help"}
	default:
		return parsedLine{Outcome: "refused"}
	}
	return parsedLine{Outcome: "taken", Words: append([]string{cmd.Name()}, cmd.Flags().Args()...), Flags: g.bound(cmd)}
}

// bound are the values of a command's flags, but for our own.
func (g *classic) bound(cmd *cobra.Command) map[string]string {
	flags := map[string]string{}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		value := f.Value.String()
		if many, ok := f.Value.(pflag.SliceValue); ok {
			value = strings.Join(many.GetSlice(), ",")
		}
		if f.Name == "config" && value == "" {
			value = defaultConfigFile // what an empty one means to version
		}
		if f.Name != "help" && !slices.Contains(slices.Concat(ownFlags[""], ownFlags[cmd.Name()]), f.Name) {
			flags[f.Name] = value
		}
	})
	return flags
}
