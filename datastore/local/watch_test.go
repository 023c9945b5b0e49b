//go:build unix

package local

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

func withHistory(revisions int64) Option {
	return func(o *options) { o.history = revisions }
}

func TestCompaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path, withHistory(100))
	slow, err := s.Watch(t.Context(), resources.GlobalNetworkSet, "1")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 500 {
		if _, err := s.Create(t.Context(), networkSet(fmt.Sprint("n", i))); err != nil {
			t.Fatal(err)
		}
		var entries int
		if err := s.db.QueryRowContext(t.Context(), "SELECT count(*) FROM log").Scan(&entries); err != nil {
			t.Fatal(err)
		}
		if entries > 112 || i == 112 && entries != 100 {
			t.Fatalf("the log has %d entries after %d writes", entries, i+1)
		}
	}
	_, err = slow.Next(t.Context())
	wantError(t, err, datastore.ErrCompacted, "GlobalNetworkSet")
	_, again := slow.Next(t.Context())
	if again != err { //nolint:errorlint // it must be that very error
		t.Errorf("Next after an error gives %v, want %v", again, err)
	}
	for _, tooOld := range []string{"0", "1", "2", "389", "-1"} {
		_, err := s.Watch(t.Context(), resources.GlobalNetworkSet, tooOld)
		wantError(t, err, datastore.ErrCompacted)
	}
	w, err := s.Watch(t.Context(), resources.GlobalNetworkSet, "401")
	if err != nil {
		t.Fatal(err)
	}
	for n := 402; n <= 501; n++ {
		e, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Object.GetResourceVersion(); got != strconv.Itoa(n) {
			t.Fatalf("got revision %s, want %d", got, n)
		}
	}
	checkIntegrity(t, s)
}

// TestRevisionsAreNotReused empties a store, log and all.
func TestRevisionsAreNotReused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path, withHistory(0))
	want := firstRevision
	for range 5 {
		o, err := s.Create(t.Context(), networkSet("a"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), resources.GlobalNetworkSet.Key("a"), o.GetResourceVersion()); err != nil {
			t.Fatal(err)
		}
		want += 2
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, path, withHistory(0))
		list, err := s.List(t.Context(), resources.GlobalNetworkSet)
		if err != nil {
			t.Fatal(err)
		}
		if list.ResourceVersion != strconv.Itoa(want) {
			t.Errorf("the revision is %s, want %d", list.ResourceVersion, want)
		}
	}
}

func TestWatchFromOddRevisions(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	for _, odd := range []string{"", "x", "1.5", "99999999999999999999"} {
		_, err := s.Watch(t.Context(), resources.Tier, odd)
		wantError(t, err, datastore.ErrInvalid, strconv.Quote(odd))
	}
	_, err := s.Watch(t.Context(), resources.Tier, "2") // nobody has written that yet
	wantError(t, err, datastore.ErrCompacted)
}

