//go:build unix

package local

import (
	"database/sql"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

func TestFileModes(t *testing.T) {
	parent := t.TempDir()
	s := open(t, filepath.Join(parent, "new", "folder", "store.db"))
	if _, err := s.Create(t.Context(), networkSet("a")); err != nil {
		t.Fatal(err)
	}
	got := map[string]fs.FileMode{}
	err := filepath.WalkDir(filepath.Join(parent, "new"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		name, _ := filepath.Rel(parent, path)
		got[name] = info.Mode().Perm()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]fs.FileMode{
		"new": 0o700, "new/folder": 0o700,
		"new/folder/store.db": 0o600, "new/folder/store.db-wal": 0o600, "new/folder/store.db-shm": 0o600,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("modes (-want +got):\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"store.db"}, entries(t, filepath.Join(parent, "new", "folder"))); diff != "" {
		t.Errorf("files after Close (-want +got):\n%s", diff)
	}
}

func TestFresh(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	seeded := 0
	seed := WithSeed(func(tx datastore.Store) error {
		seeded++
		_, err := tx.Create(t.Context(), networkSet("seed"))
		return err
	})
	fail := WithSeed(func(tx datastore.Store) error {
		if _, err := tx.Create(t.Context(), networkSet("failed")); err != nil {
			return err
		}
		return fs.ErrInvalid
	})
	if _, err := Open(t.Context(), path, fail); err != fs.ErrInvalid { //nolint:errorlint // it must be that very error
		t.Errorf("Open gives %v, want the error of its seed", err)
	}
	for i, fresh := range []bool{true, false} {
		s := open(t, path, seed)
		if s.Fresh() != fresh {
			t.Errorf("Open number %d: fresh is %t", i, s.Fresh())
		}
		list, err := s.List(t.Context(), resources.GlobalNetworkSet)
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Items) != 1 || list.ResourceVersion != "2" || list.Items[0].GetResourceVersion() != "2" {
			t.Errorf("Open number %d: got list %+v", i, list)
		}
	}
	if seeded != 1 {
		t.Errorf("it was seeded %d times", seeded)
	}
}

func TestPathsThatWork(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"dangling", "linked"} {
		if err := os.Symlink("target-of-"+name, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	open(t, filepath.Join(folder, "target-of-linked"))
	for _, name := range []string{
		"dangling", "linked", "a?mode=ro&x#y%41 z;.db", ":memory:", "file:x.db", "-wal", strings.Repeat("x", 240), "ü\n\xff",
	} {
		s := open(t, filepath.Join(folder, name))
		if _, err := s.Create(t.Context(), networkSet("a")); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil || info.Size() == 0 {
			t.Errorf("%q: the file is not where it should be: %v", name, err)
		}
	}
	t.Chdir(folder)
	s := open(t, "relative.db")
	t.Chdir("/")
	if _, err := s.Create(t.Context(), networkSet("a")); err != nil {
		t.Errorf("after a change of folder: %v", err)
	}
}

func TestPathsThatDoNotWork(t *testing.T) {
	folder := t.TempDir()
	in := func(name string) string { return filepath.Join(folder, name) }
	for link, target := range map[string]string{"loop1": "loop2", "loop2": "loop1"} {
		if err := os.Symlink(target, in(link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(in("file"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(in("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := entries(t, folder)
	for _, test := range []struct {
		path string
		want error
		text string
	}{
		{"", datastore.ErrInvalid, "path"},
		{folder, datastore.ErrInvalid, folder + " is a folder"},
		{in("fifo"), datastore.ErrInvalid, "not a regular file"},
		{"/dev/null", datastore.ErrInvalid, "not a regular file"},
		{in("loop1"), datastore.ErrUnavailable, in("loop1") + ": too many levels of symbolic links"},
		{in("loop1/store.db"), datastore.ErrUnavailable, "too many levels of symbolic links"},
		{in("file/store.db"), datastore.ErrUnavailable, in("file/store.db") + ": not a directory"},
		{in("file/x/store.db"), datastore.ErrUnavailable, in("file/x/store.db") + ": not a directory"},
		{in(strings.Repeat("x", 300)), datastore.ErrUnavailable, "file name too long"},
		{"/proc/store.db", datastore.ErrUnavailable, "/proc/store.db"},
		{"/proc/new/store.db", datastore.ErrUnavailable, "/proc/new"},
	} {
		_, err := Open(t.Context(), test.path)
		wantError(t, err, test.want, test.text)
	}
	if diff := cmp.Diff(before, entries(t, folder)); diff != "" {
		t.Errorf("files afterwards (-want +got):\n%s", diff)
	}
}

// TestRefusedFiles opens what is no datastore, or not ours, or not whole.
func TestRefusedFiles(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	garbage := make([]byte, 10_000)
	_, _ = random.Read(garbage)
	good := goodFile(t)
	shuffled := append([]byte{}, good...)
	_, _ = random.Read(shuffled[4096:])
	beheaded := append(make([]byte, 100), good[100:]...)

	for _, test := range []struct {
		name    string
		content []byte
		says    string
	}{
		{"byte", []byte("x"), "is damaged"},
		{"text", []byte("apiVersion: v1\n"), "is damaged"},
		{"zeros", make([]byte, 8192), "is damaged"},
		{"garbage", garbage, "is damaged"},
		{"header", good[:100], "is damaged"},
		{"half a page", good[:2000], "is damaged"},
		{"one page", good[:4096], "is damaged"},
		{"half", good[:len(good)/2&^4095], "is damaged"},
		{"all but a page", good[:len(good)-4096], "is damaged"},
		{"shuffled", shuffled, "is damaged"},
		{"beheaded", beheaded, "is damaged"},
		{"other tables", rawFile(t, "CREATE TABLE x (y)"), "of another application (application id 0)"},
		{"other application", rawFile(t, "PRAGMA application_id = 77; CREATE TABLE x (y)"), "of another application (application id 77)"},
		{"other version", rawFile(t, "PRAGMA user_version = 1"), "of another application"},
		{"nothing left", rawFile(t, "CREATE TABLE x (y); DROP TABLE x"), "of another application"},
		{"no tables", rawFile(t, markAsOurs(1)), "is damaged"},
		{"no version", rawFile(t, markAsOurs(0)), "is damaged"},
		{"newer", rawFile(t, markAsOurs(2)+"CREATE TABLE x (y)"), "has format version 2, and this calicoctl knows up to 1: use a newer calicoctl"},
		{"newer with log", rawFile(t, "PRAGMA journal_mode = WAL;"+markAsOurs(9)+"CREATE TABLE x (y)"), "use a newer calicoctl"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store.db")
			if err := os.WriteFile(path, test.content, 0o640); err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), path)
			if err == nil {
				_, err = s.List(t.Context(), resources.HostEndpoint)
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
			wantError(t, err, datastore.ErrInvalid, path, test.says)
			after, err := os.ReadFile(path)
			if err != nil || string(after) != string(test.content) {
				t.Errorf("the file has changed (%v)", err)
			}
			if got := entries(t, filepath.Dir(path)); len(got) != 1 {
				t.Errorf("there are new files: %v", got)
			}
		})
	}
}

func markAsOurs(version int) string {
	return fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, version)
}

// goodFile is a datastore with a few hundred endpoints.
func goodFile(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	err := s.Atomically(t.Context(), func(tx datastore.Store) error {
		for i := range 300 {
			if _, err := tx.Create(t.Context(), endpoint(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// rawFile is a database that statements were run on.
func rawFile(t *testing.T, statements string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "raw.db")
	raw(t, path, statements)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// raw runs statements on a database, past the store.
func raw(t *testing.T, path, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestNewerWithChangesInItsLog refuses a newer file whose process was killed.
func TestNewerWithChangesInItsLog(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	s := open(t, filepath.Join(from, "store.db"))
	if _, err := s.Create(t.Context(), networkSet("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.db.ExecContext(t.Context(), "PRAGMA user_version = 2"); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil { // as it is after a kill
		t.Fatal(err)
	}
	path := filepath.Join(to, "store.db")
	_, err := Open(t.Context(), path)
	wantError(t, err, datastore.ErrInvalid, path, "use a newer calicoctl")

	raw(t, path, "PRAGMA user_version = 1")
	if _, err := open(t, path).Get(t.Context(), resources.GlobalNetworkSet.Key("a")); err != nil {
		t.Errorf("the newer file lost something: %v", err)
	}
}

// TestLogWithoutFile keeps what is left of a file that was moved away from its log.
func TestLogWithoutFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(path+"-wal", []byte("changes"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		_, err := Open(t.Context(), path)
		wantError(t, err, datastore.ErrInvalid, path+"-wal", "move it away")
	}
	if got, err := os.ReadFile(path + "-wal"); err != nil || string(got) != "changes" {
		t.Errorf("the log holds %q (%v)", got, err)
	}
}

func entries(t *testing.T, folder string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// TestInterruptedCreation opens a file whose creator did not come to its last step.
func TestInterruptedCreation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	raw(t, path, "PRAGMA journal_mode = DELETE")
	s := open(t, path)
	var mode string
	if err := s.db.QueryRowContext(t.Context(), "PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("the journal mode is %q (%v)", mode, err)
	}
}
