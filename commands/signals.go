package commands

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// signals are those that ask the process to end. The first one ends a context. The second one ends the process, which may
// not have heeded the first, unless a command keeps those that come later.
type signals struct {
	incoming, later chan os.Signal
	kept            atomic.Bool
}

func newSignals() *signals {
	return &signals{incoming: make(chan os.Signal, 4), later: make(chan os.Signal, 4)}
}

// listen calls stop at the first signal. It listens until the process ends: a signal at the very end is not to change the
// exit code.
func listen(stop func()) *signals {
	s := newSignals()
	signal.Notify(s.incoming, os.Interrupt, syscall.SIGTERM)
	go s.follow(stop)
	return s
}

func (s *signals) follow(stop func()) {
	<-s.incoming
	if !s.kept.Load() {
		signal.Stop(s.incoming)
		stop()
		return
	}
	stop()
	for next := range s.incoming {
		if next == os.Interrupt {
			signal.Reset(os.Interrupt) // whoever asks once more does not want to wait at all
		}
		select {
		case s.later <- next:
		default: // as many wait already
		}
	}
}

// keep has signals after the first one not end the process but come through the channel; of those from a keyboard, one
// does. It has to be called before the first.
func (s *signals) keep() <-chan os.Signal {
	s.kept.Store(true)
	return s.later
}

// hurry is closed when somebody at a keyboard asks again that the process end, after ctx has ended. SIGTERM, of which some
// send several to be sure, changes nothing. All this ends when over does.
func hurry(ctx, over context.Context, later <-chan os.Signal, log *slog.Logger) <-chan struct{} {
	out := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
			log.Info("stopping")
		case <-over.Done():
			return
		}
		for hurried := false; ; {
			select {
			case <-over.Done():
				return
			case next := <-later:
				switch {
				case next != os.Interrupt:
					log.Info("stopping already, which takes seconds at the most", "signal", next.String())
				case !hurried:
					hurried = true
					log.Info("stopping without waiting for writes", "signal", next.String())
					close(out)
				}
			}
		}
	}()
	return out
}
