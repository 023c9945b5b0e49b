package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Plan is what one node is to do, as objects in their order and not as verdicts: what a
// translation of policies starts from.
type Plan struct {
	// Interfaces are those that an endpoint of their own governs, by name.
	Interfaces []PlannedInterface
	// Rest governs all others; it is nil where nothing does.
	Rest *PlannedEndpoint
	// FailsafesIn and FailsafesOut are the ports that policy cannot close.
	FailsafesIn, FailsafesOut []v3.ProtoPort
}

// PlannedInterface is an interface and what governs it.
type PlannedInterface struct {
	Name     string
	Endpoint *PlannedEndpoint
}

// PlannedEndpoint is an endpoint and what applies to it.
type PlannedEndpoint struct {
	*v3.HostEndpoint
	// Profiles are those of the endpoint that there are.
	Profiles []*v3.Profile
	class    *class
}

// Plan is the plan of a node that is known.
func (e *Engine) Plan(node string) (*Plan, error) {
	h := e.byName[node]
	if h == nil {
		return nil, fmt.Errorf("node %q is not known", node)
	}
	safe := e.failsafes.of(node)
	if safe.broken != "" {
		return nil, errors.New(safe.broken)
	}
	p := &Plan{FailsafesIn: safe.ports[in], FailsafesOut: safe.ports[out]}
	made := map[*v3.HostEndpoint]*PlannedEndpoint{}
	for i := range h.doors {
		d := &h.doors[i]
		if h.interfaces == nil && d.endpoint.Spec.InterfaceName == "" && d.name != loopback {
			return nil, fmt.Errorf("the interface of HostEndpoint(%s) is found by its address %s, and nothing says which interfaces node %s has",
				d.endpoint.Name, d.addresses[0], node)
		}
		p.Interfaces = append(p.Interfaces, PlannedInterface{d.name, planned(made, d)})
	}
	p.Rest = planned(made, &h.rest)
	return p, nil
}

func planned(made map[*v3.HostEndpoint]*PlannedEndpoint, d *door) *PlannedEndpoint {
	if d.endpoint == nil {
		return nil
	}
	p := made[d.endpoint]
	if p == nil {
		p = &PlannedEndpoint{HostEndpoint: d.endpoint, class: d.class}
		for _, profile := range d.class.profiles {
			if profile.object != nil {
				p.Profiles = append(p.Profiles, profile.object)
			}
		}
		made[d.endpoint] = p
	}
	return p
}

// Runs are the policies that apply to the endpoint at a stage, or may apply, tier by tier.
func (p *PlannedEndpoint) Runs(s StageName, d Direction) []Run { return p.class.list(s, d) }

// Selected is the addresses that the label expressions of one end of a rule mean.
type Selected struct {
	// Networks are those of the objects that are meant, or, of a negation, not meant.
	Networks []netip.Prefix
	// Except tells that all other addresses are meant.
	Except bool
	// Doubt is why some address that is not meant here may be meant, "" when there is none.
	Doubt string
	// Nothing tells that for this doubt no address is certain to be meant.
	Nothing bool
}

// Selected is what certainly is meant, nil when the end has no label expressions.
func (e *Engine) Selected(end *v3.EntityRule) *Selected {
	if !asksForObjects(end) {
		return nil
	}
	k := keyOf(levelSource, end)
	if !k.excludes() {
		f := e.compiler.objects(k)
		return &Selected{Networks: f.sure, Doubt: f.reason, Nothing: f.anywhere || f.elsewhere}
	}
	f := e.compiler.objects(k.excluded())
	return &Selected{Networks: slices.Concat(f.sure, f.maybe), Except: true, Doubt: f.reason, Nothing: f.anywhere}
}

// NamedPort is a port of host endpoints: one number at some addresses.
type NamedPort struct {
	Protocol uint8
	Port     uint16
	At       []netip.Prefix
}

// NamedPorts are the ports that a name stands for.
func (e *Engine) NamedPorts(name string) []NamedPort {
	var list []NamedPort
	for _, p := range e.compiler.namedPorts()[name] {
		list = append(list, NamedPort{p.protocol, p.port, p.at})
	}
	return list
}

// Networks reads the networks of a rule as the engine does: host bits are ignored. It tells
// whether all of them could be read.
func Networks(texts []string) ([]netip.Prefix, bool) {
	list := networks(texts)
	return list, len(list) == len(texts)
}
