package controller_test

import (
	"fmt"
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

// configurationPath is where etcd has the configuration.
const configurationPath = "/calico/resources/v3/projectcalico.org/kubecontrollersconfigurations/default"

// putConfiguration stores a configuration that no Store would write.
func putConfiguration(t *testing.T, client *clientv3.Client, spec string) {
	t.Helper()
	_, err := client.Put(t.Context(), configurationPath, fmt.Sprintf(
		`{"kind":"KubeControllersConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":%s}`, spec))
	if err != nil {
		t.Fatal(err)
	}
}
