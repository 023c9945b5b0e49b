//go:build unix

package cluster

import (
	"syscall"
	"testing"
)

// Pause has the server take connections and answer nothing until the test ends.
func (a *APIServer) Pause(tb testing.TB) {
	tb.Helper()
	if err := a.process.command.Process.Signal(syscall.SIGSTOP); err != nil {
		tb.Fatalf("pause kube-apiserver: %v", err)
	}
}

// Pause has etcd take connections and answer nothing until the test ends.
func (e *Etcd) Pause(tb testing.TB) {
	tb.Helper()
	if err := e.process.command.Process.Signal(syscall.SIGSTOP); err != nil {
		tb.Fatalf("pause etcd: %v", err)
	}
}
