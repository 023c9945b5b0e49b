//go:build unix

package manifest

import (
	"context"
	"errors"
	"path/filepath"
	"syscall"
	"testing"
)

// TestInterrupt stops reading a pipe that nobody writes to.
func TestInterrupt(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.yaml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, []string{pipe}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
