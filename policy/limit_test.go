package policy_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// everyOther is the ports that have a bit: every other block of its size.
func everyOther(bit uint) (ports []v3.Port) {
	size := 1 << bit
	for first := size; first <= 65535; first += 2 * size {
		ports = append(ports, v3.Port{Min: uint16(first), Max: uint16(first + size - 1)})
	}
	return ports
}

// hostile is a node with a policy that allows what has a bit in both ports in common: the bits are few, and what they
// allow is in as many pieces as there are pairs of ports.
func hostile(bits uint) policy.Snapshot {
	node := &v3.HostEndpoint{Spec: v3.HostEndpointSpec{Node: "n1", InterfaceName: "*", ExpectedIPs: []string{"10.0.0.1"}}}
	node.Name = "n1"
	p := &v3.GlobalNetworkPolicy{Spec: v3.GlobalNetworkPolicySpec{Selector: "all()", Types: []v3.PolicyType{v3.PolicyTypeIngress}}}
	p.Name = "bits"
	for bit := range bits {
		ports := everyOther(15 - bit)
		p.Spec.Ingress = append(p.Spec.Ingress, v3.Rule{
			Action: v3.Allow, Protocol: &v3.Protocol{Name: v3.ProtocolTCP},
			Source: v3.EntityRule{Ports: ports}, Destination: v3.EntityRule{Ports: ports},
		})
	}
	return policy.Snapshot{HostEndpoints: []*v3.HostEndpoint{node}, GlobalNetworkPolicies: []*v3.GlobalNetworkPolicy{p}}
}

// flowTo is a TCP connection to the hostile node.
func flowTo(port uint16, source *uint16) policy.Flow {
	return policy.Flow{
		From: netip.MustParseAddr("10.0.0.9"), To: netip.MustParseAddr("10.0.0.1"), Protocol: v3.Protocol{Name: v3.ProtocolTCP},
		Port: &port, SourcePort: source,
	}
}

// TestTooComplex is about policies that cut traffic into more pieces than fit anywhere. With few bits the engine tells
// everything; with many it says that it cannot, and still judges single packets, before and after.
func TestTooComplex(t *testing.T) {
	for _, test := range []struct {
		bits uint
		want error
	}{{4, nil}, {12, policy.ErrTooComplex}} {
		engine := policy.NewWithin(policy.Limit{Steps: 10_000_000}, hostile(test.bits))
		for _, c := range engine.Connections(policy.Query{}) {
			c.Allowed.Boxes()
		}
		if err := engine.Err(); !errors.Is(err, test.want) {
			t.Errorf("%d bits: %v, want %v", test.bits, err, test.want)
		}
		for source, want := range map[uint16]policy.Verdict{0x8000: policy.Allowed, 0x4000: policy.Denied} {
			got, err := engine.Trace(flowTo(0x8001, &source))
			if err != nil || got.Verdict != want {
				t.Errorf("%d bits: port %d: %s, %v, want %s", test.bits, source, got.Verdict, err, want)
			}
		}
		got, err := engine.Trace(flowTo(0x8001, nil))
		if err != nil || got.Verdict != policy.Unknown {
			t.Errorf("%d bits: any source port: %s, %v, want unknown", test.bits, got.Verdict, err)
		}
		if why := got.Decision.Why; test.want != nil && why != test.want.Error() {
			t.Errorf("%d bits: any source port is unknown because %q", test.bits, why)
		}
	}
}

// TestTooComplexAfter is about an engine whose work has ended: one that is made of it compiles its own rules all the same.
func TestTooComplexAfter(t *testing.T) {
	engine := policy.NewWithin(policy.Limit{Steps: 1_000_000}, hostile(12))
	engine.Connections(policy.Query{})
	next := engine.Next(hostile(3))
	source := uint16(0x4000)
	for _, test := range []struct {
		port uint16
		want policy.Verdict
	}{{0x4000, policy.Allowed}, {0x8000, policy.Denied}} {
		if got, err := next.Trace(flowTo(test.port, &source)); err != nil || got.Verdict != test.want {
			t.Errorf("port %d: %s, %v, want %s", test.port, got.Verdict, err, test.want)
		}
	}
	if changes := policy.Guard(engine, next, []policy.Vital{{Path: policy.Input}}); next.Err() == nil {
		t.Errorf("nobody says that %v is worth nothing", changes)
	}
}

// TestStop ends the work of an engine from outside.
func TestStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	looks := 0
	engine := policy.NewWithin(policy.Limit{Stop: func() error {
		if looks++; looks == 3 {
			cancel()
		}
		return ctx.Err()
	}}, hostile(12))
	engine.Connections(policy.Query{})
	if err := engine.Err(); !errors.Is(err, context.Canceled) || looks != 3 {
		t.Errorf("%v after %d looks, want that it is cancelled at the third", err, looks)
	}
}
