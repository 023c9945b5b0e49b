package policy

import (
	"net/netip"
	"slices"
)

// Question asks about traffic as a whole: every packet of it, not one.
type Question struct {
	// Path is Forward, Local, or nothing for traffic that every node judges that has an
	// end of it.
	Path Path
	// From and To are the addresses of the ends; Local needs none.
	From, To []netip.Prefix
	// FromEndpoint and ToEndpoint say that the traffic takes an interface there that this endpoint governs; "" leaves
	// it open which interface it takes.
	FromEndpoint, ToEndpoint string
	// Services restrict protocols, ports and ICMP types.
	Services []Box
	// Nodes keeps those that judge on the paths Forward and Local; nil keeps all.
	Nodes func(name string) bool
}

// Answer is what becomes of the traffic of a question, or of the part of it that some nodes
// judge alone.
type Answer struct {
	Path Path
	// Nodes judge Forward and Local.
	Nodes []string
	Traffic
	// Unanswered are those of the allowed packets whose answers are certainly dropped, where a node has an end of them.
	Unanswered Set
	hosts      []*host
	// in and out are the interfaces that the question says.
	in, out string
}

// Flow is a packet of a set of the answer as a question for [Engine.Trace].
func (a *Answer) Flow(s Set) (Flow, bool) {
	packet, ok := s.Example()
	if !ok {
		return Flow{}, false
	}
	node := ""
	for _, h := range a.hosts {
		if node = h.name; a.Path == Local && (packet.From.IsLoopback() || h.owns(packet.From)) ||
			a.Path == Forward && !h.owns(packet.From) && !h.owns(packet.To) {
			break
		}
	}
	return packet.flow(node, &group{transition: transition{path: a.Path, in: a.in, out: a.out}}), true
}

// verdicts are the packets that are allowed and those that are denied.
type verdicts struct{ allowed, denied ref }

func (t *table) verdicts(o outcomes) verdicts {
	return verdicts{t.apply(is, o, allow), t.apply(is, o, deny)}
}

// either is what one of several ways does, of which it is not known which is taken.
func (t *table) either(a, b verdicts) verdicts {
	return verdicts{t.apply(and, a.allowed, b.allowed), t.apply(and, a.denied, b.denied)}
}

// each is what several ways do that are all taken.
func (t *table) each(a, b verdicts) verdicts {
	return verdicts{t.apply(and, a.allowed, b.allowed), t.apply(or, a.denied, b.denied)}
}

// judges are hosts whose verdicts are the same on a path.
type judges struct {
	verdicts
	hosts []*host
	// own are, but on the way through, the packets between own addresses of one of the hosts.
	own ref
}

// Asker answers questions about whole sets of traffic. What all questions have in common is
// worked out once.
type Asker struct {
	*Engine
	// receive and send are what all hosts together do to what they receive and send. owned
	// is what any of them has an end of, and self what they send themselves.
	receive, send verdicts
	owned, self   ref
	// leaving is what some host sends to itself, and another one that has the source address sends to it.
	leaving        ref
	local, through []judges
	// asked is all traffic that was asked about so far; askedAlone is that at loopback
	// addresses, and askedThrough what passes through a host.
	asked        ref
	askedAlone   map[*class]ref
	askedThrough map[*host]ref
}

// Asker makes an asker. It is no more safe for several goroutines than the engine.
func (e *Engine) Asker() *Asker {
	a := &Asker{Engine: e, leaving: e.leavingSome(), askedAlone: map[*class]ref{}, askedThrough: map[*host]ref{}}
	a.receive, a.send = a.ends(levelDestination, wayIn), a.ends(levelSource, wayOut)
	var all addressSet
	for _, h := range e.hosts {
		all.add(prefixes(h.own)...)
		enter(&a.local, h, a.verdicts(h.at(loopback).class.along(wayLocal)))
	}
	own := make([]ref, len(a.local))
	for i := range a.local {
		j := &a.local[i]
		j.own = a.inside(j.hosts, loopbackAddresses...)
		own[i] = j.own
	}
	a.self = a.all(or, own, empty)
	a.owned = a.apply(or, a.inAddresses(levelSource, all), a.inAddresses(levelDestination, all))
	return a
}

