package cluster

import (
	"os"
	"sync"
	"testing"
)

// Servers are servers that all tests of a package share. Each starts when a test first
// asks for it; Stop, after the last test, ends them. Tests keep apart by the names of
// their objects, or by prefixes.
type Servers struct {
	mutex   sync.Mutex
	etcd    *Etcd
	api     *APIServer
	folders []string
}

// Etcd is the shared etcd.
func (s *Servers) Etcd(tb testing.TB) *Etcd {
	tb.Helper()
	program := binary(tb, "etcd")
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.etcd == nil {
		e, err := runEtcd(program, s.folder(tb), nil)
		if err != nil {
			tb.Fatalf("start etcd: %v", err)
		}
		s.etcd = e
	}
	return s.etcd
}

// APIServer is the shared kube-apiserver, with an etcd of its own and all custom resource
// definitions of the project.
func (s *Servers) APIServer(tb testing.TB) *APIServer {
	tb.Helper()
	program, etcd := binary(tb, "kube-apiserver"), binary(tb, "etcd")
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.api == nil {
		a, err := runAPIServer(program, etcd, s.folder(tb), nil)
		if err != nil {
			tb.Fatalf("start kube-apiserver: %v", err)
		}
		s.api = a
		a.InstallCRDs(tb, Groups()...)
	}
	return s.api
}

func (s *Servers) folder(tb testing.TB) string {
	folder := throwAway(tb)
	s.folders = append(s.folders, folder)
	return folder
}

// Stop ends the servers and removes their data.
func (s *Servers) Stop() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.api != nil {
		s.api.Kill()
		s.api.etcd.Kill()
	}
	if s.etcd != nil {
		s.etcd.Kill()
	}
	for _, folder := range s.folders {
		_ = os.RemoveAll(folder)
	}
}
