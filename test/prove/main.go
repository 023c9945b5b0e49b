// Command prove lets a kernel judge: it renders what policy means for a node, loads that into a
// network namespace, sends real packets to, from and through it, and compares what becomes of
// them with what the policy engine says.
//
//	go run ./test/prove [-every N] [-drawn N] [-seed N] [-labs N] [-check]
//
//	-every N  take every Nth of the recorded sets in testdata/verdicts (default 1, all of them)
//	-drawn N  take N random snapshots (default 300), with packets for each
//	-seed N   begin the random snapshots with this one (default 1)
//	-labs N   run N at once (default the number of processors)
//	-check    only say what the proof lacks on this machine, on standard error
//
// It needs Linux, nft and ip (the Debian packages nftables and iproute2), and the right to make
// network namespaces: that of root, or that of a user where user namespaces are allowed. They
// are its own, have no names, and end with it. Nothing outside of them is touched.
//
// It prints a certificate on standard output and each disagreement on standard error. The exit
// status is 1 when there is one, or when the proof could not be made.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// options are what is to be proven.
type options struct {
	folder      string // of the recorded sets
	every       int
	drawn, seed int
	labs        int
	check       bool
}

func main() {
	o := options{folder: "testdata/verdicts"}
	flag.IntVar(&o.every, "every", 1, "take every `N`th of the recorded sets")
	flag.IntVar(&o.drawn, "drawn", 300, "take `N` random snapshots")
	flag.IntVar(&o.seed, "seed", 1, "begin the random snapshots with `N`")
	flag.IntVar(&o.labs, "labs", runtime.NumCPU(), "run `N` at once")
	flag.BoolVar(&o.check, "check", false, "only say what the proof lacks on this machine")
	flag.Parse()
	if flag.NArg() > 0 || o.every < 1 || o.drawn < 0 || o.labs < 1 {
		flag.Usage()
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	status, err := o.run(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "prove:", err)
	}
	os.Exit(status)
}

// run makes the proof and gives the exit status.
func (o *options) run(ctx context.Context) (int, error) {
	if status, done, err := asRoot(ctx); done {
		return status, err
	}
	lack := lacking(ctx)
	if o.check {
		if lack != nil {
			fmt.Fprintf(os.Stderr, "\n*** The proof on a kernel is SKIPPED here: %v. See docs/proof.md. ***\n\n", lack)
		}
		return 0, nil
	}
	if lack != nil {
		return 1, lack
	}
	all, err := o.prove(ctx)
	if err != nil {
		return 1, err
	}
	for _, d := range all.disagreements() {
		fmt.Fprintln(os.Stderr, d)
	}
	if err := all.print(os.Stdout); err != nil {
		return 1, err
	}
	if len(all.disagreements()) > 0 {
		return 1, nil
	}
	return 0, nil
}