func prefixes(addresses []netip.Addr) []netip.Prefix {
	list := make([]netip.Prefix, len(addresses))
	for i, own := range addresses {
		list[i] = netip.PrefixFrom(own, own.BitLen())
	}
	return list
}

// between is the packets from one of the addresses to one of them.
func (e *Engine) between(own []netip.Addr) ref {
	var s addressSet
	s.add(prefixes(own)...)
	return e.apply(and, e.inAddresses(levelSource, s), e.inAddresses(levelDestination, s))
}

// inside is the packets between own addresses of one of the hosts, to which others are added.
func (e *Engine) inside(hosts []*host, others ...netip.Addr) ref {
	list := make([]ref, len(hosts))
	for i, h := range hosts {
		list[i] = e.between(slices.Concat(h.own, others))
	}
	return e.all(or, list, empty)
}

// enter adds a host to those with the same verdicts.
func enter(all *[]judges, h *host, v verdicts) {
	at := slices.IndexFunc(*all, func(j judges) bool { return j.verdicts == v })
	if at < 0 {
		at = len(*all)
		*all = append(*all, judges{verdicts: v})
	}
	j := &(*all)[at]
	j.hosts = append(j.hosts, h)
}

// across is what a way does by whichever of the doors.
func (a *Asker) across(doors []*door, w way) verdicts {
	v := a.verdicts(doors[0].class.along(w))
	for _, d := range doors[1:] {
		v = a.either(v, a.verdicts(d.class.along(w)))
	}
	return v
}

// ends is what the hosts that have an address do to packets with it at the level. What
// nobody has is allowed.
func (a *Asker) ends(l level, w way) verdicts {
	of := map[netip.Addr]verdicts{}
	var all addressSet
	for _, h := range a.hosts {
		for _, own := range h.own {
			v := a.across(h.through("", own), w)
			if other, ok := of[own]; ok {
				v = a.either(other, v)
			}
			of[own] = v
			all.add(netip.PrefixFrom(own, own.BitLen()))
		}
	}
	groups := map[verdicts]*addressSet{}
	for own, v := range of {
		if groups[v] == nil {
			groups[v] = &addressSet{}
		}
		groups[v].add(netip.PrefixFrom(own, own.BitLen()))
	}
	allowed, denied := []ref{a.not(a.inAddresses(l, all))}, []ref{empty}
	for v, addresses := range groups {
		mine := a.inAddresses(l, *addresses)
		allowed = append(allowed, a.apply(and, v.allowed, mine))
		denied = append(denied, a.apply(and, v.denied, mine))
	}
	return verdicts{a.all(or, allowed, empty), a.all(or, denied, empty)}
}

// Ask answers a question. There is no answer about packets that no node has to do with,
// and none at all if that is all of them.
func (a *Asker) Ask(q Question) []Answer {
	region := full
	if len(q.Services) > 0 {
		region = a.Space().Set(q.Services...).root
	}
	if q.Path == Local {
		return a.askLocal(q, region)
	}
	var from, to addressSet
	from.add(q.From...)
	to.add(q.To...)
	region = a.apply(and, region, a.apply(and, a.inAddresses(levelSource, from), a.inAddresses(levelDestination, to)))
	if q.Path == Forward {
		return a.askThrough(q, region)
	}
	region = a.apply(and, region, a.owned)
	if region == empty {
		return nil
	}
	a.asked = a.apply(or, a.asked, region)
	self := a.apply(and, region, a.self)
	others := a.apply(minus, region, self)
	send, receive := a.send, a.receive
	if q.FromEndpoint != "" {
		send = a.atEndpoint(q.FromEndpoint, wayOut)
	}
	if q.ToEndpoint != "" {
		receive = a.atEndpoint(q.ToEndpoint, wayIn)
	}
	v := verdicts{
		a.apply(and, a.apply(and, others, send.allowed), receive.allowed),
		a.apply(or, a.apply(and, others, send.denied), a.apply(and, others, receive.denied)),
	}
	own := a.toThemselves(self, send, receive)
	v.allowed, v.denied = a.apply(or, v.allowed, own.allowed), a.apply(or, v.denied, own.denied)
	answer := Answer{Traffic: a.within(region, v), in: a.doorOf(q.ToEndpoint), out: a.doorOf(q.FromEndpoint)}
	answer.Unanswered = Set{a.table, a.apply(and, a.apply(and, others, v.allowed), a.unanswered(&q))}
	return []Answer{answer}
}

