package policy

import (
	"net/netip"
	"slices"
	"strings"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Vital is traffic that should not be lost.
type Vital struct {
	// Name says what it is, and Why what breaks without it.
	Name, Why string
	// Path is Input, Output, Local or Forward.
	Path Path
	// Boxes are the packets. None means all.
	Boxes []Box
	// Telling are boxes of which a loss must have a packet to be one. None means all.
	Telling []Box
	// Nodes keeps some nodes; nil keeps all.
	Nodes func(name string) bool
	// Early is for packets that the agent lets pass before it asks normal policies: only
	// doNotTrack and preDNAT policies can deny them.
	Early bool
}

// Loss is vital traffic that was allowed and will be denied.
type Loss struct {
	// Vital is the place in the list.
	Vital int
	// Loopback, In, Out and Nodes are as in Change.
	Loopback bool
	In, Out  string
	Nodes    []string
	// Lost is the packets; see Change about the nodes' own addresses. Packets that a node would
	// get from itself, or send itself, from outside are no loss, but may be among them.
	Lost Set
	// Flow is a telling one of them at the first node, and Decision what denies it.
	Flow     Flow
	Decision Decision
	// Answer tells that the packets are allowed, and that their answers are dropped.
	Answer bool
}

// Guard finds the vital traffic that before allows and after denies. The losses come in
// the order of the list, and for each in that of [Diff].
func Guard(before, after *Engine, vital []Vital) []Loss {
	after = after.sharing(before)
	t := after.table
	wanted, telling := make([]ref, len(vital)), make([]ref, len(vital))
	for i, v := range vital {
		wanted[i], telling[i] = t.anyOf(v.Boxes), t.anyOf(v.Telling)
	}
	var out []Loss
	for _, g := range transitions(before, after) {
		lost := g.lost(t)
		for i := range vital {
			if vital[i].Path != g.path {
				continue
			}
			for answer, mine := range lost.of(&vital[i], wanted[i]) {
				for _, l := range after.losses(&vital[i], telling[i], g, mine) {
					l.Vital, l.Answer = i, answer == 1
					out = append(out, l)
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Loss) int {
		if a.Vital != b.Vital {
			return a.Vital - b.Vital
		}
		return compareChanges(a.change(vital), b.change(vital))
	})
	return out
}

// anyOf is the packets of the boxes, all if there are none.
func (t *table) anyOf(boxes []Box) ref {
	if len(boxes) == 0 {
		return full
	}
	return (&Space{t}).Set(boxes...).root
}

// losses are what the hosts of a group lose of vital traffic, where some of it is telling.
func (e *Engine) losses(v *Vital, telling ref, g *group, lost ref) (out []Loss) {
	if e.apply(and, lost, telling) == empty {
		return nil
	}
	kept := &group{g.transition, g.hosts}
	if v.Nodes != nil {
		kept.hosts = slices.DeleteFunc(slices.Clone(g.hosts), func(h hostPair) bool { return !v.Nodes(h.name()) })
	}
	for _, p := range kept.parts(e.table, []ref{lost}, vitalOwn(g.path), (*projection).whole) {
		told := e.apply(and, p.sets[0], telling)
		p.hosts = slices.DeleteFunc(p.hosts, func(h hostPair) bool { return e.alone(g.path, ownOf(h), told) })
		if len(p.hosts) > 0 {
			out = append(out, e.loss(kept, p, e.apply(and, lost, telling)))
		}
	}
	return out
}

// Refusal is a configuration that the agents of nodes do not take, so that they program nothing.
type Refusal struct {
	Config *v3.FelixConfiguration
	Why    string
}

// Refusals finds the configurations that have a broken failsafe port after, and have none before.
func Refusals(before, after *Engine) []Refusal {
	var out []Refusal
	for _, config := range after.snapshot.FelixConfigurations {
		was := slices.ContainsFunc(before.snapshot.FelixConfigurations, func(c *v3.FelixConfiguration) bool {
			return c.Name == config.Name && refusal(c) != nil
		})
		if err := refusal(config); err != nil && !was {
			out = append(out, Refusal{config, err.Error()})
		}
	}
	return out
}

// refusal is why an agent does not take a configuration, nil if it does or does not look at it.
func refusal(config *v3.FelixConfiguration) error {
	if config.Name != v3.DefaultName && !strings.HasPrefix(config.Name, nodeConfigPrefix) {
		return nil
	}
	for _, list := range []*[]v3.ProtoPort{config.Spec.FailsafeInboundHostPorts, config.Spec.FailsafeOutboundHostPorts} {
		if list == nil {
			continue
		}
		for _, port := range *list {
			if _, err := failsafeProtocol(port); err != nil {
				return err
			}
		}
	}
	return nil
}

// lostTraffic is what a transition takes away.
type lostTraffic struct {
	*table
	*transition
	// was is what was allowed, denied and allowed what is so now, and early what doNotTrack and preDNAT policies alone take away.
	was, denied, allowed, early ref
}

func (tr *transition) lost(t *table) lostTraffic {
	was, now := tr.outcomes()
	return lostTraffic{t, tr, t.apply(is, was, allow), t.apply(is, now, deny), t.apply(is, now, allow), tr.lostEarly(t)}
}

// of is the vital packets that are denied now, and those whose answers are dropped now. Both were allowed with their answers.
func (l *lostTraffic) of(v *Vital, wanted ref) [2]ref {
	if v.Early {
		return [2]ref{l.apply(and, l.early, wanted)}
	}
	before := l.unanswered(l.path, l.before, v.Boxes)
	was := l.apply(minus, l.apply(and, l.was, wanted), before)
	dropped := l.apply(and, l.allowed, l.unanswered(l.path, l.after, v.Boxes))
	return [2]ref{l.apply(and, was, l.denied), l.apply(and, was, dropped)}
}

// lostEarly is the packets that doNotTrack and preDNAT policies let go on, and now deny.
func (tr *transition) lostEarly(t *table) ref {
	early := func(c [directions]*class) ref {
		switch tr.path {
		case Input:
			return t.apply(then, c[in].atStage(stageUntracked, in), c[in].atStage(stagePreDNAT, in))
		case Output:
			return c[out].atStage(stageUntracked, out)
		default:
			return next
		}
	}
	was, now := early(tr.before), early(tr.after)
	passed := t.apply(or, t.apply(is, was, next), t.apply(is, was, allow))
	return t.apply(and, passed, t.apply(is, now, deny))
}

// change is the loss as a change, for its place among others.
func (l *Loss) change(vital []Vital) Change {
	return Change{
		Path: vital[l.Vital].Path, Loopback: l.Loopback, In: l.In, Out: l.Out, Nodes: l.Nodes, Denied: l.Lost,
	}
}

// vitalOwn gives the addresses that vital traffic has at a node. That of a node with itself does not use tunnels.
func vitalOwn(path Path) func(hostPair) []netip.Addr {
	if path != Local {
		return ownOf
	}
	return func(h hostPair) []netip.Addr {
		return slices.DeleteFunc(slices.Clone(ownOf(h)), func(a netip.Addr) bool {
			return slices.Contains(h.before.tunnels, a) || slices.Contains(h.after.tunnels, a)
		})
	}
}

// loss describes what a part of a group loses. told is what is telling of it, with all addresses.
func (e *Engine) loss(g *group, p part, told ref) Loss {
	l := Loss{Loopback: p.loopback, In: g.in, Out: g.out, Lost: Set{e.table, p.sets[0]}}
	for _, h := range p.hosts {
		l.Nodes = append(l.Nodes, h.name())
	}
	slices.Sort(l.Nodes)
	own := loopbackAddresses
	if !p.loopback {
		own = vitalOwn(g.path)(p.hosts[0])
	}
	told = e.withOthers(g.path, ownOf(p.hosts[0]), e.withOwn(g.path, own, told))
	packet, ok := Set{e.table, told}.Example()
	if !ok {
		return l
	}
	l.Flow = packet.flow(p.hosts[0].name(), g)
	if found, err := e.Judge(l.Flow); err == nil {
		l.Decision = found.Decision
		if found.Return != nil {
			l.Decision = found.Return.Decision
		}
	}
	return l
}

// withOwn keeps the packets that have the host's own addresses where the path has them.
func (e *Engine) withOwn(path Path, own []netip.Addr, set ref) ref {
	if len(own) == 0 || path == Forward {
		return set
	}
	var addresses addressSet
	for _, a := range own {
		addresses.add(netip.PrefixFrom(a, a.BitLen()))
	}
	for _, l := range []level{levelSource, levelDestination} {
		if (&projection{path: path}).asks(l) {
			set = e.apply(and, set, e.inAddresses(l, addresses))
		}
	}
	return set
}

// alone tells whether the set has no other ends on the path than the host itself, which is not reached by an interface.
func (t *table) alone(path Path, own []netip.Addr, set ref) bool {
	packet, ok := Set{t, set}.Example()
	if !ok {
		return true
	}
	other := map[Path]netip.Addr{Input: packet.From, Output: packet.To}[path]
	return slices.Contains(own, other) && t.withOthers(path, own, set) == empty
}

// withOthers keeps the packets whose other end on the path is not the host itself.
func (t *table) withOthers(path Path, own []netip.Addr, set ref) ref {
	l := map[Path]level{Input: levelSource, Output: levelDestination}[path]
	if l == levelProtocol {
		return set
	}
	var addresses addressSet
	addresses.add(prefixes(own)...)
	return t.apply(minus, set, t.inAddresses(l, addresses))
}

// flow is the packet as a question about a node.
func (p Packet) flow(node string, g *group) Flow {
	f := Flow{
		Node: node, Path: g.path, From: p.From, To: p.To, In: g.in, Out: g.out,
		Protocol: v3.Protocol{Num: p.Protocol},
	}
	if name := protocolName(p.Protocol); name != "" {
		f.Protocol = v3.Protocol{Name: name}
	}
	family := 0
	if p.From.Is6() {
		family = v6Protocol
	}
	switch {
	case f.Protocol.HasPorts():
		f.Port, f.SourcePort = &p.Port, &p.SourcePort
	case isICMP(family + int(p.Protocol)):
		f.ICMPType, f.ICMPCode = &p.ICMPType, &p.ICMPCode
	}
	return f
}

func protocolName(n uint8) string {
	for _, name := range v3.ProtocolNames() {
		if have, _ := v3.ProtocolNumber(name); have == n {
			return name
		}
	}
	return ""
}
