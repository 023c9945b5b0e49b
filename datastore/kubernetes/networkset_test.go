package kubernetes

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/storetest"
	"github.com/edfb3db0/calicoctl/resources"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

const networkSetDefinition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: networksets.%s}
spec:
  group: %[1]s
  scope: Namespaced
  names: {kind: NetworkSet, listKind: NetworkSetList, plural: networksets, singular: networkset}
  versions:
  - name: %s
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// TestNetworkSets reads sets of namespaces, which the project has no definition of, from either group. A cluster without
// the kind says that it is not there.
func TestNetworkSets(t *testing.T) {
	api := cluster.StartAPIServer(t)
	for _, group := range []string{groupV1, groupV3} {
		s := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Admin), APIGroup: group})
		if _, err := s.List(t.Context(), resources.NetworkSet); err == nil {
			t.Errorf("%s: a kind that is not there is listed", group)
		} else {
			wants(t, err, datastore.ErrNotFound, "networksets")
		}
		name, version, _ := strings.Cut(group, "/")
		api.CreateYAML(t, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", fmt.Sprintf(networkSetDefinition, name, version))
		for deadline := time.Now().Add(time.Minute); api.Try(t.Context(), http.MethodGet, "/apis/"+group+"/networksets", nil) != nil; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the kind is not served")
			}
		}
		for namespace, net := range map[string]string{"default": "10.0.0.0/8", "kube-system": "10.1.0.0/16"} {
			api.CreateYAML(t, "/apis/"+group+"/namespaces/"+namespace+"/networksets",
				fmt.Sprintf("{apiVersion: %s, kind: NetworkSet, metadata: {name: set, labels: {role: x}}, spec: {nets: [%s]}}", group, net))
		}
		storetest.HasNetworkSets(t, s, "default/set x 10.0.0.0/8", "kube-system/set x 10.1.0.0/16")
	}
}
