// Command bench measures calicoctl: time and memory of whole processes on the embedded
// datastore, and how they grow with the number of objects.
//
//	go run ./test/bench [-runs N] [-large=false] [-only TEXT] [-binary FILE]
//
//	-runs N       run each measurement N times (default 3); what takes milliseconds is
//	              run five times as often, what has 100,000 objects once
//	-large=false  leave out what has 100,000 objects
//	-only TEXT    measure only what has TEXT in its title
//	-binary FILE  measure this binary instead of building one
//
// It builds the binary as a release is built, works in a temporary folder (TMPDIR says
// where) that it removes again, tells its progress on standard error and prints a table
// in Markdown on standard output. Each run is a process of its own, on a fresh copy of a
// datastore that was prepared before, and has to print what is expected of it.
//
// The table shows medians. Time is what passes from the start of the process to its end,
// and best the least of that; CPU is what all its threads used, which other processes
// change least; memory is the most that was resident at once. 1 MB is a million bytes.
// Growth is the figure before it, divided by that for a tenth of the objects: 10 or less
// is in step with their number. What misses its target is marked "over", which is no
// failure: the exit status is 1 only when a command fails. The last column is what is
// known of the calicoctl of Project Calico, on other machines and datastores.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	runs := flag.Int("runs", 3, "run each measurement `N` times; what takes milliseconds five times as often, what has 100,000 objects once")
	large := flag.Bool("large", true, "measure with 100,000 objects too")
	only := flag.String("only", "", "measure only what has `TEXT` in its title")
	binary := flag.String("binary", "", "measure this `FILE` instead of building one")
	flag.Parse()
	if flag.NArg() > 0 || *runs < 1 {
		flag.Usage()
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{runs: *runs, large: *large, only: *only, binary: *binary, load: load()}
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of this program.
type bench struct {
	runs   int
	large  bool
	only   string
	binary string
	// folder is the temporary one; everything that is written is in it.
	folder string
	// load says how busy the machine was before.
	load string
}

func (b *bench) run(ctx context.Context) (err error) {
	if b.folder, err = os.MkdirTemp("", "calicoctl-bench-"); err != nil {
		return err
	}
	defer func() {
		if removed := os.RemoveAll(b.folder); err == nil {
			err = removed
		}
	}()
	if err := b.setUp(ctx); err != nil {
		return err
	}
	var rows []row
	for _, f := range families() {
		more, err := b.measureFamily(ctx, f)
		if err != nil {
			return err
		}
		rows = append(rows, more...)
	}
	return b.print(os.Stdout, rows)
}

// setUp makes the binary, and a configuration for it, so that neither the environment
// nor a configuration of this machine leads to another datastore.
func (b *bench) setUp(ctx context.Context) error {
	if b.binary == "" {
		b.binary = filepath.Join(b.folder, "calicoctl")
		if err := build(ctx, b.binary); err != nil {
			return err
		}
	}
	var err error
	if b.binary, err = filepath.Abs(b.binary); err != nil {
		return err
	}
	config := fmt.Sprintf(`{"apiVersion": "projectcalico.org/v3", "kind": "CalicoAPIConfig",
"spec": {"datastoreType": "local", "localPath": %q}}
`, b.datastore())
	if err := os.WriteFile(b.config(), []byte(config), 0o600); err != nil {
		return err
	}
	_, err = b.command(ctx, []string{"version", "--client"}, expected{}) // so that the binary is in memory
	return err
}

// config is the file that names datastore to every command.
func (b *bench) config() string { return filepath.Join(b.folder, "calicoctl.json") }

// datastore is the file that commands work on.
func (b *bench) datastore() string { return filepath.Join(b.folder, "datastore.db") }

// progress tells what is done; lines end where the caller ends them.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format, args...) }
