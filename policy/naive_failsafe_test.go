package policy_test

import (
	"net/netip"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// failsafePorts is the list that a node goes by.
func (w naive) failsafePorts(hep *v3.HostEndpoint, dir string) []v3.ProtoPort {
	for _, name := range []string{"node." + hep.Spec.Node, "default"} {
		for _, c := range w.FelixConfigurations {
			list := c.Spec.FailsafeInboundHostPorts
			if dir == "Egress" {
				list = c.Spec.FailsafeOutboundHostPorts
			}
			if c.Name == name && list != nil {
				return *list
			}
		}
	}
	text := "tcp:22 udp:68 tcp:179 tcp:2379 tcp:2380 tcp:5473 tcp:6443 tcp:6666 tcp:6667"
	if dir == "Egress" {
		text = "udp:53 udp:67 tcp:179 tcp:2379 tcp:2380 tcp:5473 tcp:6443 tcp:6666 tcp:6667"
	}
	var list []v3.ProtoPort
	for entry := range strings.FieldsSeq(text) {
		protocol, number, _ := strings.Cut(entry, ":")
		port, _ := v3.PortFromString(number)
		list = append(list, v3.ProtoPort{Protocol: protocol, Port: port.Min})
	}
	return list
}

func (w naive) broken(hep *v3.HostEndpoint) bool {
	for _, dir := range []string{"Ingress", "Egress"} {
		for _, p := range w.failsafePorts(hep, dir) {
			if strings.EqualFold(p.Protocol, "sctp") {
				return true
			}
		}
	}
	return false
}

func (w naive) failsafe(hep *v3.HostEndpoint, dir string, f policy.Flow) bool {
	remote := f.From
	if dir == "Egress" {
		remote = f.To
	}
	for _, p := range w.failsafePorts(hep, dir) {
		protocol := uint8(6)
		if strings.EqualFold(p.Protocol, "udp") {
			protocol = 17
		}
		if f.Protocol.Number() == protocol && *f.Port == p.Port &&
			(p.Net == "" || netip.MustParsePrefix(p.Net).Contains(remote)) {
			return true
		}
	}
	return false
}
