package commands

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// pluginPrefix begins the program's name when kubectl runs it.
const pluginPrefix = "kubectl-"

// globalOptions are the flags that every command takes.
type globalOptions struct {
	logLevel             string
	kubeContext          string
	requestTimeout       time.Duration
	allowVersionMismatch bool
}

// newRoot builds the command tree. Nothing is opened or read.
func newRoot(d *Deps) *cobra.Command {
	name := "calicoctl"
	if strings.HasPrefix(d.Program, pluginPrefix) {
		name = "kubectl-calico"
	}
	g := &globalOptions{}
	root := &cobra.Command{
		Use:   name,
		Short: "Protect Kubernetes nodes with Calico host endpoints",
		Long: `calicoctl reads and writes the objects with which Calico protects Kubernetes nodes: host endpoints, global network policies, and what they lean on.

Objects are kept in a datastore: the Kubernetes API, etcd, or a file. Which one is said by a configuration file (--config) or by environment variables; without any it is the cluster of the kubeconfig. DATASTORE_TYPE=local is the embedded one, which needs nothing else.
` + exitStatus,
		Example: `  export DATASTORE_TYPE=local
  calicoctl get heps -owide
  calicoctl apply -f policy.yaml`,
		SilenceUsage: true, SilenceErrors: true,
		SuggestionsMinimumDistance: 2,
		CompletionOptions:          cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE:          func(*cobra.Command, []string) error { return g.setUp(d) },
		// Without this, cobra would ask users to mistype a command.
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return cmd.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	root.SetIn(d.In)
	root.SetOut(d.Out)
	root.SetErr(d.Err)
	flags := root.PersistentFlags()
	flags.StringVarP(&g.logLevel, "log-level", "l", "panic", "log to standard error from this level on: "+strings.Join(logLevels, ", "))
	flags.StringVar(&g.kubeContext, "context", "", "the context of the kubeconfig to use")
	flags.BoolVar(&g.allowVersionMismatch, "allow-version-mismatch", false, "do not compare this program's version with the cluster's")
	flags.DurationVar(&g.requestTimeout, "request-timeout", 0, "how long to wait for each answer of a server, such as 30s (default 10s of etcd, 1m0s of Kubernetes)")
	complete(root, "log-level", logLevels)
	root.SetHelpCommand(newHelp(root))
	root.AddCommand(
		newGet(d, g), newCreate(d, g), newApply(d, g), newReplace(d, g), newDelete(d, g),
		newPatch(d, g), newLabel(d, g), newDiff(d, g), newTrace(d, g), newConnectivity(d, g), newTest(d, g), newLint(d, g),
		newController(d, g), newValidate(d), newRender(d, g), newVersion(d, g), newCompletion(),
	)
	return root
}

// exitStatus ends the help of every command.
const exitStatus = `
Exit status:
  0    done
  1    could not do it, or not all of it; standard error says why
  130  interrupted`

// guardedExitStatus ends the help of the commands whose writes are guarded.
const guardedExitStatus = `
Exit status:
  0    done
  1    could not do it, or not all of it; standard error says why
  3    nothing was written, since the guard refuses (--guard=refuse)
  130  interrupted`

func unknownCommand(cmd *cobra.Command, word string) error {
	text := fmt.Sprintf("unknown command %q for %q", word, cmd.CommandPath())
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		text += "\n\nDid you mean this?\n\t" + strings.Join(near, "\n\t") + "\n"
	}
	return fmt.Errorf("%s", text)
}

// logLevels are the documented values of --log-level, the least talkative first.
var logLevels = []string{"panic", "fatal", "error", "warn", "info", "debug"}

func (g *globalOptions) setUp(d *Deps) error {
	level, ok := parseLogLevel(g.logLevel)
	if !ok {
		return fmt.Errorf("unknown log level: %s, expected one of: %s", g.logLevel, strings.Join(logLevels, ", "))
	}
	if g.requestTimeout < 0 {
		return fmt.Errorf("--request-timeout is %v; write how long to wait, such as 30s", g.requestTimeout)
	}
	d.log = slog.New(slog.NewTextHandler(d.Err, &slog.HandlerOptions{Level: level}))
	d.log.Info("calicoctl", "version", d.Build.Version, "commit", d.Build.Commit, "date", d.Build.Date)
	return nil
}

// levelNothing is above everything that is ever logged.
const levelNothing = slog.LevelError + 4

func parseLogLevel(name string) (slog.Level, bool) {
	switch strings.ToLower(name) {
	case "panic", "fatal":
		return levelNothing, true
	case "error":
		return slog.LevelError, true
	case "warn", "warning":
		return slog.LevelWarn, true
	case "info":
		return slog.LevelInfo, true
	case "debug", "trace":
		return slog.LevelDebug, true
	}
	return 0, false
}

// Tree builds the command tree for those who describe it; its commands are not run.
func Tree() *cobra.Command {
	root := newRoot(&Deps{Program: "calicoctl"})
	root.DisableAutoGenTag = true
	return root
}
