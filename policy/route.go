package policy

import (
	"fmt"
	"net/netip"
	"slices"
)

// route is the judgements that a packet meets on its way, each by another node.
type route []*judgement

// routes are the ways that a flow may take: more than one where several nodes have an address of it, as they have that
// of a service which moves between them. The packet is sent by one of them and received by one of them, and what a node
// sends to an address that it has itself does not leave it.
func (e *Engine) routes(f *Flow, whole judgement, after netip.Addr) ([]route, error) {
	senders, targets, finals := e.owning(f.From, f.FromNode), e.owning(f.To, f.ToNode), e.owning(after, f.ToNode)
	if len(senders)+len(targets)+len(finals) == 0 {
		return nil, fmt.Errorf("neither %s nor %s is the address of a node or host endpoint: say which node judges", f.From, f.To)
	}
	made := map[*host]*judgement{}
	judge := func(h *host) *judgement {
		if made[h] == nil {
			j := whole
			path := h.pathOf(f.From, f.To, after)
			if path == DNATForward && !h.owns(f.To) || path == DNATLocal && !h.owns(f.To) {
				path, j.before = Input, j.after // which another node has rewritten
			}
			made[h] = new(j.at(h, path, f))
		}
		return made[h]
	}
	var all []route
	for _, sender := range orNobody(senders) {
		for _, target := range onward(sender, f.To, targets) {
			from := target
			if target == nil {
				from = sender
			}
			for _, final := range onward(from, after, finals) {
				var r route
				for _, h := range []*host{sender, target, final} {
					if h != nil && !slices.Contains(r, judge(h)) {
						r = append(r, judge(h))
					}
				}
				all = append(all, r)
			}
		}
	}
	return all, nil
}

// owning are the hosts that have an address, or the one of them that is meant.
func (e *Engine) owning(a netip.Addr, node string) []*host {
	all := e.owners[string(a.AsSlice())]
	if h := e.byName[node]; h != nil && slices.Contains(all, h) {
		return []*host{h}
	}
	return all
}

// onward are the hosts where a packet for an address may arrive: the one where it is, if that has the address.
func onward(at *host, to netip.Addr, owners []*host) []*host {
	if at != nil && at.owns(to) {
		return []*host{at}
	}
	return orNobody(owners)
}

// orNobody has one nil where there is no host.
func orNobody(hosts []*host) []*host {
	if len(hosts) == 0 {
		return []*host{nil}
	}
	return hosts
}

// finding is what becomes of a packet at a host, or on a route.
type finding struct {
	verdict  Verdict
	decision Decision
	answer   *Return
}

// on is what becomes of a flow on a route. The first node that denies decides, then the first that leaves it open.
func (e *Engine) on(r route, at func(*judgement) finding) finding {
	found := finding{verdict: Allowed}
	for i, j := range r {
		own := at(j)
		if i == 0 || found.verdict == Allowed || own.verdict == Denied && found.verdict == Unknown {
			found.verdict, found.decision = own.verdict, own.decision
		}
		if own.answer != nil && (found.answer == nil || found.answer.Verdict == Unknown) {
			found.answer = own.answer
		}
	}
	if found.verdict != Allowed {
		found.answer = nil
	}
	return found
}

// whyRoute is the reason for what the nodes leave open that have the same address.
const whyRoute = "several nodes have an address of it, and the verdict depends on which of them takes part"

// or is what becomes of a flow that takes one of two routes.
func (f finding) or(other finding) finding {
	open := Decision{Why: whyRoute}
	switch {
	case f.verdict != other.verdict:
		return finding{verdict: Unknown, decision: open}
	case (f.answer == nil) != (other.answer == nil) || f.answer != nil && f.answer.Verdict != other.answer.Verdict:
		node := f.answer
		if node == nil {
			node = other.answer
		}
		f.answer = &Return{Verdict: Unknown, Decision: node.Decision}
		f.answer.Decision.Why, f.answer.Decision.Rule = whyRoute, nil
	}
	return f
}

// toThemselves is what the hosts do to packets between addresses that one of them has. Where several have both, each of
// them may be meant, and where several have the source only, it may come from another host.
func (a *Asker) toThemselves(self ref, send, receive verdicts) verdicts {
	var v, against verdicts
	for _, j := range a.local {
		own := a.apply(and, self, j.own)
		v.allowed = a.apply(or, v.allowed, a.apply(and, own, j.allowed))
		v.denied = a.apply(or, v.denied, a.apply(and, own, j.denied))
		against.allowed = a.apply(or, against.allowed, a.apply(minus, own, j.allowed))
		against.denied = a.apply(or, against.denied, a.apply(minus, own, j.denied))
	}
	across := a.each(send, receive)
	leaving := a.apply(and, self, a.leaving)
	against.allowed = a.apply(or, against.allowed, a.apply(minus, leaving, across.allowed))
	against.denied = a.apply(or, against.denied, a.apply(minus, leaving, across.denied))
	return verdicts{a.apply(minus, v.allowed, against.allowed), a.apply(minus, v.denied, against.denied)}
}

// leavingSome is the packets from an address of several hosts to one that not all of these have.
func (e *Engine) leavingSome() ref {
	sum := empty
	for _, h := range e.hosts {
		for _, shared := range h.own {
			hosts := e.owners[string(shared.AsSlice())]
			if len(hosts) == 1 || hosts[0] != h {
				continue
			}
			var from, to addressSet
			from.add(prefixes([]netip.Addr{shared})...)
			having := map[netip.Addr]int{}
			for _, other := range hosts {
				for _, a := range other.own {
					having[a]++
				}
			}
			for a, n := range having {
				if n < len(hosts) {
					to.add(prefixes([]netip.Addr{a})...)
				}
			}
			sum = e.apply(or, sum, e.apply(and, e.inAddresses(levelSource, from), e.inAddresses(levelDestination, to)))
		}
	}
	return sum
}
