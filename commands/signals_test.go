package commands

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// TestSecondSignal has a command keep signals that come after the first: they come through, and the first alone stops it.
func TestSecondSignal(t *testing.T) {
	s, stopped := newSignals(), make(chan struct{})
	later := s.keep()
	go s.follow(func() { close(stopped) })
	s.incoming <- os.Interrupt
	<-stopped
	s.incoming <- syscall.SIGTERM
	if got := <-later; got != syscall.SIGTERM {
		t.Errorf("%v comes", got)
	}
}

// TestSecondSignalEndsProcess leaves signals after the first to end the process where nobody keeps them.
func TestSecondSignalEndsProcess(t *testing.T) {
	s, stopped := newSignals(), make(chan struct{})
	s.incoming <- os.Interrupt
	s.follow(func() { close(stopped) }) // it listens no more when it returns
	<-stopped
}

// heldUp is a datastore in which the creation of a host endpoint is done by a function.
type heldUp struct {
	led
	create func(ctx context.Context, h resources.Object) (resources.Object, error)
}

func (s heldUp) Create(ctx context.Context, o resources.Object) (resources.Object, error) {
	if _, ok := o.(*v3.HostEndpoint); ok {
		return s.create(ctx, o)
	}
	return s.led.Create(ctx, o)
}

// callHeldUp prepares a call of the program where one endpoint is to be created.
func callHeldUp(t *testing.T, create func(context.Context, datastore.Store, resources.Object) (resources.Object, error)) *controllerCall {
	t.Helper()
	s := heldUp{led: newLed(t, "", nil)}
	s.create = func(ctx context.Context, h resources.Object) (resources.Object, error) { return create(ctx, s.led, h) }
	return &controllerCall{
		vars: map[string]string{"AUTO_HOST_ENDPOINTS": "enabled"},
		open: func(context.Context) (datastore.Store, error) { return s, nil },
	}
}

// TestStopWhileWriting asks a controller to stop that is in the middle of a write, and then once more. It ends well, at once
// if that comes from a keyboard.
func TestStopWhileWriting(t *testing.T) {
	for name, test := range map[string]struct {
		again os.Signal
		want  string
		soon  bool
	}{
		"terminated":  {syscall.SIGTERM, `msg="stopping already, which takes seconds at the most" signal=terminated`, false},
		"interrupted": {os.Interrupt, `msg="stopping without waiting for writes" signal=interrupt`, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := make(chan struct{})
			c := callHeldUp(t, func(ctx context.Context, _ datastore.Store, _ resources.Object) (resources.Object, error) {
				close(began)
				<-ctx.Done()
				return nil, ctx.Err()
			})
			c.signals = make(chan os.Signal, 1)
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan string)
			go func() { ended <- c.run(ctx, "run", "--metrics-host", "127.0.0.1") }()
			<-began
			stop()
			asked := time.Now()
			c.signals <- test.again
			log := <-ended
			if took := time.Since(asked); (took < 2*time.Second) != test.soon { // which is what writes get
				t.Errorf("it takes %v to end", took)
			}
			if c.code != exitDone || !strings.Contains(log, test.want) {
				t.Errorf("exit status %d, and not %q in:\n%s", c.code, test.want, log)
			}
		})
	}
}

// TestOnceInterrupted interrupts a pass. It is not completed, even if all endpoints are written.
func TestOnceInterrupted(t *testing.T) {
	for name, written := range map[string]bool{"during the last write": false, "after the last write": true} {
		t.Run(name, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			c := callHeldUp(t, func(ctx context.Context, s datastore.Store, h resources.Object) (resources.Object, error) {
				defer interrupt()
				if !written {
					interrupt()
				}
				return s.Create(ctx, h)
			})
			log := c.run(ctx, "run", "--once")
			if diff := cmp.Diff("interrupted\n", log); diff != "" || c.code != exitInterrupted {
				t.Errorf("exit status %d, and -want +got:\n%s", c.code, diff)
			}
		})
	}
}

// TestDurationsInLog logs a duration, alone and in a group, in both formats.
func TestDurationsInLog(t *testing.T) {
	for format, want := range map[string]string{
		logFormatText: `level=INFO msg=took took=1.5s pass.period=5m0s` + "\n",
		formatJSON:    `"level":"INFO","msg":"took","took":"1.5s","pass":{"period":"5m0s"}}` + "\n",
	} {
		var out strings.Builder
		newControllerLog(&out, format, slog.LevelInfo).Info("took", "took", 1500*time.Millisecond, slog.Group("pass", "period", 5*time.Minute))
		if _, got, _ := strings.Cut(out.String(), map[string]string{logFormatText: " ", formatJSON: ","}[format]); got != want {
			t.Errorf("%s: %s", format, cmp.Diff(want, got))
		}
	}
}

// TestDurationsOfController has a controller log its period in JSON.
func TestDurationsOfController(t *testing.T) {
	c := &controllerCall{open: memory}
	c.start(t, "run", "--log-format", "json", "--metrics-host", "127.0.0.1")
	eventually(t, "the period is not logged with its unit", func() bool { return strings.Contains(c.log.String(), `"period":"5m0s"`) })
}
