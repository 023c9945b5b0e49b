package local

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// mount gives a folder on a file system of its own, of a megabyte.
func mount(t *testing.T) (folder string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may mount a file system")
	}
	folder = t.TempDir()
	if err := syscall.Mount("none", folder, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("root may not mount a file system here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return folder
}

func TestFullDisk(t *testing.T) {
	folder := mount(t)
	path := filepath.Join(folder, "store.db")
	s := open(t, path)
	n, err := fillUp(t.Context(), s)
	wantError(t, err, datastore.ErrUnavailable, "no space left for "+path)
	checkFull(t, path, n)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkFull(t, path, n)

	filler := []byte(strings.Repeat("x", 2<<20))
	_ = os.WriteFile(filepath.Join(folder, "filler"), filler, 0o600) // as much of it as there is room for
	_, err = Open(t.Context(), filepath.Join(folder, "new.db"))
	wantError(t, err, datastore.ErrUnavailable, "no space left for "+filepath.Join(folder, "new.db"))
	for _, name := range entries(t, folder) {
		if name != "new.db" {
			_ = os.Remove(filepath.Join(folder, name))
		}
	}
	if s := open(t, filepath.Join(folder, "new.db")); !s.Fresh() {
		t.Error("the file that there was no space for is not fresh")
	}
}

func TestReadOnlyDisk(t *testing.T) {
	folder := mount(t)
	path := filepath.Join(folder, "store.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", folder, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, filepath.Join(folder, "new.db"), filepath.Join(folder, "new", "store.db")} {
		s, err := Open(t.Context(), name)
		if err == nil {
			_, err = s.List(t.Context(), resources.HostEndpoint)
		}
		wantError(t, err, datastore.ErrUnavailable, filepath.Dir(name))
	}
}
