package commands

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/edfb3db0/calicoctl/resources"
)

func newCompletion() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script that completes commands, kinds, names and flags in a shell",
		Long: `Print the completion script for bash, zsh, fish or powershell. The shell must load it, as the examples show.
` + exitStatus,
		Example: `  source <(calicoctl completion bash)
  calicoctl completion zsh > "${fpath[1]}/_calicoctl"
  calicoctl completion fish > ~/.config/fish/completions/calicoctl.fish
  calicoctl completion powershell | Out-String | Invoke-Expression`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			default:
				return root.GenPowerShellCompletionWithDesc(out)
			}
		},
	}
}

// complete offers the values of a flag.
func complete(cmd *cobra.Command, flag string, values []string) {
	offer := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		directive := cobra.ShellCompDirectiveNoFileComp
		if len(values) > 0 && strings.HasSuffix(values[len(values)-1], "=") {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return values, directive
	}
	if err := cmd.RegisterFlagCompletionFunc(flag, offer); err != nil {
		return // there is such a flag, and a test completes it
	}
}

// completeObjects offers kinds for the first argument and names of objects for the next
// ones, at most as many as the command takes (0: any number).
func completeObjects(d *Deps, g *globalOptions, configFile *string, names int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		const directive = cobra.ShellCompDirectiveNoFileComp
		if len(args) == 0 {
			return kindWords(typed), directive
		}
		if names > 0 && len(args) > names {
			return nil, directive
		}
		kind, ok := resources.ByWord(args[0])
		if !ok {
			return nil, directive
		}
		return objectNames(cmd.Context(), d, g, *configFile, kind, args[1:]), directive
	}
}

// longestShortName is how long a word for a kind may be to be offered beside the plural.
const longestShortName = 8

// kindWords are the plural of each kind and its short names, with the kinds before the
// last comma kept.
func kindWords(typed string) []string {
	before := typed[:strings.LastIndex(typed, ",")+1]
	var words []string
	for _, k := range resources.All() {
		words = append(words, before+k.Plural)
		for _, alias := range k.Aliases {
			if len(alias) <= longestShortName && alias != k.Plural {
				words = append(words, before+alias)
			}
		}
	}
	return words
}

// objectNames reads the names of a kind. A datastore that does not answer completes nothing.
func objectNames(ctx context.Context, d *Deps, g *globalOptions, configFile string, kind *resources.Kind, given []string) []string {
	s, err := openSession(ctx, d, g, configFile, reading)
	if err != nil {
		return nil
	}
	defer s.close()
	list, err := s.Store.List(ctx, kind)
	if err != nil {
		return nil
	}
	taken := map[string]bool{}
	for _, name := range given {
		taken[name] = true
	}
	var names []string
	for _, o := range list.Items {
		if !taken[o.GetName()] {
			names = append(names, o.GetName())
		}
	}
	return names
}
