//go:build unix

package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

const (
	crowd      = 4
	increments = 50
)

// TestProcessesLoseNothing lets processes update one object at once.
func TestProcessesLoseNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	o := networkSet("a")
	o.Labels = map[string]string{"count": "0"}
	if _, err := s.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	var processes []*process
	for range crowd {
		processes = append(processes, start(t, "increment", path))
	}
	w, err := s.Watch(t.Context(), resources.GlobalNetworkSet, "2")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range processes {
		p.release()
	}
	for n := 1; n <= crowd*increments; n++ {
		e, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Object.GetLabels()["count"]; got != strconv.Itoa(n) {
			t.Fatalf("event %d has count %s", n, got)
		}
	}
	for _, p := range processes {
		p.wait()
	}
	checkIntegrity(t, s)
}

func taskIncrement(path string) error {
	ctx := context.Background()
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	await()
	for done := 0; done < increments; {
		o, err := s.Get(ctx, resources.GlobalNetworkSet.Key("a"))
		if err != nil {
			return err
		}
		count, err := strconv.Atoi(o.GetLabels()["count"])
		if err != nil {
			return err
		}
		o.SetLabels(map[string]string{"count": strconv.Itoa(count + 1)})
		switch _, err := s.Update(ctx, o); {
		case err == nil:
			done++
		case !errors.Is(err, datastore.ErrConflict):
			return err
		}
	}
	return nil
}

// TestProcessesSeedOnce lets processes open a file at once that none of them finds.
func TestProcessesSeedOnce(t *testing.T) {
	for range 3 {
		path := filepath.Join(t.TempDir(), "folder", "store.db")
		var processes []*process
		for range crowd {
			processes = append(processes, start(t, "open", path))
		}
		for _, p := range processes {
			p.release()
		}
		fresh := 0
		for _, p := range processes {
			if p.line() == "fresh" {
				fresh++
			}
			p.wait()
		}
		s := open(t, path)
		list, err := s.List(t.Context(), resources.GlobalNetworkSet)
		if err != nil {
			t.Fatal(err)
		}
		if fresh != 1 || len(list.Items) != 1 || s.Fresh() {
			t.Errorf("%d processes found the store fresh and seeded %d objects; want 1 and 1", fresh, len(list.Items))
		}
	}
}

func taskOpen(path string) error {
	await()
	ctx := context.Background()
	s, err := Open(ctx, path, WithSeed(func(tx datastore.Store) error {
		_, err := tx.Create(ctx, networkSet(fmt.Sprint("seed", os.Getpid())))
		return err
	}))
	if err != nil {
		return err
	}
	list, err := s.List(ctx, resources.GlobalNetworkSet)
	if err != nil {
		return err
	}
	if len(list.Items) == 0 {
		return errors.New("the store is not seeded")
	}
	fmt.Println(map[bool]string{true: "fresh", false: "found"}[s.Fresh()])
	return s.Close()
}

const batchSize = 5000

