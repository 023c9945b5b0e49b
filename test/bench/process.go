package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// program is the package that is measured.
const program = "github.com/edfb3db0/calicoctl/calicoctl"

func build(ctx context.Context, binary string) error {
	progress("building %s\n", program)
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, program)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// usage is what a process used.
type usage struct {
	time, cpu time.Duration
	// memory is in bytes; 0 where the system does not tell.
	memory int64
}

// expected is what a command has to print on standard output.
type expected struct {
	// text is somewhere near the beginning.
	text string
	// lines is how many there are; 0 for any number.
	lines int
	// status is what the process has to exit with.
	status int
}

// command runs one process with the prepared configuration. A command that fails, or
// that prints something else than expected, is an error with what it wrote to standard
// error.
//
// Nothing large is kept in memory here: on Linux a process begins with the peak of the
// one that started it.
func (b *bench) command(ctx context.Context, args []string, want expected) (usage, error) {
	stdout, err := os.Create(filepath.Join(b.folder, "stdout"))
	if err != nil {
		return usage{}, err
	}
	defer stdout.Close()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, b.binary, slices.Concat(args, []string{"--config", b.config()})...)
	cmd.Dir = b.folder
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	started := time.Now()
	err = cmd.Run()
	used := usage{time: time.Since(started)}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == want.status:
		err = nil
	case err == nil && want.status != 0:
		err = fmt.Errorf("it exits with 0, not with %d", want.status)
	}
	if ctx.Err() != nil {
		return used, errors.New("interrupted")
	}
	if err == nil {
		err = want.check(stdout)
	}
	if err != nil {
		return used, fmt.Errorf("calicoctl %s: %w\n%s", strings.Join(args, " "), err, &stderr)
	}
	used.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	used.memory = peak(cmd.ProcessState)
	return used, nil
}

func (e expected) check(out *os.File) error {
	var lines int
	buffer := make([]byte, 64<<10)
	for offset := int64(0); ; {
		n, err := out.ReadAt(buffer, offset)
		if offset == 0 && !bytes.Contains(buffer[:n], []byte(e.text)) {
			return fmt.Errorf("it does not print %q but\n%.1000s", e.text, buffer[:n])
		}
		lines += bytes.Count(buffer[:n], []byte("\n"))
		offset += int64(n)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	if e.lines > 0 && lines != e.lines {
		return fmt.Errorf("it prints %d lines instead of %d", lines, e.lines)
	}
	return nil
}

// figures are what several runs of a command come to.
type figures struct {
	// usage is the median of each figure.
	usage
	// best is the shortest time.
	best time.Duration
}

func summarize(runs []usage) figures {
	shorter := func(a, b usage) int { return cmp.Compare(a.time, b.time) }
	return figures{best: slices.MinFunc(runs, shorter).time, usage: usage{
		time:   middle(runs, func(u usage) time.Duration { return u.time }),
		cpu:    middle(runs, func(u usage) time.Duration { return u.cpu }),
		memory: middle(runs, func(u usage) int64 { return u.memory }),
	}}
}

func middle[N ~int64](runs []usage, figure func(usage) N) N {
	all := make([]N, len(runs))
	for i, u := range runs {
		all[i] = figure(u)
	}
	slices.Sort(all)
	half := len(all) / 2
	if len(all)%2 == 0 {
		return (all[half-1] + all[half]) / 2
	}
	return all[half]
}
