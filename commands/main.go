package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/edfb3db0/calicoctl/output"
)

// Exit codes. Go itself exits with 2 on a panic, which is always a bug.
const (
	exitDone        = 0
	exitError       = 1
	exitNo          = 3
	exitInterrupted = 130
)

// said is an error in exactly the words that scripts look for.
type said string

func (s said) Error() string { return string(s) }

// answerNo is the error of a command that ran well and whose answer is no. It may be empty if all is said.
type answerNo string

func (a answerNo) Error() string { return string(a) }

// Main runs the program with the arguments and the environment of the process, and
// returns its exit code.
func Main(ctx context.Context, build Build) int {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	asked := listen(stop)
	if info, ok := debug.ReadBuildInfo(); ok && build.Version == "" && info.Main.Version != "(devel)" {
		build.Version = info.Main.Version // what "go install" knows
	}
	outTerminal, errTerminal := term.IsTerminal(int(os.Stdout.Fd())), term.IsTerminal(int(os.Stderr.Fd()))
	return Run(ctx, os.Args[1:], Deps{
		IO: IO{
			In: interruptible{ctx, os.Stdin}, Out: os.Stdout, Err: os.Stderr,
			OutTerminal: outTerminal, ErrTerminal: errTerminal,
			Color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb",
		},
		Build:     build,
		Program:   filepath.Base(os.Args[0]),
		LookupEnv: os.LookupEnv,
		Now:       time.Now,
		Open:      openBackend,

		KeepSignals: asked.keep,
	})
}

// interruptible reads from r until ctx ends, even if r blocks for ever.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i interruptible) Read(p []byte) (int, error) {
	type result struct {
		text []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text := make([]byte, len(p))
		n, err := i.r.Read(text)
		done <- result{text[:n], err}
	}()
	select {
	case got := <-done:
		return copy(p, got.text), got.err
	case <-i.ctx.Done():
		return 0, i.ctx.Err()
	}
}

// Run runs one command line and returns its exit code.
func Run(ctx context.Context, args []string, d Deps) int {
	out := &remembering{w: d.Out}
	d.Out = out
	root := newRoot(&d)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = out.err // cobra prints help and does not ask whether that worked
	}
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, new(answerNo)):
		if err.Error() != "" {
			d.complain(err.Error())
		}
		return exitNo
	case ctx.Err() == nil:
		d.complain(err.Error())
		return exitError
	case !errors.Is(err, context.Canceled):
		d.complain(err.Error())
	}
	d.complain("interrupted")
	return exitInterrupted
}

// remembering keeps the first failure to write.
type remembering struct {
	w   io.Writer
	err error
}

func (r *remembering) Write(p []byte) (int, error) {
	n, err := r.w.Write(p)
	if r.err == nil {
		r.err = err
	}
	return n, err
}

// complain writes an error to standard error. Text in it may come from anywhere.
func (d *Deps) complain(text string) {
	text = output.EscapeLines(strings.TrimRight(text, "\n"))
	if d.ErrTerminal && d.Color {
		first, rest, several := strings.Cut(text, "\n")
		text = red(first)
		if several {
			text += "\n" + rest
		}
	}
	d.say(text)
}

// warn writes a warning to standard error.
func (d *Deps) warn(text string) {
	text = output.EscapeLines(text)
	word := "warning:"
	if d.ErrTerminal && d.Color {
		word = yellow(word)
	}
	d.say(word + " " + text)
}

// say writes a line to standard error. If even that fails there is nobody to tell.
func (d *Deps) say(line string) {
	_, _ = fmt.Fprintln(d.Err, line)
}
