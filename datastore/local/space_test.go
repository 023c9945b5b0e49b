//go:build unix

package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// fillUp creates large objects, each in a transaction of its own, until one fails. It
// gives how many succeeded.
func fillUp(ctx context.Context, s *Store) (int, error) {
	for i := range 10_000 {
		o := networkSet(fmt.Sprintf("n%04d", i))
		o.Annotations = map[string]string{"large": strings.Repeat("x", 20_000)}
		if _, err := s.Create(ctx, o); err != nil {
			return i, err
		}
	}
	return 0, errors.New("there is no end of space")
}

// checkFull checks that nothing of a store that is full is lost.
func checkFull(t *testing.T, path string, want int) {
	t.Helper()
	s := open(t, path)
	list, err := s.List(t.Context(), resources.GlobalNetworkSet)
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != want || want == 0 {
		t.Errorf("there are %d objects, want %d", len(list.Items), want)
	}
	checkIntegrity(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path, func(o *options) { o.maxPages = 100 })
	n, err := fillUp(t.Context(), s)
	wantError(t, err, datastore.ErrUnavailable, "no space left for "+path)

	// Whoever overlooks the error must not keep half of the transaction.
	err = s.Atomically(t.Context(), func(tx datastore.Store) error {
		large := networkSet("large")
		large.Annotations = map[string]string{"large": strings.Repeat("x", 2_000_000)}
		_, createErr := tx.Create(t.Context(), networkSet("before"))
		_, largeErr := tx.Create(t.Context(), large)
		_, afterErr := tx.Create(t.Context(), networkSet("after"))
		if createErr != nil || largeErr == nil || afterErr == nil {
			t.Errorf("errors: %v, %v, %v", createErr, largeErr, afterErr)
		}
		return nil
	})
	wantError(t, err, datastore.ErrUnavailable, "no space left for "+path)
	checkFull(t, path, n)

	if err := s.Delete(t.Context(), resources.GlobalNetworkSet.Key("n0000"), ""); err != nil {
		t.Logf("deleting needs space for the log too: %v", err)
	}
}

// TestFileSizeLimit has the operating system refuse to make the file any larger.
func TestFileSizeLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	p := start(t, "limited", path)
	p.release()
	n := number(t, p.line())
	text := p.line()
	p.wait()
	if !strings.Contains(text, datastore.ErrUnavailable.Error()) || !strings.Contains(text, path) {
		t.Errorf("got error %q, want %v about %s", text, datastore.ErrUnavailable, path)
	}
	t.Log(text)
	checkFull(t, path, n)
}

func taskLimited(path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	ctx := context.Background()
	await()
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	n, err := fillUp(ctx, s)
	fmt.Printf("%d\n%v\n", n, err)
	return nil
}

// TestNoPermission works as somebody who may not write, or not even read.
func TestNoPermission(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "store.db")
	open(t, path)
	p := start(t, "nobody", path)
	p.release()
	for line := p.line(); line != ""; line = p.line() {
		t.Log(line)
	}
	p.wait()
}

// taskNobody tries what others may do in the folder of a store whose owner is root.
func taskNobody(path string) error {
	folder := filepath.Dir(path)
	await()
	chmod := func(name string, mode os.FileMode) {
		if err := os.Chmod(name, mode); err != nil {
			panic(err)
		}
	}
	chmod(filepath.Dir(folder), 0o755)
	chmod(path, 0o644)
	chmod(folder, 0o555)
	if os.Geteuid() == 0 {
		if err := syscall.Setuid(65534); err != nil {
			return err
		}
	} else {
		defer chmod(folder, 0o755)
	}
	for _, name := range []string{path, filepath.Join(folder, "new.db"), filepath.Join(folder, "new", "store.db")} {
		s, err := Open(context.Background(), name)
		if err == nil {
			_, err = s.Create(context.Background(), networkSet("a"))
		}
		fmt.Println(err)
		if !errors.Is(err, datastore.ErrUnauthorized) && !errors.Is(err, datastore.ErrUnavailable) {
			return fmt.Errorf("%s: got error %w", name, err)
		}
		if !strings.Contains(err.Error(), filepath.Dir(name)) {
			return fmt.Errorf("%s: the error does not say where: %w", name, err)
		}
	}
	return nil
}
