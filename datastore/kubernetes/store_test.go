package kubernetes

import (
	"os"
	"testing"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/storetest"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

var servers cluster.Servers

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Stop()
	os.Exit(code)
}

func open(t testing.TB, c Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	for _, group := range []string{groupV1, groupV3} {
		t.Run(group, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) datastore.Store {
				return open(t, Config{Kubeconfig: servers.APIServer(t).Kubeconfig(t, cluster.Admin), APIGroup: group})
			})
		})
	}
}
