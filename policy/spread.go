package policy

// Ends tells which ends of a flow are not one address, but any of a set.
type Ends struct{ From, To bool }

// Spread is what becomes of a flow for each of many addresses at its ends: where the end is open, the flow has one of
// them, and the packets of region say which count. Those must take the same way past the same nodes as the one of the
// flow. Sets of the result are about addresses; what is not known of ports makes a verdict unknown only where it matters.
func (e *Engine) Spread(f Flow, open Ends, region Set) (Traffic, error) {
	_, routes, err := e.judgements(f)
	if err != nil {
		return Traffic{}, err
	}
	s := slicer{table: e.table}
	s.open[levelSource], s.open[levelDestination] = open.From, open.To
	all := s.slice(e.copyFrom(region.table, region.root, map[ref]ref{}), routes[0][0].before)
	var v verdicts
	for i, r := range routes {
		own := verdicts{all, empty}
		for _, j := range r {
			own = e.each(own, s.atHost(j, all))
		}
		if i == 0 {
			v = own
		}
		v = e.either(v, own)
	}
	denied := e.apply(and, all, v.denied)
	unknown := e.apply(minus, all, e.apply(or, v.allowed, denied))
	return Traffic{Set{e.table, v.allowed}, Set{e.table, denied}, Set{e.table, unknown}}, e.Err()
}

// slicer leaves of diagrams what depends on the addresses that are open, and on what is not known of a packet.
type slicer struct {
	*table
	open [levels]bool
}

// atHost is what a host certainly does, whichever of the doors is taken.
func (s *slicer) atHost(j *judgement, all ref) verdicts {
	var v verdicts
	first := true
	for _, from := range orNone(j.in) {
		for _, to := range orNone(j.out) {
			outcome := s.outcome(j, from, to)
			own := verdicts{s.certain(all, outcome, allow, j.before), s.certain(all, outcome, deny, j.before)}
			if first {
				v, first = own, false
			}
			v = s.either(v, own)
		}
	}
	return v
}

// certain is where the outcome is the one for all that a packet may be.
func (s *slicer) certain(all, outcome ref, what outcomes, p *point) ref {
	return s.apply(minus, all, s.exists(s.not(s.apply(is, outcome, what)), p, map[ref]ref{}))
}

// outcome is what the stages come to that walk goes through.
func (s *slicer) outcome(j *judgement, from, to *door) ref {
	rewritten := slicer{table: s.table, open: s.open}
	if j.after.first[levelDestination] != j.before.first[levelDestination] {
		rewritten.open[levelDestination] = false
	}
	before := func(d *door, st stage, direction int) ref { return s.slice(d.class.atStage(st, direction), j.before) }
	after := func(d *door, st stage, direction int) ref {
		return rewritten.slice(d.class.atStage(st, direction), j.after)
	}
	outgoing := func() ref { return s.apply(then, before(to, stageUntracked, out), after(to, stageNormal, out)) }
	incoming := func() ref {
		tracked := s.apply(then, before(from, stagePreDNAT, in), after(from, stageNormal, in))
		return s.apply(then, before(from, stageUntracked, in), tracked)
	}
	switch j.path {
	case Input:
		return incoming()
	case Output:
		return outgoing()
	case Local:
		return s.apply(both, outgoing(), incoming())
	default:
		tracked := s.apply(then, before(from, stagePreDNAT, in), after(from, stageForward, in))
		first := s.apply(then, s.apply(accept, before(from, stageUntracked, in), empty), tracked)
		return s.apply(both, first, after(to, stageForward, out))
	}
}

// slice is a diagram for a packet: it asks only for what is open or not known.
func (s *slicer) slice(r ref, p *point) ref {
	made := map[ref]ref{}
	var visit func(ref) ref
	visit = func(r ref) ref {
		if r < terminals {
			return r
		}
		n := *s.node(r)
		if !s.open[n.level] && p.first[n.level] == p.last[n.level] {
			return visit(n.kids[n.find(p.first[n.level])])
		}
		if out, ok := made[r]; ok {
			return out
		}
		kids := make([]ref, len(n.kids))
		for i, kid := range n.kids {
			kids[i] = visit(kid)
		}
		made[r] = s.assemble(n, kids)
		return made[r]
	}
	return visit(r)
}

// exists is the addresses for which some packet is in a sliced set. made remembers what diagrams came to.
func (s *slicer) exists(r ref, p *point, made map[ref]ref) ref {
	if r < terminals {
		return r
	}
	if out, ok := made[r]; ok {
		return out
	}
	n := *s.node(r)
	s.spend(len(n.kids))
	out := empty
	if s.open[n.level] {
		kids := make([]ref, len(n.kids))
		for i, kid := range n.kids {
			kids[i] = s.exists(kid, p, made)
		}
		out = s.assemble(n, kids)
	} else {
		for _, kid := range n.kids[n.find(p.first[n.level]) : n.find(p.last[n.level])+1] {
			out = s.apply(or, out, s.exists(kid, p, made))
		}
	}
	made[r] = out
	return out
}
