package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// failsafes are the ports of a node that policy cannot close.
type failsafes struct {
	id int
	// owner has the list of each direction, nil for the agent's own list.
	owner [directions]resources.Object
	ports [directions][]v3.ProtoPort
	rules [directions][]*rule
	sets  [directions]ref
	// broken is why the agent of the node takes no configuration at all.
	broken string
}

// nodeConfigPrefix begins the name of a FelixConfiguration of one node.
const nodeConfigPrefix = "node."

// failsafeTable gives each node its failsafes; nodes without a configuration of their
// own share one.
type failsafeTable struct {
	shared *failsafes
	byNode map[string]*failsafes
}

func (c *compiler) failsafes(configs []*v3.FelixConfiguration) failsafeTable {
	var common *v3.FelixConfiguration
	for _, config := range configs {
		if config.Name == v3.DefaultName {
			common = config
		}
	}
	out := failsafeTable{shared: c.failsafesOf(0, common), byNode: map[string]*failsafes{}}
	for i, config := range configs {
		if node, ok := strings.CutPrefix(config.Name, nodeConfigPrefix); ok {
			out.byNode[node] = c.failsafesOf(i+1, config, common)
		}
	}
	return out
}

func (t *failsafeTable) of(node string) *failsafes {
	if f := t.byNode[node]; f != nil {
		return f
	}
	return t.shared
}

// failsafesOf takes each list from the first configuration that has it.
func (c *compiler) failsafesOf(id int, configs ...*v3.FelixConfiguration) *failsafes {
	f := &failsafes{id: id}
	for d := range directions {
		list := defaultFailsafes(d == in)
		for _, config := range configs {
			if config == nil {
				continue
			}
			own := config.Spec.FailsafeInboundHostPorts
			if d == out {
				own = config.Spec.FailsafeOutboundHostPorts
			}
			if own != nil {
				list, f.owner[d] = *own, config
				break
			}
		}
		f.ports[d] = list
		parts := make([]ref, 0, len(list))
		for _, port := range list {
			r, err := c.failsafe(port, d)
			if err != nil {
				f.broken = err.Error()
				continue
			}
			f.rules[d] = append(f.rules[d], r)
			parts = append(parts, r.sure)
		}
		f.sets[d] = c.all(or, parts, empty)
	}
	return f
}

// failsafeProtocol is the number of the protocol of a failsafe port. It is an error if agents do not take it.
func failsafeProtocol(port v3.ProtoPort) (uint16, error) {
	switch strings.ToLower(cmp.Or(port.Protocol, "tcp")) {
	case "tcp":
		return 6, nil
	case "udp":
		return 17, nil
	}
	return 0, fmt.Errorf("a failsafe port has the protocol %q, and the agent refuses its whole configuration for it", port.Protocol)
}

// failsafe is a failsafe port as a rule. Its net is about the other side.
func (c *compiler) failsafe(port v3.ProtoPort, d int) (*rule, error) {
	protocol, err := failsafeProtocol(port)
	if err != nil {
		return nil, err
	}
	r := &rule{action: allow, name: v3.Allow, sure: full, upper: full}
	at := number(int(port.Port))
	r.certain("protocol", c.protocols([]Range{{protocol, protocol}}, full))
	r.certain("port", c.protocols(withPorts, c.split(levelPort, []interval{{at, at}}, full)))
	if port.Net != "" {
		side := levelSource
		if d == out {
			side = levelDestination
		}
		var nets []netip.Prefix
		if p, ok := network(port.Net); ok {
			nets = append(nets, p)
		}
		r.certain("net", c.addresses(side, nets))
	}
	for _, f := range r.fields {
		r.sure = c.apply(and, r.sure, f.sure)
	}
	r.upper = r.sure
	return r, nil
}
