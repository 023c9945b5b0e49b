package policy

import (
	"net/netip"
	"slices"
)

// Unexercised are the rules of policies that no traffic ends at that was asked about, in
// the order of evaluation. Traffic ends at a rule when it may match, and no rule before it
// at the same endpoint has certainly decided.
func (a *Asker) Unexercised() []RuleRef {
	c := cover{Asker: a, hit: map[*rule]bool{}, ends: map[coverKey]*addressSet{}}
	passing := map[*class]ref{}
	for _, h := range a.hosts {
		for _, own := range h.own {
			for _, d := range h.through("", own) {
				c.ending(d.class, false, own)
			}
			c.ending(h.at(loopback).class, true, own)
		}
		for _, d := range h.outside() {
			passing[d.class] = a.apply(or, passing[d.class], a.askedThrough[h])
		}
	}
	for _, key := range c.order {
		mine := a.apply(minus, a.asked, a.self)
		if key.self {
			mine = a.apply(and, a.asked, a.self)
		}
		c.to(key.class, a.apply(and, mine, a.inAddresses(levelDestination, *c.ends[key])))
		c.from(key.class, a.apply(and, mine, a.inAddresses(levelSource, *c.ends[key])))
	}
	for class, region := range a.askedAlone {
		c.to(class, region)
		c.from(class, region)
	}
	for class, region := range passing {
		early := c.stage(class, stagePreDNAT, in, c.stage(class, stageUntracked, in, region))
		c.stage(class, stageForward, in, early)
		c.stage(class, stageForward, out, region)
	}
	return c.missed()
}

// missed are the rules that nothing has ended at.
func (c *cover) missed() []RuleRef {
	var list []RuleRef
	for _, p := range c.policies {
		for d := range directions {
			for i, r := range p.rules(d) {
				if p.types[d] && !c.hit[r] {
					list = append(list, RuleRef{Object: p.object, Direction: directionNames[d], Index: i, Action: r.name})
				}
			}
		}
	}
	return list
}

// Asked tells whether traffic was asked about that a vital flow to, from or
// within a host is about.
func (a *Asker) Asked(v Vital) bool {
	region := a.anyOf(v.Boxes)
	hosts := kept(a.hosts, v.Nodes)
	var own addressSet
	for _, h := range hosts {
		own.add(prefixes(h.own)...)
	}
	var at ref
	switch v.Path {
	case Input:
		at = a.inAddresses(levelDestination, own)
	case Output:
		at = a.inAddresses(levelSource, own)
	default:
		at = a.inside(hosts)
	}
	if a.apply(and, region, a.apply(and, at, a.asked)) != empty {
		return true
	}
	return v.Path == Local && slices.ContainsFunc(hosts, func(h *host) bool {
		return a.apply(and, region, a.askedAlone[h.at(loopback).class]) != empty
	})
}

// cover finds out which rules traffic ends at.
type cover struct {
	*Asker
	hit map[*rule]bool
	// ends are the addresses at which classes judge.
	ends  map[coverKey]*addressSet
	order []coverKey
}

// coverKey is a class where it judges what hosts send themselves, or what others send.
type coverKey struct {
	class *class
	self  bool
}

func (c *cover) ending(cl *class, self bool, own netip.Addr) {
	key := coverKey{cl, self}
	if c.ends[key] == nil {
		c.ends[key] = &addressSet{}
		c.order = append(c.order, key)
	}
	c.ends[key].add(netip.PrefixFrom(own, own.BitLen()))
}

func (c *cover) to(cl *class, region ref) {
	early := c.stage(cl, stagePreDNAT, in, c.stage(cl, stageUntracked, in, region))
	c.stage(cl, stageNormal, in, early)
}

func (c *cover) from(cl *class, region ref) {
	c.stage(cl, stageNormal, out, c.stage(cl, stageUntracked, out, region))
}

// stage follows traffic through one stage and gives what may go on to the next.
func (c *cover) stage(cl *class, s stage, d int, region ref) ref {
	if region == empty || cl.open() {
		return region
	}
	skipped := empty
	if s != stageForward {
		skipped = c.apply(and, region, cl.failsafes.sets[d])
		region = c.apply(minus, region, skipped)
	}
	for i := range cl.runs[s][d] {
		run := &cl.runs[s][d][i]
		passed := empty
		for _, p := range run.policies {
			for _, r := range p.rules(d) {
				matched := c.apply(and, region, r.upper)
				c.hit[r] = c.hit[r] || matched != empty
				if r.action&pass != 0 {
					passed = c.apply(or, passed, matched)
				}
				if r.action != next {
					region = c.apply(minus, region, r.sure)
				}
			}
		}
		if s >= stageNormal && run.end() == deny {
			region = empty
		}
		region = c.apply(or, region, passed)
	}
	return c.apply(or, region, skipped)
}
