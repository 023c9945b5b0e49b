package policy

import "slices"

// Verdict is what becomes of traffic.
type Verdict string

// The verdicts.
const (
	Allowed Verdict = "allow"
	Denied  Verdict = "deny"
	// Unknown is traffic about which the objects alone do not decide.
	Unknown Verdict = "unknown"
)

// verdictOf turns outcomes at the end of all stages into a verdict.
func verdictOf(o outcomes) Verdict {
	switch o {
	case allow:
		return Allowed
	case deny:
		return Denied
	default:
		return Unknown
	}
}

// atStage is the outcomes of one stage at the endpoints of a class. Where the stage
// does not decide, it is next for the early stages; the others always decide.
func (c *class) atStage(s stage, d int) ref {
	if c.made[s][d] != empty {
		return c.made[s][d]
	}
	made := c.makeStage(s, d)
	if c.table.err == nil {
		c.made[s][d] = made
	}
	return made
}

func (c *class) makeStage(s stage, d int) ref {
	t := c.table
	switch {
	case c.open() && s <= stagePreDNAT:
		return next
	case c.open():
		return allow
	case c.failsafes.broken != "":
		return allow | deny
	}
	switch s {
	case stageForward:
		return c.tiers(s, d, allow)
	case stageNormal:
		safe := t.apply(paint, c.failsafes.sets[d], allow)
		return t.apply(then, safe, c.tiers(s, d, c.profilesEnd(d)))
	default: // whose failsafes only skip the stage
		if len(c.runs[s][d]) == 0 {
			return next
		}
		safe := t.apply(paint, c.failsafes.sets[d], pass)
		return t.apply(passing, t.apply(then, safe, c.tiers(s, d, next)), next)
	}
}

// tiers is the outcomes of all tiers of a stage. after is what follows the last.
func (c *class) tiers(s stage, d int, after ref) ref {
	t := c.table
	runs := c.runs[s][d]
	for i := len(runs) - 1; i >= 0; i-- {
		parts := make([]ref, len(runs[i].policies))
		for j, p := range runs[i].policies {
			parts[j] = p.diagram(d)
		}
		end := pass
		if s >= stageNormal {
			end = runs[i].end()
		}
		own := t.apply(then, t.all(then, parts, next), end)
		after = t.apply(passing, own, after)
	}
	return after
}

// profilesEnd is the outcomes of the profiles, which end in deny.
func (c *class) profilesEnd(d int) ref {
	t := c.table
	after := deny
	for _, p := range slices.Backward(c.profiles) {
		own := t.inOrder(p.rules(d))
		after = t.apply(passing, t.apply(then, own, after), after)
	}
	return after
}

// way is a part of the way of a packet that one endpoint judges.
type way uint8

const (
	// wayIn and wayOut are to and from the host itself.
	wayIn way = iota
	wayOut
	// wayLocal is out of the host and at once into it.
	wayLocal
	// wayForwardIn is through the host, as far as the interface where it comes in
	// judges. Where it says pass the other interface is not asked.
	wayForwardIn
	wayForwardOut
	ways
)

// along is the outcomes of all stages of a way.
func (c *class) along(w way) ref {
	if c.ways[w] != empty {
		return c.ways[w]
	}
	made := c.makeWay(w)
	if c.table.err == nil {
		c.ways[w] = made
	}
	return made
}

func (c *class) makeWay(w way) ref {
	t := c.table
	switch w {
	case wayIn:
		tracked := t.apply(then, c.atStage(stagePreDNAT, in), c.atStage(stageNormal, in))
		return t.apply(then, c.atStage(stageUntracked, in), tracked)
	case wayOut:
		return t.apply(then, c.atStage(stageUntracked, out), c.atStage(stageNormal, out))
	case wayLocal:
		return t.apply(both, c.along(wayOut), c.along(wayIn))
	case wayForwardIn:
		tracked := t.apply(then, c.atStage(stagePreDNAT, in), c.atStage(stageForward, in))
		return t.apply(then, t.apply(accept, c.atStage(stageUntracked, in), empty), tracked)
	default:
		return c.atStage(stageForward, out)
	}
}

// forwarded is the outcomes of traffic through a host.
func forwarded(from, to *class) ref {
	return from.table.apply(both, from.along(wayForwardIn), to.along(wayForwardOut))
}
