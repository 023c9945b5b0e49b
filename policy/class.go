package policy

import (
	"strconv"
	"strings"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// class is the endpoints to which the same policies, profiles and failsafes apply, and
// so the same verdicts. The class without endpoints stands for interfaces that nothing
// governs: everything is allowed there.
type class struct {
	table     *table
	endpoints []*v3.HostEndpoint
	// wildcard classes are of endpoints for all interfaces, where doNotTrack has no effect.
	wildcard  bool
	runs      [stages][directions][]run
	profiles  []*profile
	failsafes *failsafes
	// made holds the diagrams that have been asked for; no diagram of outcomes is empty.
	made [stages][directions]ref
	ways [ways]ref
}

// run is the policies of one tier that apply at a stage, in their order.
type run struct {
	tier     *tier
	policies []*policy
}

// end is what follows when no policy of the run decides, before the forward and the
// normal stage's end.
func (r *run) end() outcomes {
	for _, p := range r.policies {
		if p.doubt == "" {
			return r.tier.end
		}
	}
	return r.tier.end | pass
}

func (c *class) open() bool { return c.failsafes == nil }

// add enters a policy; policies come in the order of evaluation.
func (c *class) add(p *policy) {
	for d, governed := range p.types {
		if !governed || p.stage == stageUntracked && c.wildcard || p.stage == stagePreDNAT && d == out {
			continue
		}
		c.runs[p.stage][d] = extend(c.runs[p.stage][d], p)
		if p.forward {
			c.runs[stageForward][d] = extend(c.runs[stageForward][d], p)
		}
	}
}

func extend(runs []run, p *policy) []run {
	if last := len(runs) - 1; last >= 0 && runs[last].tier == p.tier {
		runs[last].policies = append(runs[last].policies, p)
		return runs
	}
	return append(runs, run{p.tier, []*policy{p}})
}

// classifier puts endpoints into classes.
type classifier struct {
	engine *Engine
	// hits says for each distinct selector which members it selects.
	hits    []matching
	classes map[string]*class
}

// of is the class of the endpoint that is a member of the population.
func (f *classifier) of(i int, h *v3.HostEndpoint) *class {
	e := f.engine
	wildcard := h.Spec.InterfaceName == v3.AllInterfaces
	protected := e.failsafes.of(h.Spec.Node)
	id := make([]byte, (len(f.hits)+7)/8, (len(f.hits)+7)/8+64)
	for s := range f.hits {
		if f.hits[s].has(i) {
			id[s/8] |= 1 << (s % 8)
		}
	}
	id = strconv.AppendBool(strconv.AppendInt(id, int64(protected.id), 10), wildcard)
	id = append(id, strings.Join(h.Spec.Profiles, "\x00")...)
	c := f.classes[string(id)]
	if c == nil {
		c = &class{table: e.table, wildcard: wildcard, failsafes: protected}
		for _, p := range e.policies {
			if p.selector >= 0 && f.hits[p.selector].has(i) {
				c.add(p)
			}
		}
		for _, name := range h.Spec.Profiles {
			c.profiles = append(c.profiles, e.profile(name))
		}
		f.classes[string(id)] = c
		e.classes = append(e.classes, c)
	}
	c.endpoints = append(c.endpoints, h)
	return c
}
