//go:build unix

package local

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/storetest"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

func TestStoreOnDisk(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) datastore.Store { return open(t, filepath.Join(t.TempDir(), "store.db")) })
}

// TestStoreInOneFile runs the suite on one file that gets fuller and fuller.
func TestStoreInOneFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	storetest.Run(t, func(t *testing.T) datastore.Store { return open(t, path) })
}

func TestStoreInMemory(t *testing.T) {
	t.Parallel()
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

func TestCreateKeepsIdentity(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "store.db"))
	in := networkSet("a")
	in.UID = "0b8d1a55-0000-4000-8000-000000000001"
	in.CreationTimestamp = metav1.NewTime(time.Date(2020, 2, 3, 4, 5, 6, 0, time.UTC))
	want := in.DeepCopy()
	got, err := s.Create(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	want.ResourceVersion = got.GetResourceVersion()
	if diff := cmp.Diff(resources.Object(want), got); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
}

func TestClock(t *testing.T) {
	now := time.Date(2026, 2, 3, 4, 5, 6, 789, time.FixedZone("east", 3600))
	s := open(t, filepath.Join(t.TempDir(), "store.db"), WithClock(func() time.Time { return now }))
	got, err := s.Create(t.Context(), networkSet("a"))
	if err != nil {
		t.Fatal(err)
	}
	at := got.GetCreationTimestamp()
	if want := time.Date(2026, 2, 3, 3, 5, 6, 0, time.UTC); !at.Time.Equal(want) {
		t.Errorf("creationTimestamp is %v, want %v", at, want)
	}
}

func networkSet(name string) *v3.GlobalNetworkSet {
	o := resources.GlobalNetworkSet.New().(*v3.GlobalNetworkSet)
	o.Name = name
	return o
}
