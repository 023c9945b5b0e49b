package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// HasNetworkSets holds the network sets of namespaces that a store lists against those that are meant, each written as
// "namespace/name role net", after its label role and the first of its nets. No store writes such sets, so each test of
// one puts them there in its own way.
func HasNetworkSets(t *testing.T, store datastore.Store, want ...string) {
	t.Helper()
	list, err := store.List(t.Context(), resources.NetworkSet)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range list.Items {
		set := o.(*v3.GlobalNetworkSet)
		got = append(got, set.Namespace+"/"+set.Name+" "+set.Labels["role"]+" "+set.Spec.Nets[0])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
