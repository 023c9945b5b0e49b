package commands

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/local"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// withSets is a datastore that has network sets of namespaces, or does not give them.
type withSets struct {
	datastore.Store
	err  error
	sets []resources.Object
}

func (s *withSets) List(ctx context.Context, kind *resources.Kind) (*resources.List, error) {
	if kind == resources.NetworkSet {
		return kind.NewList("1", s.sets), s.err
	}
	return s.Store.List(ctx, kind)
}

const setsWorld = `
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: n1, labels: {role: a}}
spec: {node: n1, interfaceName: "*", expectedIPs: [10.0.0.1], profiles: [projectcalico-default-allow]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: any}
spec: {selector: role == 'a', ingress: [{action: Allow, protocol: TCP, source: {selector: list == 'good'}, destination: {ports: [80]}}]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: global}
spec: {selector: role == 'a', ingress: [{action: Allow, protocol: TCP, source: {selector: list == 'good', namespaceSelector: global()}, destination: {ports: [81]}}]}
`

// TestNetworkSetsOfNamespaces is about selectors of rules, which mean the sets of namespaces too unless they say global(),
// and about a user who may not read these.
func TestNetworkSetsOfNamespaces(t *testing.T) {
	sets := make([]resources.Object, 2)
	for i, net := range []string{"192.0.2.0/24", "198.51.100.0/24"} {
		set := resources.NetworkSet.New().(*v3.GlobalNetworkSet)
		set.Name, set.Namespace, set.Labels = "set", []string{"a", "b"}[i], map[string]string{"list": "good"}
		set.Spec.Nets = []string{net}
		sets[i] = set
	}
	file := filepath.Join(t.TempDir(), "world.yaml")
	if err := os.WriteFile(file, []byte(setsWorld), 0o600); err != nil {
		t.Fatal(err)
	}
	forbidden := datastore.ErrorOf("list", resources.NetworkSet.Key(""), datastore.ErrUnauthorized, "forbidden")
	absent := datastore.ErrorOf("list", resources.NetworkSet.Key(""), datastore.ErrNotFound, "")
	for _, test := range []struct {
		store      withSets
		from, port string
		code       int
		out, err   string
	}{
		{withSets{sets: sets}, "192.0.2.9", "80", 0, "allowed: ", ""},
		{withSets{sets: sets}, "198.51.100.9", "80", 0, "allowed: ", ""},
		{withSets{sets: sets}, "203.0.113.9", "80", 0, "denied: ", ""},
		{withSets{sets: sets}, "192.0.2.9", "81", 0, "denied: ", ""},
		{withSets{err: absent}, "192.0.2.9", "80", 0, "denied: ", ""},
		{withSets{err: forbidden}, "192.0.2.9", "80", 0, "denied: ", "warning: the NetworkSets of namespaces cannot be read; "},
		{withSets{err: datastore.ErrUnavailable}, "192.0.2.9", "80", 1, "", "reading the datastore: "},
	} {
		var out, err bytes.Buffer
		code := Run(t.Context(), []string{"trace", "-f", file, "--from", test.from, "--to", "n1", "--protocol", "tcp", "--port", test.port}, Deps{
			IO: IO{In: strings.NewReader(""), Out: &out, Err: &err}, Program: "calicoctl", Now: time.Now, LookupEnv: environment(nil),
			Open: func(ctx context.Context, _ Config, _ access) (Backend, error) {
				store, err := local.OpenMemory(ctx, local.WithSeed(func(tx datastore.Store) error { return seed(ctx, tx) }))
				test.store.Store = store
				return Backend{Store: &test.store}, err
			},
		})
		if code != test.code || !strings.HasPrefix(out.String(), test.out) || !strings.HasPrefix(err.String(), test.err) || test.err == "" && err.Len() > 0 {
			t.Errorf("from %s to %s: exits with %d and says\n%s%s\nwant %d, %q and %q", test.from, test.port, code, out.String(), err.String(), test.code, test.out, test.err)
		}
	}
}