// TestKill kills a process at several moments of a transaction.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	for _, moment := range []struct {
		batches int
		delay   time.Duration
	}{{0, 20}, {0, 150}, {1, 0}, {1, 100}} {
		p := start(t, "batches", path)
		p.release()
		acknowledged := 0
		for range moment.batches {
			acknowledged = number(t, p.line())
		}
		time.Sleep(moment.delay * time.Millisecond)
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for line := p.line(); line != ""; line = p.line() {
			acknowledged = number(t, line)
		}
		_ = p.Wait()

		s := open(t, path)
		list, err := s.List(t.Context(), resources.GlobalNetworkSet)
		if err != nil {
			t.Fatal(err)
		}
		n := len(list.Items)
		t.Logf("killed %v ms after %d transactions: %d objects, %d acknowledged",
			int(moment.delay), moment.batches, n, acknowledged)
		if n%batchSize != 0 || n < acknowledged {
			t.Errorf("there are %d objects, want a multiple of %d and no less than %d", n, batchSize, acknowledged)
		}
		if want := strconv.Itoa(n + firstRevision); list.ResourceVersion != want {
			t.Errorf("the revision is %s, want %s", list.ResourceVersion, want)
		}
		checkIntegrity(t, s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func taskBatches(path string) error {
	ctx := context.Background()
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	list, err := s.List(ctx, resources.GlobalNetworkSet)
	if err != nil {
		return err
	}
	await()
	for n := len(list.Items); ; n += batchSize {
		if err := s.Atomically(ctx, func(tx datastore.Store) error { return fill(ctx, tx, n) }); err != nil {
			return err
		}
		fmt.Println(n + batchSize)
	}
}

func fill(ctx context.Context, tx datastore.Store, first int) error {
	for i := range batchSize {
		if _, err := tx.Create(ctx, networkSet(fmt.Sprintf("n%08d", first+i))); err != nil {
			return err
		}
	}
	return nil
}

// TestKillWhileSeeding kills the process that creates a store.
func TestKillWhileSeeding(t *testing.T) {
	for _, delay := range []time.Duration{5, 50, 250} {
		path := filepath.Join(t.TempDir(), "store.db")
		p := start(t, "seed", path)
		p.release()
		time.Sleep(delay * time.Millisecond)
		_ = p.Process.Kill()
		_ = p.Wait()
		s := open(t, path, WithSeed(func(tx datastore.Store) error { return fill(t.Context(), tx, 0) }))
		list, err := s.List(t.Context(), resources.GlobalNetworkSet)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("killed after %v ms: fresh %t", int(delay), s.Fresh())
		if len(list.Items) != batchSize {
			t.Errorf("killed after %v ms: there are %d objects, want %d", int(delay), len(list.Items), batchSize)
		}
		checkIntegrity(t, s)
	}
}

func taskSeed(path string) error {
	await()
	ctx := context.Background()
	_, err := Open(ctx, path, WithSeed(func(tx datastore.Store) error { return fill(ctx, tx, 0) }))
	return err
}

// checkIntegrity lets SQLite look for damage, and compares the log with the counter.
func checkIntegrity(t *testing.T, s *Store) {
	t.Helper()
	var verdict string
	if err := s.db.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity check: %s, %v", verdict, err)
	}
	var entries, want int64
	err := s.db.QueryRowContext(t.Context(),
		"SELECT (SELECT count(*) FROM log), current - compacted FROM revisions").Scan(&entries, &want)
	if err != nil || entries != want {
		t.Errorf("the log has %d entries, want %d (%v)", entries, want, err)
	}
}

// TestBusy lets another connection write for longer than a store waits.
func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	holder := open(t, path)
	s := open(t, path, func(o *options) { o.patience = 200 * time.Millisecond })
	err := holder.Atomically(t.Context(), func(tx datastore.Store) error {
		if _, err := tx.Create(t.Context(), networkSet("held")); err != nil {
			return err
		}
		_, err := s.Create(t.Context(), networkSet("a"))
		wantError(t, err, datastore.ErrUnavailable, "another process is writing to "+path+" for more than 200ms")

		list, err := s.List(t.Context(), resources.GlobalNetworkSet) // readers do not wait
		if err != nil || len(list.Items) != 0 {
			t.Errorf("a reader sees %v and error %v", list, err)
		}

		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := s.Create(ctx, networkSet("a")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a write that may not wait gives %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	err = s.Atomically(t.Context(), func(datastore.Store) error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := s.Create(ctx, networkSet("a")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a write that may not wait gives %v", err)
		}
		_, err := s.Create(t.Context(), networkSet("b"))
		return err
	})
	wantError(t, err, datastore.ErrUnavailable, "another transaction of this process has been writing to "+path)
}

// wantError checks which error it is and that its text has all the parts.
func wantError(t *testing.T, err, want error, parts ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
		return
	}
	var own *datastore.Error
	if !errors.As(err, &own) || own.Op == "" {
		t.Errorf("error %#v is not one of datastore's", err)
	}
	t.Log(err)
	if i := slices.IndexFunc(parts, func(p string) bool { return !strings.Contains(err.Error(), p) }); i >= 0 {
		t.Errorf("error %q does not say %q", err, parts[i])
	}
}

func number(t *testing.T, line string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
