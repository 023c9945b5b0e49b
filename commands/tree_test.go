package commands

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/edfb3db0/calicoctl/output"
)

// TestTree walks the whole tree: every command explains itself completely.
func TestTree(t *testing.T) {
	walk(Tree(), func(c *cobra.Command) {
		t.Run(strings.ReplaceAll(c.CommandPath(), " ", "_"), func(t *testing.T) {
			for what, text := range map[string]string{"Short": c.Short, "Long": c.Long, "Example": c.Example} {
				if text == "" {
					t.Errorf("%s is empty", what)
				}
			}
			if !strings.Contains(c.Long, "Exit status:\n") {
				t.Error("Long does not say what the exit status means")
			}
			for _, line := range exampleCommands(c.Example) {
				checkExample(t, line)
			}
			c.Flags().VisitAll(func(f *pflag.Flag) {
				if f.Usage == "" {
					t.Errorf("flag --%s has no description", f.Name)
				}
			})
		})
	})
}

func walk(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, sub := range c.Commands() {
		walk(sub, f)
	}
}

// TestFlagValues completes the values of every flag that has a fixed set of them.
func TestFlagValues(t *testing.T) {
	for _, c := range []struct {
		command, flag string
		want          []string
	}{
		{"", "log-level", logLevels}, {"get", "output", output.Formats()}, {"patch", "type", patchTypes}, {"validate", "output", []string{"json"}},
	} {
		cmd, _, err := Tree().Find(strings.Fields(c.command))
		if err != nil {
			t.Fatal(err)
		}
		values, ok := cmd.GetFlagCompletionFunc(c.flag)
		if !ok {
			t.Errorf("%s --%s completes nothing", c.command, c.flag)
			continue
		}
		got, _ := values(cmd, nil, "")
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// exampleCommands are the calls of calicoctl in an example, without what surrounds them
// in a pipeline.
func exampleCommands(example string) []string {
	var calls []string
	for line := range strings.Lines(example) {
		for _, part := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune("|<>&()", r) }) {
			if part = strings.TrimSpace(part); strings.HasPrefix(part, "calicoctl ") {
				calls = append(calls, part)
			}
		}
	}
	return calls
}

// checkExample parses the flags and arguments of a call as the program would.
func checkExample(t *testing.T, line string) {
	t.Helper()
	args := splitShell(line)[1:]
	c, rest, err := Tree().Find(args)
	if err != nil {
		t.Errorf("%s: %v", line, err)
		return
	}
	if err := c.ParseFlags(rest); err != nil {
		t.Errorf("%s: %v", line, err)
		return
	}
	if c.Args != nil {
		if err := c.Args(c, c.Flags().Args()); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// splitShell splits a line into words, with quotes as a shell reads them.
func splitShell(line string) []string {
	var words []string
	var word strings.Builder
	var quote rune
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote = r
		case quote == 0 && r == ' ':
			words = append(words, word.String())
			word.Reset()
		default:
			word.WriteRune(r)
		}
	}
	return append(words, word.String())
}
