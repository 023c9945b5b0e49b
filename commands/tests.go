package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/policytest"
)

type testOptions struct {
	deps   *Deps
	global *globalOptions
	questionFlags
	run      string
	junit    string
	format   string
	coverage bool
	flows    string
	init     bool
	wanted   *regexp.Regexp
}

func newTest(d *Deps, g *globalOptions) *cobra.Command {
	o := &testOptions{deps: d, global: g}
	cmd := &cobra.Command{
		Use:   "test (POLICY_TESTS.yaml ... | --init)",
		Short: "Run tests that say what policy must allow and deny",
		Long: `Hold the datastore, or manifests laid over it, against files of tests. A test names two ends, and the services that have to be allowed or denied from one to the other. It is about every packet between them: a range or a selector is checked whole. For a test that fails, one packet is shown, with its trace. A file may be - for standard input.

A test passes if all its traffic is known to be treated as it says. If that depends on facts that no object here has, the test is unknown; it does not pass, and counts like one that fails. What is allowed and whose answer is certainly dropped, by a doNotTrack policy, does not count as allowed.

With --init, print a first file of tests: what is allowed and denied now.

Exit status:
  0    all tests passed
  1    could not run them; standard error says why
  3    a test failed, or is unknown
  130  interrupted`,
		Example: `  calicoctl test policy_tests.yaml
  calicoctl test policy_tests.yaml -f manifests/ --base none --junit report.xml
  calicoctl test policy_tests.yaml --run ssh --coverage
  calicoctl test --init > policy_tests.yaml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.complete(args); err != nil {
				return err
			}
			return runTest(cmd.Context(), o, args)
		},
	}
	o.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.run, "run", "", "run the tests whose names match this `regexp`")
	flags.StringVar(&o.junit, "junit", "", "also write the results to this `file`, as JUnit XML")
	flags.StringVarP(&o.format, "output", "o", formatText, "the format: "+strings.Join(traceFormats, ", "))
	flags.BoolVar(&o.coverage, "coverage", false, "list the rules, and the vital traffic, that no test is about")
	flags.BoolVar(&o.init, "init", false, "print a file of tests for what is allowed and denied now")
	addGuardFlows(cmd, &o.flows)
	complete(cmd, "output", traceFormats)
	return cmd
}

func (o *testOptions) complete(args []string) error {
	switch {
	case !slices.Contains(traceFormats, o.format):
		return fmt.Errorf("unknown output format %q; write %s", o.format, strings.Join(traceFormats, ", "))
	case o.init && len(args) > 0:
		return errors.New("--init prints new tests: write no file of tests with it")
	case !o.init && len(args) == 0:
		return errors.New("no tests: write their file, or --init to print a first one")
	}
	var err error
	if o.wanted, err = regexp.Compile(o.run); err != nil {
		return fmt.Errorf("--run %q is no regular expression: %w", o.run, err)
	}
	return o.check(o.deps, nil)
}

// readTests reads files of tests. With manifest.Mistakes come the tests in which there are none.
func readTests(ctx context.Context, d *Deps, files, manifests []string) ([]policytest.Test, error) {
	if i := slices.Index(files, stdinName); i >= 0 && slices.Contains(slices.Concat(files[i+1:], manifests), stdinName) {
		return nil, errors.New("- is given twice, but standard input can be read only once")
	}
	return policytest.ReadAll(files, func(file string) ([]byte, error) {
		if file == stdinName {
			return manifest.ReadText(ctx, file, d.In)
		}
		return os.ReadFile(file)
	})
}

// testMistakes is an error about tests as users see it.
func (d *Deps) testMistakes(err error) error {
	if mistakes, ok := errors.AsType[manifest.Mistakes](err); ok {
		return errors.New(countMistakes(mistakes) + " in the tests\n" + strings.Join(d.mistakeLines(mistakes), "\n"))
	}
	return err
}

func runTest(ctx context.Context, o *testOptions, files []string) error {
	tests, err := readTests(ctx, o.deps, files, o.files)
	wrong, ok := errors.AsType[manifest.Mistakes](err)
	if err != nil && !ok {
		return err
	}
	tests = slices.DeleteFunc(tests, func(t policytest.Test) bool { return !o.wanted.MatchString(t.Name) })
	if len(tests)+len(wrong) == 0 && !o.init {
		return fmt.Errorf("no test has a name that matches %q", o.run)
	}
	_, world, err := o.worlds(ctx, o.deps, o.global)
	if err != nil {
		if len(wrong) > 0 { // which is told without the world, too
			return o.deps.testMistakes(wrong)
		}
		return err
	}
	s := newSuite(ctx, o.deps, world)
	s.mistakes = wrong
	if o.init {
		text := s.firstTests()
		if err := cannotTell(s.engine); err != nil {
			return err
		}
		_, err := io.WriteString(o.deps.Out, text)
		return err
	}
	results, err := s.run(tests, o.deps.Now)
	if err != nil {
		return o.deps.testMistakes(err)
	}
	if o.junit != "" {
		if err := writeJUnit(o.junit, results, o.deps.Now()); err != nil {
			return err
		}
	}
	missed, err := o.missed(s)
	if err != nil {
		return err
	}
	if err := o.print(results, missed); err != nil {
		return err
	}
	if passedOf(results) < len(results) {
		return answerNo("")
	}
	return nil
}

// missed is what no test was about, nil if that is not asked.
func (o *testOptions) missed(s *suite) (*coverage, error) {
	if !o.coverage {
		return nil, nil
	}
	flows, err := o.vitalFlows()
	if err != nil {
		return nil, err
	}
	return s.coverage(flows), cannotTell(s.engine)
}

// vitalFlows are those that the guard would look after.
func (o *testOptions) vitalFlows() ([]vitalFlow, error) {
	var config Config
	if o.base == baseDatastore {
		var err error
		if config, err = o.configuration(o.deps, o.global); err != nil {
			return nil, err
		}
	}
	return o.deps.vitalFlows(o.flows, config.GuardFlows)
}

func (o *testOptions) print(results []testResult, missed *coverage) error {
	if o.format == formatJSON {
		encoder := json.NewEncoder(o.deps.Out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(struct {
			Tests    []testResult `json:"tests"`
			Coverage *coverage    `json:"coverage,omitempty"`
		}{results, missed})
	}
	text := testReport(results)
	if missed != nil {
		text += "\n" + missed.String()
	}
	_, err := io.WriteString(o.deps.Out, text)
	return err
}
