package local

import (
	"path/filepath"
	"testing"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/storetest"
)

func TestStoreOnDisk(t *testing.T) {
	storetest.Run(t, func(t *testing.T) datastore.Store { return open(t, filepath.Join(t.TempDir(), "store.db")) })
}

// TestStoreInOneFile runs the suite on one file that gets fuller and fuller.
func TestStoreInOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	storetest.Run(t, func(t *testing.T) datastore.Store { return open(t, path) })
}

func TestStoreInMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) datastore.Store {
		s, err := OpenMemory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// open opens a store that the test closes, or the end of it.
func open(t testing.TB, path string, given ...Option) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, given...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
