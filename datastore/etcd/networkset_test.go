package etcd

import (
	"context"
	"testing"

	"github.com/edfb3db0/calicoctl/datastore/storetest"
)

// TestNetworkSets reads sets of namespaces as calicoctl stores them, two of the same name among them.
func TestNetworkSets(t *testing.T) {
	s := open(t, Config{Endpoints: servers.Etcd(t).Endpoint})
	const folder = "/calico/resources/v3/projectcalico.org/networksets/"
	for path, net := range map[string]string{"a/set": "10.0.0.0/8", "b/set": "10.1.0.0/16", "stray": "10.2.0.0/16"} {
		value := `{"kind": "NetworkSet", "apiVersion": "projectcalico.org/v3", "metadata": {"name": "set", "labels": {"role": "x"}}, "spec": {"nets": ["` + net + `"]}}`
		if _, err := s.client.Put(t.Context(), folder+path, value); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, path := range []string{"a/set", "b/set", "stray"} {
			if _, err := s.client.Delete(context.WithoutCancel(t.Context()), folder+path); err != nil {
				t.Error(err)
			}
		}
	})
	storetest.HasNetworkSets(t, s, "a/set x 10.0.0.0/8", "b/set x 10.1.0.0/16")
}
