package commands

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestConnectionFlows is about a command on one node whose datastore is there, on another node, or elsewhere.
func TestConnectionFlows(t *testing.T) {
	c := &cluster{addresses: map[string][]netip.Prefix{
		"here":  {netip.MustParsePrefix("127.0.0.1/32")},
		"there": {netip.MustParsePrefix("127.0.0.5/32")},
	}}
	var got []string
	for _, f := range c.connectionFlows(t.Context(), []string{"127.0.0.1:2379", "127.0.0.5:6443", "127.0.0.9:443", "nowhere"}) {
		got = append(got, fmt.Sprintf("%s: port %d, from %q %v to %q %v", f.node, f.ports[0].First,
			f.peers.who, f.peers.networks, f.targets.who, f.targets.networks))
	}
	want := []string{
		`here: port 2379, from "the node itself" [] to "" []`,
		`here: port 6443, from "" [] to "" [127.0.0.5/32]`,
		`there: port 6443, from "" [127.0.0.1/32] to "" []`,
		`here: port 443, from "" [] to "" [127.0.0.9/32]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
