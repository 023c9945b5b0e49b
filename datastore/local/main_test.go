//go:build unix

package local

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
)

// Tests that need other processes start this test binary again, with a task in its
// environment in place of tests.
const (
	taskVariable = "LOCAL_TEST_TASK"
	pathVariable = "LOCAL_TEST_PATH"
)

func TestMain(m *testing.M) {
	name := os.Getenv(taskVariable)
	if name == "" {
		os.Exit(m.Run())
	}
	tasks := map[string]func(path string) error{
		"increment": taskIncrement,
		"open":      taskOpen,
		"batches":   taskBatches,
		"seed":      taskSeed,
		"limited":   taskLimited,
		"nobody":    taskNobody,
	}
	if err := tasks[name](os.Getenv(pathVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// process is a task that runs.
type process struct {
	*exec.Cmd
	t     *testing.T
	stdin io.Closer
	lines *bufio.Scanner
}

// start runs a task up to where it waits for its go.
func start(t *testing.T, task, path string) *process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), taskVariable+"="+task, pathVariable+"="+path)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: cmd, t: t, stdin: stdin, lines: bufio.NewScanner(stdout)}
	p.line() // it is ready
	return p
}

// release lets the task go on.
func (p *process) release() { _ = p.stdin.Close() }

// line reads a line of output, which is empty at the end.
func (p *process) line() string {
	p.lines.Scan()
	return p.lines.Text()
}

// wait fails the test if the task failed.
func (p *process) wait() {
	p.t.Helper()
	if err := p.Wait(); err != nil {
		p.t.Errorf("%s: %v", p.Args, err)
	}
}

// await says that this process is ready and waits until it is released.
func await() {
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}
