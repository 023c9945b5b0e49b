package autohep_test

import (
	"fmt"
	"testing"

	"github.com/edfb3db0/calicoctl/autohep"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// cluster is nodes as they are in real clusters, without endpoints.
func cluster(size int) []*v3.Node {
	nodes := make([]*v3.Node, size)
	for i := range nodes {
		name := fmt.Sprintf("node-%05d.eu-west-1.compute.internal", i)
		ip := fmt.Sprintf("10.%d.%d.%d", i/65536, i/256%256, i%256)
		n := labelled(host(name, ip, fmt.Sprintf("fd00::%x", i+1)),
			"kubernetes.io/hostname", name, "kubernetes.io/os", "linux", "kubernetes.io/arch", "amd64",
			"topology.kubernetes.io/zone", "a", "node-role.kubernetes.io/worker", "")
		n.Spec.BGP = &v3.NodeBGPSpec{IPv4Address: ip + "/16", IPv4IPIPTunnelAddr: fmt.Sprintf("192.168.%d.%d", i/256%256, i%256)}
		nodes[i] = withInterface(withInterface(n, "eth0", ip), "eth1", fmt.Sprintf("172.16.%d.%d", i/256%256, i%256))
	}
	return nodes
}

func BenchmarkPlan10k(b *testing.B) {
	nodes := cluster(10_000)
	for b.Loop() {
		if c, _ := autohep.Plan(nodes, nil, everything()); len(c.Create) != len(nodes) {
			b.Fatal(len(c.Create))
		}
	}
}

func BenchmarkPlan10kUnchanged(b *testing.B) {
	nodes := cluster(10_000)
	made, _ := autohep.Plan(nodes, nil, everything())
	for b.Loop() {
		if c, _ := autohep.Plan(nodes, made.Create, everything()); !c.Empty() {
			b.Fatal(len(c.Update))
		}
	}
}

func BenchmarkPlan10kTemplates(b *testing.B) {
	nodes := cluster(10_000)
	config := everything(
		v3.Template{GenerateName: "internal", InterfaceCIDRs: list("10.0.0.0/8"), NodeSelector: "has(kubernetes.io/os)"},
		v3.Template{GenerateName: "nic", InterfacePattern: "^eth[0-9]+$", Labels: map[string]string{"role": "nic"}})
	for b.Loop() {
		if c, _ := autohep.Plan(nodes, nil, config); len(c.Create) != 4*len(nodes) {
			b.Fatal(len(c.Create))
		}
	}
}
