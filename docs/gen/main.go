// Command gen writes what is derived from the command tree: the reference, manual pages,
// completion scripts and the index of what lint finds.
//
//	go run ./docs/gen -reference docs/reference -lint docs/lint
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/edfb3db0/calicoctl/commands"
)

func main() {
	reference := flag.String("reference", "", "write the reference, in Markdown, to this `folder`")
	man := flag.String("man", "", "write manual pages to this `folder`")
	lint := flag.String("lint", "", "write the index of the pages about findings to this `folder`")
	completions := flag.String("completions", "", "write completion scripts to this `folder`")
	flag.Parse()
	root := commands.Tree()
	for _, job := range []struct {
		folder string
		write  func(*cobra.Command, string) error
	}{{*reference, doc.GenMarkdownTree}, {*man, writeMan}, {*completions, writeCompletions}, {*lint, writeLintIndex}} {
		if job.folder == "" {
			continue
		}
		if err := os.MkdirAll(job.folder, 0o755); err != nil {
			fail(err)
		}
		if err := job.write(root, job.folder); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "gen:", err)
	os.Exit(1)
}

func writeMan(root *cobra.Command, folder string) error {
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "calicoctl", Manual: "calicoctl"}, folder)
}

func writeCompletions(root *cobra.Command, folder string) error {
	for name, write := range map[string]func(string) error{
		"calicoctl.bash": func(f string) error { return root.GenBashCompletionFileV2(f, true) },
		"_calicoctl":     root.GenZshCompletionFile,
		"calicoctl.fish": func(f string) error { return root.GenFishCompletionFile(f, true) },
		"calicoctl.ps1":  root.GenPowerShellCompletionFileWithDesc,
	} {
		if err := write(filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return nil
}

func writeLintIndex(_ *cobra.Command, folder string) error {
	return os.WriteFile(filepath.Join(folder, "README.md"), []byte("# What lint finds\n\n"+
		"A page for each code, with a bad and a good example; `calicoctl lint --explain CODE` prints it. "+
		"[Linting](../linting.md) says how to use the command.\n\n"+commands.LintIndex()), 0o644)
}
