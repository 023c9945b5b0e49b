package controller

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// TestAddressInUse has somebody else use the address of health: that is one warning, however often it is tried again, and
// that it is over is told too.
func TestAddressInUse(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	c, log := newForTest(t, openLocal(t), time.Now), &lines{}
	c.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { c.keepServing(ctx, other.Addr().String(), http.HandlerFunc(c.health.live)) })
	defer group.Wait()
	defer stop()
	eventually(t, "it is not tried again", func() bool { return log.count("cannot be served yet") >= 3 })
	if n := log.count("level=WARN"); n != 1 {
		t.Errorf("there are %d warnings", n)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is not told that it is over", func() bool { return log.count("level=INFO msg=\"health and metrics are served now\"") == 1 })
}
