package policy

import "slices"

// unanswered is the packets of the boxes on a path to, from or within a host that are allowed and whose answers are
// dropped for certain. It says of sets what reply says of a packet. Answers of ICMP are not looked at.
func (t *table) unanswered(path Path, classes [directions]*class, boxes []Box) ref {
	c, request := classes[in], in
	if path != Input {
		c, request = classes[out], out
	}
	if path == Forward || !c.untracks() || c.failsafes.broken != "" {
		return empty
	}
	answers := full
	if len(boxes) > 0 {
		answers = t.mirrorBoxes(boxes)
	}
	answers = t.apply(minus, answers, t.icmp(full))
	tracked, untracked := allow, allow // What becomes of the answers to tracked and to untracked packets.
	for d := range directions {
		if d == request && path != Local { // which is the way of the request
			continue
		}
		early, rest := c.answerEarly(d), c.atStage(stageNormal, d)
		if d == in {
			rest = t.apply(then, c.atStage(stagePreDNAT, in), rest)
			rest = t.apply(then, t.apply(paint, t.protocols([]Range{{protocolTCP, protocolTCP}}, full), deny), rest)
		}
		tracked = t.apply(both, tracked, t.apply(then, early, allow))
		untracked = t.apply(both, untracked, t.apply(then, early, rest))
	}
	tracked, untracked = t.apply(is, tracked, deny), t.apply(is, untracked, deny)
	skipped := t.apply(is, c.atStage(stageUntracked, request), allow)
	return t.apply(or,
		t.apply(and, skipped, t.mirror(t.apply(and, answers, untracked))),
		t.apply(minus, t.mirror(t.apply(and, answers, tracked)), skipped))
}

// answerEarly is the doNotTrack stage for answers, which spares what answers a failsafe port of the other direction.
func (c *class) answerEarly(d int) ref {
	t := c.table
	spared := t.apply(paint, t.mirror(c.failsafes.sets[1-d]), pass)
	return t.apply(passing, t.apply(then, spared, c.atStage(stageUntracked, d)), next)
}

// untracks tells whether doNotTrack policies are asked.
func (c *class) untracks() bool {
	return len(c.runs[stageUntracked][in])+len(c.runs[stageUntracked][out]) > 0
}

// mirror is the packets of a set with their ends exchanged.
func (t *table) mirror(r ref) ref { return t.mirrorBoxes(Set{t, r}.Boxes()) }

func (t *table) mirrorBoxes(boxes []Box) ref {
	boxes = slices.Clone(boxes)
	for i := range boxes {
		b := &boxes[i]
		b.Sources, b.Destinations = b.Destinations, b.Sources
		b.Ports, b.SourcePorts = b.SourcePorts, b.Ports
	}
	return (&Space{t}).Set(boxes...).root
}