// TestWatchSeesOtherStores has events come from another store of the same file, more of
// them than are read at once.
func TestWatchSeesOtherStores(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	writer, reader := open(t, path), open(t, path)
	w, err := reader.Watch(t.Context(), resources.GlobalNetworkSet, "1")
	if err != nil {
		t.Fatal(err)
	}
	const many = 2*readAhead + 10
	var want, got []string
	go func() {
		time.Sleep(100 * time.Millisecond)
		err := writer.Atomically(t.Context(), func(tx datastore.Store) error {
			for i := range many {
				if _, err := tx.Create(t.Context(), networkSet(fmt.Sprintf("n%04d", i))); err != nil {
					return err
				}
				if _, err := tx.Create(t.Context(), endpoint(i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}()
	for i := range many {
		e, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Object.GetName()+" "+e.Object.GetResourceVersion())
		want = append(want, fmt.Sprintf("n%04d %d", i, 2*i+2))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestWatchEndsWithTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	w, err := s.Watch(t.Context(), resources.GlobalNetworkSet, "1")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = s.Close() })
	_, err = w.Next(t.Context())
	wantError(t, err, datastore.ErrUnavailable, path+" has been closed")
	for name, use := range map[string]func() error{
		"Get":    func() error { _, err := s.Get(t.Context(), resources.GlobalNetworkSet.Key("a")); return err },
		"List":   func() error { _, err := s.List(t.Context(), resources.GlobalNetworkSet); return err },
		"Create": func() error { _, err := s.Create(t.Context(), networkSet("a")); return err },
		"Watch":  func() error { _, err := s.Watch(t.Context(), resources.GlobalNetworkSet, "1"); return err },
	} {
		t.Run(name, func(t *testing.T) { wantError(t, use(), datastore.ErrUnavailable, path+" has been closed") })
	}
}

// TestFileReplaced takes the file away from under a store.
func TestFileReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	w, err := s.Watch(t.Context(), resources.GlobalNetworkSet, "1")
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = os.Rename(path, path+".old") })
	_, err = w.Next(t.Context())
	wantError(t, err, datastore.ErrUnavailable, path+" has been removed or replaced")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = s.Create(t.Context(), networkSet("a"))
	wantError(t, err, datastore.ErrUnavailable, path+" has been removed or replaced")
}

// TestBrokenObjects has bodies in the store that nobody can read.
func TestBrokenObjects(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	for _, name := range []string{"cut", "fine", "kind", "name", "type"} {
		if _, err := s.Create(t.Context(), networkSet(name)); err != nil {
			t.Fatal(err)
		}
	}
	raw(t, path, `
		UPDATE objects SET body = substr(body, 1, 40) WHERE name = 'cut';
		UPDATE objects SET body = replace(body, 'GlobalNetworkSet', 'Tier') WHERE name = 'kind';
		UPDATE objects SET body = replace(body, '"name":"name"', '"name":"other"') WHERE name = 'name';
		UPDATE objects SET body = replace(body, '"spec":{}', '"spec":[]') WHERE name = 'type';`)

	_, err := s.List(t.Context(), resources.GlobalNetworkSet)
	wantError(t, err, datastore.ErrInvalid,
		"GlobalNetworkSet(cut)", "GlobalNetworkSet(kind)", "GlobalNetworkSet(name)", "GlobalNetworkSet(type)")
	for _, name := range []string{"cut", "kind", "name", "type"} {
		_, err = s.Get(t.Context(), resources.GlobalNetworkSet.Key(name))
		wantError(t, err, datastore.ErrInvalid, "GlobalNetworkSet("+name+")")
	}
	if _, err := s.Get(t.Context(), resources.GlobalNetworkSet.Key("fine")); err != nil {
		t.Error(err)
	}

	// They can be replaced and deleted.
	repaired := networkSet("cut")
	repaired.ResourceVersion = "2"
	if _, err := s.Update(t.Context(), repaired); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"kind", "name", "type"} {
		if err := s.Delete(t.Context(), resources.GlobalNetworkSet.Key(name), ""); err != nil {
			t.Error(err)
		}
	}
	list, err := s.List(t.Context(), resources.GlobalNetworkSet)
	if err != nil || len(list.Items) != 2 {
		t.Errorf("after the repair: %v, %v", list, err)
	}

	// A watch that meets one says so.
	w, err := s.Watch(t.Context(), resources.GlobalNetworkSet, "7")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Next(t.Context())
	wantError(t, err, datastore.ErrInvalid, "GlobalNetworkSet(kind)")
}

// TestObjectsNotTaken are objects that a store cannot name.
func TestObjectsNotTaken(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	_, err := s.Create(t.Context(), networkSet(""))
	wantError(t, err, datastore.ErrInvalid, "no name")
	nameless := networkSet("a")
	nameless.Kind = "Pod"
	_, err = s.Create(t.Context(), nameless)
	wantError(t, err, datastore.ErrInvalid, `unknown kind "Pod"`)
	_, err = s.Update(t.Context(), nameless)
	wantError(t, err, datastore.ErrInvalid, `unknown kind "Pod"`)
}