// atEndpoint is what a way does by whichever of the interfaces that an endpoint governs. One that governs none leaves it
// open.
func (a *Asker) atEndpoint(name string, w way) verdicts {
	doors := a.doorsOf(name)
	if len(doors) == 0 {
		return verdicts{}
	}
	return a.across(doors, w)
}

// doorsOf is the interfaces that an endpoint governs, none for "".
func (a *Asker) doorsOf(name string) (doors []*door) {
	for _, h := range a.hosts {
		for _, d := range h.outside() {
			if d.endpoint != nil && d.endpoint.Name == name {
				doors = append(doors, h.named(d.name)...)
			}
		}
	}
	return doors
}

// doorOf is an interface that an endpoint governs, on whichever node it is.
func (a *Asker) doorOf(endpoint string) string {
	for _, h := range a.hosts {
		if name := a.DoorOf(h.name, endpoint); endpoint != "" && name != "" {
			return name
		}
	}
	return ""
}

// within is traffic by its verdicts.
func (a *Asker) within(region ref, v verdicts) Traffic {
	allowed, denied := a.apply(and, region, v.allowed), a.apply(and, region, v.denied)
	unknown := a.apply(minus, region, a.apply(or, allowed, denied))
	return Traffic{Set{a.table, allowed}, Set{a.table, denied}, Set{a.table, unknown}}
}

// askLocal asks the nodes about what they send themselves, at their own addresses and at
// those of loopback.
func (a *Asker) askLocal(q Question, region ref) []Answer {
	var list []Answer
	loop := a.between(loopbackAddresses)
	for _, j := range a.local {
		hosts := kept(j.hosts, q.Nodes)
		mine := a.apply(or, loop, a.inside(hosts))
		if mine = a.apply(and, mine, region); len(hosts) > 0 && mine != empty {
			for _, h := range hosts {
				at := h.at(loopback).class
				a.askedAlone[at] = a.apply(or, a.askedAlone[at], a.apply(and, mine, loop))
			}
			a.asked = a.apply(or, a.asked, a.apply(minus, mine, loop))
			list = append(list, answerOf(Local, hosts, a.within(mine, j.verdicts)))
		}
	}
	return list
}

func kept(hosts []*host, nodes func(string) bool) []*host {
	if nodes == nil {
		return hosts
	}
	return slices.DeleteFunc(slices.Clone(hosts), func(h *host) bool { return !nodes(h.name) })
}

func answerOf(p Path, hosts []*host, t Traffic) Answer {
	answer := Answer{Path: p, Traffic: t, hosts: hosts}
	for _, h := range hosts {
		answer.Nodes = append(answer.Nodes, h.name)
	}
	return answer
}

// askThrough asks the nodes about what passes through them.
func (a *Asker) askThrough(q Question, region ref) []Answer {
	if a.through == nil {
		for _, h := range a.hosts {
			enter(&a.through, h, a.passing(h))
		}
	}
	var list []Answer
	for _, j := range a.through {
		hosts := kept(j.hosts, q.Nodes)
		mine := region
		for never := region; len(hosts) > 0 && never != empty; hosts = hosts[1:] {
			var own addressSet
			own.add(prefixes(hosts[0].own)...)
			ends := a.apply(or, a.inAddresses(levelSource, own), a.inAddresses(levelDestination, own))
			never = a.apply(and, never, ends)
			if len(hosts) == 1 {
				mine = a.apply(minus, region, never)
				break
			}
		}
		if hosts = kept(j.hosts, q.Nodes); len(hosts) > 0 && mine != empty {
			for _, h := range hosts {
				a.askedThrough[h] = a.apply(or, a.askedThrough[h], region)
			}
			list = append(list, answerOf(Forward, hosts, a.within(mine, j.verdicts)))
		}
	}
	return list
}

// passing is what a host does to what passes through it, by whichever interfaces.
func (a *Asker) passing(h *host) verdicts {
	var v verdicts
	doors := h.outside()
	for i, from := range doors {
		for k, to := range doors {
			own := a.verdicts(forwarded(from.class, to.class))
			if i+k == 0 {
				v = own
			}
			v = a.either(v, own)
		}
	}
	return v
}
