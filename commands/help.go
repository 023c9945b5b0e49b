package commands

import (
	"github.com/spf13/cobra"
)

func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Explain a command",
		Long:    "Print the help of a command, or of the program.\n" + exitStatus,
		Example: "  calicoctl help apply",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			if len(args) == 0 {
				for _, c := range root.Commands() {
					if c.IsAvailableCommand() {
						names = append(names, c.Name()+"\t"+c.Short)
					}
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			found, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				word := ""
				if len(args) > 0 {
					word = args[len(args)-max(len(rest), 1)]
				}
				return unknownCommand(root, word)
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}
