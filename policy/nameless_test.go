package policy_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// byAddresses are nodes whose endpoints are found by their addresses alone.
func byAddresses(nodes int) policy.Snapshot {
	var s policy.Snapshot
	address := netip.MustParseAddr("10.0.0.1")
	for i := range nodes {
		h := &v3.HostEndpoint{Spec: v3.HostEndpointSpec{Node: fmt.Sprintf("n%05d", i), ExpectedIPs: []string{address.String()}}}
		h.Name = h.Spec.Node + "-eth"
		s.HostEndpoints = append(s.HostEndpoints, h)
		address = address.Next()
	}
	return s
}

// TestConnectionsOfInterfacesWithoutNames has one connection for all nodes of a class, and the address of the interface
// where there is one node only.
func TestConnectionsOfInterfacesWithoutNames(t *testing.T) {
	type found struct {
		Nodes, Endpoints int
		Interfaces       []string
	}
	for nodes, name := range map[int]string{1: "@10.0.0.1", 3: "@"} {
		var got []found
		for _, c := range policy.New(byAddresses(nodes)).Connections(policy.Query{}) {
			got = append(got, found{len(c.Class.Nodes), len(c.Class.Endpoints), c.Interfaces})
		}
		want := []found{{nodes, nodes, []string{name}}, {nodes, 0, []string{"*"}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d nodes (-want +got):\n%s", nodes, diff)
		}
	}
}
