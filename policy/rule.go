package policy

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// rule is what a rule of a policy or profile, or a failsafe port, matches.
type rule struct {
	action outcomes
	name   v3.Action // the action as it is written
	// fields are the criteria that were given, in the order of the schema.
	fields []field
	// sure is what all fields match, upper what none of them certainly does not.
	sure, upper ref
	reason      string // why sure and upper differ
}

// field is one criterion of a rule.
type field struct {
	name string
	// sure is what it matches for certain, upper what it may match.
	sure, upper ref
	reason      string // why the two differ
}

// RuleRef says which rule is meant.
type RuleRef struct {
	// Object has the rule: a *v3.GlobalNetworkPolicy, *v3.Profile or, for failsafe
	// ports, *v3.FelixConfiguration. It is nil for a built-in failsafe port.
	Object resources.Object
	// Direction is the list of the object, and Index the place there, from 0.
	Direction Direction
	Index     int
	// Action is what the rule does, or what a failsafe port amounts to.
	Action v3.Action
}

// Direction is which way traffic goes, seen from the endpoint.
type Direction string

// The directions, as policies spell them.
const (
	Ingress Direction = "ingress"
	Egress  Direction = "egress"
)

// outcomeOf is what a matching rule of an action leads to.
func outcomeOf(action v3.Action) outcomes {
	switch action {
	case v3.Allow:
		return allow
	case v3.Deny:
		return deny
	case v3.Pass:
		return pass
	case v3.Log:
		return next
	default:
		return allow | deny | pass | next
	}
}

// compiler turns rules into sets for one population.
type compiler struct {
	*table
	selectors  *selectors
	population *population
	workloads  []netip.Prefix
	entities   map[entityKey]addressPair
	named      map[string][]namedPort
}

// rules compiles a list of rules. doubt is why it is not even certain that the list
// applies, "" when it is.
func (c *compiler) rules(list []v3.Rule, doubt string) []*rule {
	out := make([]*rule, len(list))
	for i := range list {
		c.unlimited(func() { out[i] = c.rule(&list[i]) })
		if doubt != "" {
			out[i].fields = append(out[i].fields, field{"", empty, full, doubt})
			out[i].sure, out[i].reason = empty, doubt
		}
	}
	return out
}

func (c *compiler) rule(in *v3.Rule) *rule {
	r := &rule{action: outcomeOf(in.Action), name: in.Action, sure: full, upper: full}
	c.protocolFields(r, in)
	c.entity(r, "source", levelSource, &in.Source)
	c.entity(r, "destination", levelDestination, &in.Destination)
	if in.HTTP != nil {
		r.add(field{"http", empty, full, "what an HTTP request asks for cannot be known from addresses and ports"})
	}
	for i := range r.fields {
		f := &r.fields[i]
		if r.reason == "" {
			r.reason = f.reason
		}
		r.sure, r.upper = c.apply(and, r.sure, f.sure), c.apply(and, r.upper, f.upper)
	}
	return r
}

func (r *rule) add(f field) { r.fields = append(r.fields, f) }

func (r *rule) certain(name string, set ref) { r.add(field{name: name, sure: set, upper: set}) }

func (c *compiler) protocolFields(r *rule, in *v3.Rule) {
	if in.IPVersion != nil {
		r.certain("ipVersion", c.families(*in.IPVersion))
	}
	if in.Protocol != nil {
		r.certain("protocol", c.protocol(*in.Protocol, true))
	}
	if in.ICMP != nil {
		r.certain("icmp", c.icmp(c.icmpTypes(in.ICMP)))
	}
	if in.NotProtocol != nil {
		r.certain("notProtocol", c.not(c.protocol(*in.NotProtocol, false)))
	}
	if in.NotICMP != nil { // which matches ICMP only, even without a protocol beside it
		r.certain("notICMP", c.icmp(c.not(c.icmpTypes(in.NotICMP))))
	}
}

// protocol is the packets of a protocol. The names of ICMP and ICMPv6 stand for a
// family too, where a rule asks for them.
func (c *compiler) protocol(p v3.Protocol, pinned bool) ref {
	n := uint16(p.Number())
	set := c.protocols([]Range{{n, n}}, full)
	switch {
	case n == 0:
		return empty
	case pinned && p.Name == v3.ProtocolICMP:
		return c.apply(and, set, c.families(4))
	case pinned && p.Name == v3.ProtocolICMPv6:
		return c.apply(and, set, c.families(6))
	}
	return set
}

