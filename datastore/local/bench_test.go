//go:build unix

package local

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

const many = 10_000

// endpoint is a host endpoint as large clusters have them.
func endpoint(i int) *v3.HostEndpoint {
	o := resources.HostEndpoint.New().(*v3.HostEndpoint)
	o.Name = fmt.Sprintf("node-%05d-auto-hep", i)
	o.Labels = map[string]string{
		"kubernetes.io/hostname": fmt.Sprintf("node-%05d", i), "kubernetes.io/os": "linux",
		"kubernetes.io/arch": "amd64", "topology.kubernetes.io/zone": fmt.Sprint("zone-", i%3),
		"projectcalico.org/created-by": "calico-kube-controllers",
	}
	o.Spec = v3.HostEndpointSpec{
		Node: fmt.Sprintf("node-%05d", i), InterfaceName: "*",
		ExpectedIPs: []string{fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), fmt.Sprintf("fd00::%x", i)},
		Profiles:    []string{"projectcalico-default-allow"},
	}
	return o
}

func createMany(b *testing.B, s *Store) {
	b.Helper()
	err := s.Atomically(b.Context(), func(tx datastore.Store) error {
		for i := range many {
			if _, err := tx.Create(b.Context(), endpoint(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkCreate10kAtomically(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		s := open(b, filepath.Join(b.TempDir(), "store.db"))
		b.StartTimer()
		createMany(b, s)
	}
}

func BenchmarkList10k(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "store.db"))
	createMany(b, s)
	b.ReportAllocs()
	for b.Loop() {
		list, err := s.List(b.Context(), resources.HostEndpoint)
		if err != nil || len(list.Items) != many {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "store.db"))
	createMany(b, s)
	key := resources.HostEndpoint.Key(endpoint(many / 2).Name)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Get(b.Context(), key); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUpdate is one transaction each time, so one write that reaches the disk.
func BenchmarkUpdate(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "store.db"))
	o, err := s.Create(b.Context(), endpoint(0))
	for b.Loop() {
		if err != nil {
			b.Fatal(err)
		}
		o, err = s.Update(b.Context(), o)
	}
}

// BenchmarkOpen is what a command pays before and after it reads one object.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "store.db")
	s := open(b, path)
	createMany(b, s)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	key := resources.HostEndpoint.Key(endpoint(many / 2).Name)
	for b.Loop() {
		s, err := Open(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Get(b.Context(), key); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
