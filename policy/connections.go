package policy

import (
	"slices"
	"strings"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Class is the endpoints to which the same policies, profiles and failsafes apply.
type Class struct {
	class *class
	// Endpoints are sorted by name. The class without any stands for the interfaces that
	// no endpoint governs.
	Endpoints []*v3.HostEndpoint
	// Nodes have an interface of the class; they are sorted.
	Nodes []string
	// Interfaces are those of the class, each once: see Decision.Interface.
	Interfaces []string
}

// interfaceOf is an interface of a class.
type interfaceOf struct {
	class *class
	name  string
}

// Traffic is all packets, by what becomes of them.
type Traffic struct{ Allowed, Denied, Unknown Set }

// Classes are all classes that govern an interface, in the order of their first node;
// the one without endpoints comes last.
func (e *Engine) Classes() []Class {
	of := map[*class]*Class{}
	var order []*Class
	entered := map[interfaceOf]bool{}
	enter := func(h *host, d *door) {
		c := of[d.class]
		if c == nil {
			c = &Class{class: d.class}
			of[d.class] = c
			order = append(order, c)
		}
		if d.endpoint != nil {
			c.Endpoints = append(c.Endpoints, d.endpoint)
		}
		if last := len(c.Nodes) - 1; last < 0 || c.Nodes[last] != h.name {
			c.Nodes = append(c.Nodes, h.name)
		}
		if at := (interfaceOf{d.class, d.name}); !entered[at] {
			entered[at] = true
			c.Interfaces = append(c.Interfaces, d.name)
		}
	}
	for _, h := range e.hosts {
		for i := range h.doors {
			enter(h, &h.doors[i])
		}
		if h.hasRest() {
			enter(h, &h.rest)
		}
	}
	var out, ungoverned []Class
	for _, c := range order {
		slices.SortFunc(c.Endpoints, func(a, b *v3.HostEndpoint) int { return strings.Compare(a.Name, b.Name) })
		c.Endpoints = slices.Compact(c.Endpoints)
		slices.Sort(c.Interfaces)
		if c.class.open() {
			ungoverned = append(ungoverned, *c)
		} else {
			out = append(out, *c)
		}
	}
	return append(out, ungoverned...)
}

// hasRest tells whether there may be an interface without an endpoint of its own.
func (h *host) hasRest() bool {
	if h.interfaces == nil || h.rest.endpoint != nil {
		return true
	}
	for name := range h.interfaces {
		if h.at(name) == &h.rest {
			return true
		}
	}
	return false
}

// Labels are the labels that all endpoints of the class have with the same value.
func (c *Class) Labels() map[string]string {
	common := map[string]string{}
	for i, h := range c.Endpoints {
		for name, value := range h.Labels {
			if i == 0 {
				common[name] = value
			}
		}
		for name, value := range common {
			if own, has := h.Labels[name]; !has || own != value {
				delete(common, name)
			}
		}
	}
	return common
}

// Traffic is what becomes of packets on a path. The ways to and from a host do not say
// which of its addresses is meant; on the way through it, the class is on both sides.
func (c *Class) Traffic(p Path) Traffic {
	t := c.class.table
	switch p {
	case Input:
		return t.traffic(c.class.along(wayIn))
	case Output:
		return t.traffic(c.class.along(wayOut))
	case Local:
		return t.traffic(c.class.along(wayLocal))
	default:
		return t.traffic(forwarded(c.class, c.class))
	}
}

func (t *table) traffic(o ref) Traffic {
	allowed, denied := t.apply(is, o, allow), t.apply(is, o, deny)
	return Traffic{Set{t, allowed}, Set{t, denied}, Set{t, t.not(t.apply(or, allowed, denied))}}
}

// Connection is what is open on a path to or from the endpoints of a class, on nodes for
// which it is the same.
type Connection struct {
	Class Class
	Path  Path
	// Interfaces are those meant, named as in Decision.Interface, but "@" alone for those of several nodes whose names
	// are not known; none where the class governs all of the nodes, and on the path Local.
	Interfaces []string
	// Loopback is as in Change.
	Loopback bool
	// Allowed and Unknown leave the nodes' own addresses out where they can, as the sets of a Change do.
	Allowed Set
	Unknown Set
}

// Query says which connections are asked for. The zero Query asks for all that hosts
// receive.
type Query struct {
	// Paths are Input when there are none.
	Paths []Path
	// Nodes keeps the classes of some nodes; nil keeps all.
	Nodes func(name string) bool
	// Within keeps the packets of these boxes; nil keeps all.
	Within []Box
}

// Connections says for each class what is open, classes without any included. Boxes of
// the sets list it.
func (e *Engine) Connections(q Query) []Connection {
	paths := q.Paths
	if len(paths) == 0 {
		paths = []Path{Input}
	}
	within := e.Space().All()
	if q.Within != nil {
		within = e.Space().Set(q.Within...)
	}
	var out []Connection
	for _, c := range e.Classes() {
		if q.Nodes != nil {
			c.Nodes = slices.DeleteFunc(c.Nodes, func(name string) bool { return !q.Nodes(name) })
			c.Endpoints = slices.DeleteFunc(c.Endpoints, func(h *v3.HostEndpoint) bool { return !q.Nodes(h.Spec.Node) })
		}
		if len(c.Nodes) == 0 {
			continue
		}
		for _, p := range paths {
			out = append(out, e.connections(&c, p, within)...)
		}
	}
	return out
}

// connections is what is open on a path, for each group of nodes for which it is the same.
// Where nothing is open both sets are empty.
func (e *Engine) connections(c *Class, p Path, within Set) []Connection {
	made := c.Traffic(p)
	allowed, unknown := made.Allowed.Intersect(within), made.Unknown.Intersect(within)
	g := &group{transition: transition{path: p}, hosts: e.hostsOn(c, p)}
	var out []Connection
	endpoints := map[string][]*v3.HostEndpoint{}
	for _, h := range c.Endpoints {
		endpoints[h.Spec.Node] = append(endpoints[h.Spec.Node], h)
	}
	closed := part{sets: []ref{empty, empty}, hosts: slices.Clone(g.hosts)}
	parts := g.parts(e.table, []ref{allowed.root, unknown.root}, ownOf, (*projection).apart)
	open := map[hostPair]bool{}
	for _, part := range parts {
		for _, h := range part.hosts {
			open[h] = true
		}
	}
	closed.hosts = slices.DeleteFunc(closed.hosts, func(h hostPair) bool { return open[h] })
	if p != Local { // where a node may have nothing but loopback
		parts = append(parts, closed)
	}
	for _, part := range parts {
		for _, at := range part.byInterfaces(c, p) {
			out = append(out, Connection{
				at.among(c, endpoints), p, at.interfaces, part.loopback, at.limits.within(e.table, part.sets[0]), at.limits.within(e.table, part.sets[1]),
			})
		}
	}
	return out
}

// side is hosts of which a class governs the same interfaces.
type side struct {
	interfaces []string
	hosts      []hostPair
	limits     limits
}

// byInterfaces takes a part apart by the interfaces that the class governs. Those whose names are not known are told
// apart only within a host.
func (p *part) byInterfaces(c *Class, path Path) []side {
	var out []side
	places := map[string]int{}
	for i, h := range p.hosts {
		var names []string
		if path != Local {
			names = h.after.governedBy(c.class)
		}
		common := withoutAddresses(names)
		id := strings.Join(common, "\x00")
		at, ok := places[id]
		if ok {
			out[at].interfaces = common
		} else {
			at, out = len(out), append(out, side{interfaces: names})
			places[id] = at
		}
		out[at].hosts = append(out[at].hosts, h)
		if len(p.limited) > 0 {
			out[at].limits.add(p.limited[i])
		}
	}
	return out
}

// withoutAddresses has nameless in the place of interfaces that are named by their addresses.
func withoutAddresses(names []string) []string {
	var out []string
	for _, name := range names {
		if strings.HasPrefix(name, nameless) {
			name = nameless
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// governedBy is the interfaces of the class, none if all are: then there are none to tell apart.
func (h *host) governedBy(c *class) []string {
	var names []string
	all := h.outside()
	for _, d := range all {
		if d.class == c {
			names = append(names, d.name)
		}
	}
	if len(names) == len(all) {
		return nil
	}
	slices.Sort(names)
	return names
}

// among is the class on the hosts alone. endpoints are those of the class by their nodes.
func (s *side) among(c *Class, endpoints map[string][]*v3.HostEndpoint) Class {
	own := Class{class: c.class, Interfaces: c.Interfaces}
	for _, h := range s.hosts {
		own.Nodes = append(own.Nodes, h.name())
		own.Endpoints = append(own.Endpoints, endpoints[h.name()]...)
	}
	slices.SortFunc(own.Endpoints, func(a, b *v3.HostEndpoint) int { return strings.Compare(a.Name, b.Name) })
	return own
}

// hostsOn is the nodes of a class where it judges a path: that of a host with itself is
// through lo, the others are not.
func (e *Engine) hostsOn(c *Class, p Path) []hostPair {
	var out []hostPair
	for _, name := range c.Nodes {
		h := e.byName[name]
		judges := h.at(loopback).class == c.class
		if p != Local {
			judges = slices.ContainsFunc(h.outside(), func(d *door) bool { return d.class == c.class })
		}
		if judges {
			out = append(out, hostPair{h, h})
		}
	}
	return out
}
