//go:build unix

package cluster

import (
	"syscall"
	"testing"
)

// Pause has etcd take connections and answer nothing until the test ends.
func (e *Etcd) Pause(tb testing.TB) {
	tb.Helper()
	if err := e.process.command.Process.Signal(syscall.SIGSTOP); err != nil {
		tb.Fatalf("pause etcd: %v", err)
	}
}
