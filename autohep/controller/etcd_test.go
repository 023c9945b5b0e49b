package controller_test

import (
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/etcd"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

func openEtcd(t *testing.T, e *cluster.Etcd) datastore.Store {
	s, err := etcd.Open(t.Context(), etcd.Config{Endpoints: e.Endpoint})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// etcdClient is for what no Store would write.
func etcdClient(t *testing.T, e *cluster.Etcd) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{e.Endpoint}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}
