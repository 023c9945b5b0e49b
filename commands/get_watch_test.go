package commands

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/local"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// kept is a Store that commands cannot close. It tells when they watch.
type kept struct {
	datastore.Store
	watched func()
}

func (k kept) Watch(ctx context.Context, kind *resources.Kind, resourceVersion string) (datastore.Watcher, error) {
	k.watched()
	return k.Store.Watch(ctx, kind, resourceVersion)
}

func (kept) Close() error { return nil }

// watching is a command that watches, and the datastore that it watches.
type watching struct {
	t      *testing.T
	store  datastore.Store
	lines  *bufio.Reader
	stop   context.CancelFunc
	exit   chan int
	stderr *bytes.Buffer
	// start waits until the command watches, having shown what was there.
	start func()
}

func watch(t *testing.T, wrap func(datastore.Store) datastore.Store, prepare func(datastore.Store), args ...string) *watching {
	t.Helper()
	store, err := local.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	prepare(store)
	reader, writer := io.Pipe()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	var once sync.Once
	started := make(chan struct{})
	watched := func() { once.Do(func() { close(started) }) }
	w := &watching{t: t, store: store, lines: bufio.NewReader(reader), stop: stop, exit: make(chan int, 1), stderr: &bytes.Buffer{}}
	w.start = func() { <-started }
	go func() {
		defer func() { _ = writer.Close() }()
		w.exit <- Run(ctx, append([]string{"get", "-w"}, args...), Deps{
			IO: IO{In: strings.NewReader(""), Out: writer, Err: w.stderr}, Program: "calicoctl", Now: time.Now,
			LookupEnv: environment(nil),
			Open: func(context.Context, Config, access) (Backend, error) {
				return Backend{Store: kept{wrap(store), watched}}, nil
			},
		})
	}()
	return w
}

func same(s datastore.Store) datastore.Store { return s }

// expect reads as many lines as there are in want, and compares.
func (w *watching) expect(want string) {
	w.t.Helper()
	var got strings.Builder
	for range strings.Count(want, "\n") {
		line, err := w.lines.ReadString('\n')
		if err != nil {
			w.t.Fatal(err)
		}
		got.WriteString(line)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		w.t.Fatal(diff)
	}
}

// end interrupts the command.
func (w *watching) end(stderr string) {
	w.t.Helper()
	w.stop()
	if code := <-w.exit; code != exitInterrupted {
		w.t.Errorf("exit status %d", code)
	}
	if diff := cmp.Diff(stderr, w.stderr.String()); diff != "" {
		w.t.Error(diff)
	}
}

func put(t *testing.T, s datastore.Store, name, node, role string) {
	t.Helper()
	o := resources.HostEndpoint.New().(*v3.HostEndpoint)
	o.Name, o.Labels = name, map[string]string{"role": role}
	o.Spec = v3.HostEndpointSpec{Node: node, InterfaceName: "*"}
	results, err := datastore.Write(t.Context(), s, datastore.Apply, []resources.Object{o}, datastore.WriteOptions{})
	if err != nil || results[0].Err != nil {
		t.Fatal(err, results)
	}
}

func remove(t *testing.T, s datastore.Store, name string) {
	t.Helper()
	if err := s.Delete(t.Context(), resources.HostEndpoint.Key(name), ""); err != nil {
		t.Fatal(err)
	}
}

// TestWatchTable shows a row for each change; columns get wider and never narrower.
func TestWatchTable(t *testing.T) {
	w := watch(t, same, func(s datastore.Store) { put(t, s, "a", "n1", "x") }, "heps")
	w.expect("EVENT      NAME   NODE   \nADDED      a      n1     \n")
	put(t, w.store, "a-long-name", "n2", "x")
	w.expect("ADDED      a-long-name   n2     \n")
	put(t, w.store, "a", "n3", "x")
	w.expect("MODIFIED   a             n3     \n")
	remove(t, w.store, "a-long-name")
	w.expect("DELETED    a-long-name   n2     \n")
	w.end("interrupted\n")
}

// TestWatchSelector shows what begins and ceases to match.
func TestWatchSelector(t *testing.T) {
	w := watch(t, same, func(s datastore.Store) { put(t, s, "a", "n", "x"); put(t, s, "b", "n", "y") }, "heps", "--selector", "role == 'x'", "-o", "name")
	w.expect("hostendpoint/a\n")
	put(t, w.store, "b", "n", "x")
	w.expect("hostendpoint/b\n")
	put(t, w.store, "a", "n", "z")
	w.expect("hostendpoint/a deleted\n")
	remove(t, w.store, "a")
	remove(t, w.store, "b")
	w.expect("hostendpoint/b deleted\n")
	w.end("interrupted\n")
}

// TestWatchForms has JSON on one line and YAML in documents, and waits for a name that is missing.
func TestWatchForms(t *testing.T) {
	w := watch(t, same, func(datastore.Store) {}, "heps", "a", "-o", "json", "--export")
	w.start()
	put(t, w.store, "other", "n", "x")
	put(t, w.store, "a", "n", "x")
	w.expect(`{"object":{"kind":"HostEndpoint","apiVersion":"projectcalico.org/v3","metadata":{"name":"a","labels":{"role":"x"}},"spec":{"node":"n","interfaceName":"*"}},"type":"ADDED"}` + "\n")
	w.end("warning: resource does not exist: HostEndpoint(a): it is shown when it comes\ninterrupted\n")

	w = watch(t, same, func(s datastore.Store) { put(t, s, "a", "n", "x") }, "heps", "-o", "yaml", "--export", "--watch-only")
	w.start()
	remove(t, w.store, "a")
	w.expect("---\n# DELETED\napiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata:\n  labels:\n    role: x\n  name: a\nspec:\n  interfaceName: '*'\n  node: \"n\"\n")
	w.end("interrupted\n")
}

// flaky fails its first watches, as a datastore does that is away or has compacted its history.
type flaky struct {
	datastore.Store
	failures []error
	between  func()
}

func (f *flaky) Watch(ctx context.Context, kind *resources.Kind, resourceVersion string) (datastore.Watcher, error) {
	if len(f.failures) > 0 {
		err := f.failures[0]
		f.failures = f.failures[1:]
		f.between()
		return nil, datastore.ErrorOf("watch", kind.Key(""), err, "")
	}
	return f.Store.Watch(ctx, kind, resourceVersion)
}

// TestWatchGoesOn loses nothing to a datastore that is away, or that has compacted what happened meanwhile.
func TestWatchGoesOn(t *testing.T) {
	var store datastore.Store
	w := watch(t, func(s datastore.Store) datastore.Store {
		store = s
		n := 0
		return &flaky{Store: s, failures: []error{datastore.ErrUnavailable, datastore.ErrCompacted}, between: func() {
			if n++; n == 2 {
				remove(t, store, "a")
				put(t, store, "b", "n", "x")
			}
		}}
	}, func(s datastore.Store) { put(t, s, "a", "n", "x") }, "heps", "-o", "name")
	w.expect("hostendpoint/a\nhostendpoint/b\nhostendpoint/a deleted\n")
	w.end("warning: datastore is unavailable: HostEndpoint; waiting for it to come back\ninterrupted\n")
}

// TestWatchRefuses does not watch with a template.
func TestWatchRefuses(t *testing.T) {
	w := watch(t, same, func(datastore.Store) {}, "heps", "-o", "go-template={{.}}")
	if code := <-w.exit; code != exitError || !strings.Contains(w.stderr.String(), "cannot be watched; write ps, wide") {
		t.Errorf("exit status %d: %s", code, w.stderr)
	}
}
