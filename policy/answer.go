package policy

import v3 "github.com/edfb3db0/calicoctl/resources/v3"

// Return is what becomes of the answer to a packet that is allowed. Answers of tracked connections are accepted where
// doNotTrack policies let them come so far; those to untracked packets are judged by themselves.
type Return struct {
	// Verdict is deny or unknown, and Decision what drops the answer, or may.
	Verdict  Verdict
	Decision Decision
}

// Reasons for an answer that is lost without a rule that denies it.
const (
	whyRewritten = "the answer is not tracked, so that nothing writes back the address that DNAT has rewritten"
	whyInvalid   = "the request is not tracked, so that its answer belongs to no connection, and what begins none is dropped there"
)

// answer is what becomes of the answer to a packet that the host allows; nil where it is accepted for certain, or
// there is none. untracked tells that a doNotTrack policy has allowed the request.
func (w *walk) answer(j *judgement, from, to *door, untracked bool) *Return {
	if !from.untracks() && !to.untracks() {
		return nil
	}
	packet := j.after
	if untracked {
		packet = j.before
	}
	back, ok := packet.answer()
	if !ok {
		return nil
	}
	r := reply{
		walk: &walk{engine: w.engine, host: w.host}, packet: &back, untracked: untracked,
		rewritten: !untracked && j.before != j.after, foreign: back.protocol() == protocolTCP || isICMP(int(back.first[levelProtocol].lo)),
	}
	var mask outcomes
	switch w.path {
	case Input:
		mask = r.leaves(from)
	case Output:
		mask = r.arrives(to)
	case Local:
		if mask = r.leaves(to); mask == allow {
			mask = r.arrives(from)
		}
	default:
		mask = r.passes(to, from)
	}
	if mask == allow {
		return nil
	}
	v := verdictOf(mask)
	return &Return{Verdict: v, Decision: r.decided(v)}
}

// reply follows an answer past one host.
type reply struct {
	*walk
	packet *point
	// untracked tells that the request is, rewritten that DNAT has rewritten the request, and foreign that the answer is
	// of a protocol in which it cannot begin a connection.
	untracked, rewritten, foreign bool
}

// early is the doNotTrack stage for an answer: allow, deny or, where it goes on, next. What answers a failsafe port of
// the other direction is spared, too.
func (r *reply) early(d *door, direction int) outcomes {
	if safe := d.class.failsafes; safe != nil && safe.broken == "" {
		request := r.packet.mirrored()
		if r.engine.reach(safe.sets[1-direction], &request) == 1<<full {
			return next
		}
	}
	mask := r.step(step{stageUntracked, direction, d, r.packet})
	if mask&allow != 0 && r.rewritten {
		mask = mask&^allow | deny
		if mask == deny {
			r.last.Why = whyRewritten
		}
	}
	return mask
}

// ends is what follows the doNotTrack stage: the answers of tracked requests are accepted there.
func (r *reply) ends(early outcomes, rest func() outcomes) outcomes {
	switch {
	case early&next == 0:
		return early
	case !r.untracked:
		return early&^next | allow
	default:
		return early&^next | rest()
	}
}

func (r *reply) leaves(d *door) outcomes {
	return r.ends(r.early(d, out), func() outcomes {
		return r.steps([]step{{stageNormal, out, d, r.packet}})
	})
}

func (r *reply) arrives(d *door) outcomes {
	return r.ends(r.early(d, in), func() outcomes {
		if r.foreign && !d.class.open() {
			return r.end(ByDefault, deny, whyInvalid)
		}
		return r.steps([]step{{stagePreDNAT, in, d, r.packet}, {stageNormal, in, d, r.packet}})
	})
}

func (r *reply) passes(from, to *door) outcomes {
	return r.ends(r.early(from, in), func() outcomes {
		if r.foreign {
			r.at.Interface, r.at.Endpoint, r.at.Direction = to.name, to.endpoint, Egress
			return r.end(ByDefault, deny, whyInvalid)
		}
		first := r.steps([]step{{stagePreDNAT, in, from, r.packet}, {stageForward, in, from, r.packet}})
		return r.then(first, []step{{stageForward, out, to, r.packet}})
	})
}

const (
	protocolTCP = 6
	// firstEphemeral and lastEphemeral are the ports that Linux gives to clients which do not ask for one.
	firstEphemeral, lastEphemeral = 32768, 60999
)

// protocol is the IANA number.
func (p *point) protocol() int { return int(p.first[levelProtocol].lo) % v6Protocol }

// mirrored is the packet with its ends exchanged.
func (p *point) mirrored() point {
	m := *p
	for _, l := range [][2]level{{levelPort, levelSourcePort}, {levelSource, levelDestination}} {
		if l[0] == levelPort && !(v3.Protocol{Num: uint8(p.protocol())}).HasPorts() {
			continue
		}
		m.first[l[0]], m.last[l[0]] = p.first[l[1]], p.last[l[1]]
		m.first[l[1]], m.last[l[1]] = p.first[l[0]], p.last[l[0]]
	}
	return m
}

// answer is the packet that answers; ok is false if there is none, as for ICMP that is no echo request. Of what may be one,
// it is the answer to that.
func (p *point) answer() (back point, ok bool) {
	back = p.mirrored()
	if p.first[levelSourcePort] != p.last[levelSourcePort] {
		back.first[levelPort], back.last[levelPort] = number(firstEphemeral), number(lastEphemeral)
	}
	if !isICMP(int(p.first[levelProtocol].lo)) {
		return back, true
	}
	const request, reply, request6, reply6 = 8, 0, 128, 129
	asked, answered := number(request<<8), number(reply<<8)
	if p.protocol() != 1 {
		asked, answered = number(request6<<8), number(reply6<<8)
	}
	back.set(levelPort, answered)
	return back, !asked.less(p.first[levelPort]) && !p.last[levelPort].less(asked)
}
