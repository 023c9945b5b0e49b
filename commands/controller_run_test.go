package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/local"
)

// lockedBuffer is a buffer that is read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// controllerCall is one call of "calicoctl controller".
type controllerCall struct {
	out, log lockedBuffer
	vars     map[string]string
	open     func(ctx context.Context) (datastore.Store, error)
	signals  chan os.Signal
	code     int
}

// run calls the program and gives its standard error when it has ended.
func (c *controllerCall) run(ctx context.Context, args ...string) string {
	c.code = Run(ctx, append([]string{"controller"}, args...), Deps{
		IO: IO{In: strings.NewReader(""), Out: &c.out, Err: &c.log}, Program: "calicoctl", Now: time.Now,
		LookupEnv: func(name string) (string, bool) {
			if value, ok := c.vars[name]; ok {
				return value, ok
			}
			value, ok := map[string]string{"DATASTORE_TYPE": datastoreLocal}[name]
			return value, ok
		},
		Open: func(ctx context.Context, _ Config, _ access) (Backend, error) {
			s, err := c.open(ctx)
			return Backend{Store: s}, err
		},
		KeepSignals: func() <-chan os.Signal { return c.signals },
	})
	return c.log.String()
}

// start calls the program; it ends with the test.
func (c *controllerCall) start(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.run(ctx, args...)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("log:\n%s", c.log.String())
		}
	})
}

func memory(ctx context.Context) (datastore.Store, error) { return local.OpenMemory(ctx) }

func freeListenAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

// answerAt is the status and text of a page; empty while nobody serves it.
func answerAt(url string) string {
	answer, err := http.Get(url)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return fmt.Sprint(answer.StatusCode, " ", string(text))
}

// TestHealthBeforeDatastore asks for health while the datastore refuses, hangs, and comes at last.
func TestHealthBeforeDatastore(t *testing.T) {
	asked, hang := 0, make(chan struct{})
	c := &controllerCall{open: func(ctx context.Context) (datastore.Store, error) {
		switch asked++; asked {
		case 1:
			return nil, clientError(&datastore.Error{Op: "list", Err: datastore.ErrUnavailable})
		case 2:
			return nil, clientError(&datastore.Error{Op: "list", Err: datastore.ErrUnauthorized})
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-hang:
			return memory(ctx)
		}
	}}
	address := freeListenAddress(t)
	c.start(t, "run", "--health-address", address, "--metrics-host", "127.0.0.1")
	alive := func() bool { return answerAt("http://"+address+"/healthz") == "200 ok\n" }
	eventually(t, "health is not served before the datastore is there", alive)
	if got, want := answerAt("http://"+address+"/readyz"), "503 the datastore has not been read yet\n"; got != want {
		t.Errorf("/readyz answers %q, want %q", got, want)
	}
	eventually(t, "a failure is not logged", func() bool {
		return strings.Count(c.log.String(), `level=WARN msg="the datastore cannot be opened yet"`) == 2
	})
	if !alive() {
		t.Error("health is not served while the datastore hangs")
	}
	close(hang)
	eventually(t, "the controller does not work", func() bool { return answerAt("http://"+address+"/readyz") == "200 working\n" })
}

// TestDatastoreThatNeverOpens ends a controller that was told of a datastore that cannot be.
func TestDatastoreThatNeverOpens(t *testing.T) {
	c := &controllerCall{open: func(context.Context) (datastore.Store, error) { return nil, clientError(errors.New("no such file")) }}
	if log := c.run(t.Context(), "run", "--health-address", freeListenAddress(t)); c.code != exitError || !strings.Contains(log, "no such file") {
		t.Errorf("exit status %d, and:\n%s", c.code, log)
	}
}

// TestBadStart refuses what can never work, before anything is opened.
func TestBadStart(t *testing.T) {
	for _, test := range []struct {
		args []string
		vars map[string]string
		want string
	}{
		{[]string{"--health-address", "9098"}, nil, `--health-address is "9098", where nothing can be served: `},
		{[]string{"--metrics-host", "127.0.0.1:9094"}, nil, `--metrics-host is "127.0.0.1:9094", where nothing can be served: `},
		{nil, map[string]string{"LOG_LEVEL": "bogus"}, `invalid environment variable value LOG_LEVEL="bogus": write one of Debug, `},
		{nil, map[string]string{"RECONCILER_PERIOD": "-1s"}, `invalid environment variable value RECONCILER_PERIOD="-1s": `},
	} {
		c := &controllerCall{vars: test.vars, open: func(context.Context) (datastore.Store, error) {
			t.Error("the datastore is opened")
			return nil, errors.New("refused")
		}}
		if log := c.run(t.Context(), append([]string{"run"}, test.args...)...); c.code != exitError || !strings.HasPrefix(log, test.want) {
			t.Errorf("%v %v: exit status %d, and:\n%s", test.args, test.vars, c.code, log)
		}
	}
}

// TestLogLevelOfController has the more talkative of --log-level and LOG_LEVEL win.
func TestLogLevelOfController(t *testing.T) {
	for _, test := range []struct {
		flag, variable string
		info           bool
	}{
		{"panic", "error", false}, {"info", "error", true}, {"debug", "panic", true}, {"error", "info", true}, {"error", "warn", false},
	} {
		c := &controllerCall{vars: map[string]string{"LOG_LEVEL": test.variable}, open: memory}
		address := freeListenAddress(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan string)
		go func() {
			ended <- c.run(ctx, "run", "-l", test.flag, "--health-address", address, "--metrics-host", "127.0.0.1")
		}()
		eventually(t, "the controller does not work", func() bool { return answerAt("http://"+address+"/readyz") == "200 working\n" })
		cancel()
		// That it stops is logged last, when the level of the configuration has been set for long.
		if log := <-ended; strings.Contains(log, "msg=\"not working any more\"") != test.info {
			t.Errorf("-l %s with LOG_LEVEL=%s logs:\n%s", test.flag, test.variable, log)
		}
	}
}