// icmpTypes is at levelPort what the fields match.
func (c *compiler) icmpTypes(f *v3.ICMPFields) ref {
	if f.Type == nil {
		return full
	}
	first, last := *f.Type<<8, *f.Type<<8|255
	if f.Code != nil {
		first |= *f.Code
		last = first
	}
	return c.split(levelPort, []interval{{number(first), number(last)}}, full)
}

// entity adds the criteria for one end.
func (c *compiler) entity(r *rule, side string, l level, in *v3.EntityRule) {
	if len(in.Nets) > 0 {
		nets := networks(in.Nets)
		r.add(understood(side+".nets", c.addresses(l, nets), len(nets) == len(in.Nets)))
	}
	if asksForObjects(in) {
		r.add(c.selected(side, l, in))
	}
	if in.Services != nil {
		r.add(field{
			side + ".services", empty, full,
			"which addresses and ports a service has cannot be known here",
		})
	}
	if len(in.NotNets) > 0 {
		nets := networks(in.NotNets)
		r.add(understood(side+".notNets", c.notNets(l, in.NotNets), len(nets) == len(in.NotNets)))
	}
	if len(in.Ports) > 0 {
		r.certain(side+".ports", c.ports(l, in.Ports))
	}
	if len(in.NotPorts) > 0 {
		r.certain(side+".notPorts", c.not(c.ports(l, in.NotPorts)))
	}
}

// asksForObjects tells whether an end must be, or not be, an address of certain objects.
func asksForObjects(in *v3.EntityRule) bool {
	return in.Selector != "" || in.NotSelector != "" || in.NamespaceSelector != "" || in.ServiceAccounts != nil
}

// understood is a field that is certain when all of its values could be read.
func understood(name string, set ref, ok bool) field {
	if ok {
		return field{name: name, sure: set, upper: set}
	}
	return field{name, empty, full, "a network of " + name + " cannot be read"}
}

// notNets is the addresses outside of the networks. A family that none of the networks
// is of is not matched at all.
func (c *compiler) notNets(l level, texts []string) ref {
	nets := networks(texts)
	out := c.not(c.addresses(l, nets))
	for _, version := range []int{4, 6} {
		if !slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Addr().Is4() == (version == 4) }) {
			out = c.apply(minus, out, c.families(version))
		}
	}
	return out
}

// namedPort is a named port of host endpoints: the same number on many addresses.
type namedPort struct {
	protocol uint8
	port     uint16
	at       []netip.Prefix
}

// ports is the packets whose port at one end is among the ports.
func (c *compiler) ports(l level, ports []v3.Port) ref {
	at := levelPort
	if l == levelSource {
		at = levelSourcePort
	}
	var numbers []interval
	var parts []ref
	for _, p := range ports {
		if p.Name == "" {
			numbers = append(numbers, interval{number(int(p.Min)), number(int(p.Max))})
			continue
		}
		for _, n := range c.namedPorts()[p.Name] {
			port := number(int(n.port))
			protocol := uint16(n.protocol)
			set := c.protocols([]Range{{protocol, protocol}}, c.split(at, []interval{{port, port}}, full))
			parts = append(parts, c.apply(and, set, c.addresses(l, n.at)))
		}
	}
	if len(numbers) > 0 {
		parts = append(parts, c.protocols(withPorts, c.split(at, numbers, full)))
	}
	return c.all(or, parts, empty)
}

// namedPorts collects the named ports of all host endpoints.
func (c *compiler) namedPorts() map[string][]namedPort {
	if c.named != nil {
		return c.named
	}
	c.named = map[string][]namedPort{}
	places := map[string]int{}
	for i := range c.population.members {
		m := &c.population.members[i]
		if m.endpoint == nil {
			continue
		}
		for _, p := range m.endpoint.Spec.Ports {
			id := fmt.Sprintf("%s/%d/%d", p.Name, p.Protocol.Number(), p.Port)
			place, ok := places[id]
			if !ok {
				place = len(c.named[p.Name])
				places[id] = place
				c.named[p.Name] = append(c.named[p.Name], namedPort{protocol: p.Protocol.Number(), port: p.Port})
			}
			list := c.named[p.Name]
			list[place].at = append(list[place].at, m.addresses...)
		}
	}
	return c.named
}
