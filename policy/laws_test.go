package policy_test

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/random"
)

// drawBox is a set of packets that others often overlap.
func drawBox(t *rapid.T) policy.Box {
	ranges := func(name string, values ...uint16) []policy.Range {
		var out []policy.Range
		for range rapid.IntRange(0, 2).Draw(t, name) {
			a, b := rapid.SampledFrom(values).Draw(t, name), rapid.SampledFrom(values).Draw(t, name)
			out = append(out, policy.Range{First: min(a, b), Last: max(a, b)})
		}
		return out
	}
	prefixes := func(name string) []netip.Prefix {
		var out []netip.Prefix
		for range rapid.IntRange(0, 2).Draw(t, name) {
			out = append(out, netip.MustParsePrefix(random.Net(t, name)).Masked())
		}
		return out
	}
	b := policy.Box{
		IPVersion: rapid.SampledFrom([]int{0, 0, 4, 6}).Draw(t, "version"),
		Protocols: ranges("protocols", 1, 6, 17, 58, 112, 132, 255),
		Sources:   prefixes("sources"), Destinations: prefixes("destinations"),
	}
	switch rapid.IntRange(0, 3).Draw(t, "what") {
	case 0:
		b.Ports = ranges("ports", 0, 22, 80, 443, 6443, 65535)
	case 1:
		b.SourcePorts = ranges("source ports", 0, 22, 80, 65535)
	case 2:
		for _, kinds := range ranges("types", 0, 3, 8, 128, 255) {
			b.ICMP = append(b.ICMP, policy.ICMPRange{Types: kinds, Codes: policy.Range{Last: 1}})
		}
	}
	return b
}

// holds tells by the letter whether a packet is in a box.
func holds(b policy.Box, p policy.Packet) bool {
	in := func(list []policy.Range, n uint16) bool {
		return len(list) == 0 || slices.ContainsFunc(list, func(r policy.Range) bool { return r.First <= n && n <= r.Last })
	}
	at := func(list []netip.Prefix, a netip.Addr) bool {
		return len(list) == 0 || slices.ContainsFunc(list, func(n netip.Prefix) bool { return n.Contains(a) })
	}
	hasPorts := p.Protocol == 6 || p.Protocol == 17 || p.Protocol == 132
	isICMP := p.From.Is4() && p.Protocol == 1 || p.From.Is6() && p.Protocol == 58
	typed := slices.ContainsFunc(b.ICMP, func(r policy.ICMPRange) bool {
		return in([]policy.Range{r.Types}, uint16(p.ICMPType)) && in([]policy.Range{r.Codes}, uint16(p.ICMPCode))
	})
	return (b.IPVersion == 0 || p.From.Is4() == (b.IPVersion == 4)) && in(b.Protocols, uint16(p.Protocol)) &&
		(len(b.Ports) == 0 || hasPorts && in(b.Ports, p.Port)) &&
		(len(b.SourcePorts) == 0 || hasPorts && in(b.SourcePorts, p.SourcePort)) &&
		(len(b.ICMP) == 0 || isICMP && typed) && at(b.Sources, p.From) && at(b.Destinations, p.To)
}

// TestSetLaws holds sets against points, and against the laws of algebra.
func TestSetLaws(t *testing.T) {
	checks(t, 10, func(t *rapid.T) {
		space := policy.NewSpace()
		boxesA, boxesB := drawBoxes(t), drawBoxes(t)
		a, b := space.Set(boxesA...), policy.NewSpace().Set(boxesB...)
		for range 20 {
			p := packetOf(random.Flow(t))
			inA := slices.ContainsFunc(boxesA, func(box policy.Box) bool { return holds(box, p) })
			inB := slices.ContainsFunc(boxesB, func(box policy.Box) bool { return holds(box, p) })
			for name, got := range map[string][2]bool{
				"set":          {a.Contains(p), inA},
				"union":        {a.Union(b).Contains(p), inA || inB},
				"intersection": {a.Intersect(b).Contains(p), inA && inB},
				"difference":   {a.Subtract(b).Contains(p), inA && !inB},
				"complement":   {a.Complement().Contains(p), !inA},
			} {
				if got[0] != got[1] {
					t.Fatalf("%s has %+v: %v, want %v", name, p, got[0], got[1])
				}
			}
		}
		for name, pair := range map[string][2]policy.Set{
			"double complement":  {a, a.Complement().Complement()},
			"De Morgan":          {a.Union(b).Complement(), a.Complement().Intersect(b.Complement())},
			"difference":         {a.Subtract(b), a.Intersect(b.Complement())},
			"absorption":         {a, a.Union(a.Intersect(b))},
			"parts of the union": {a.Union(b), a.Subtract(b).Union(b)},
			"boxes":              {a, space.Set(a.Boxes()...)},
		} {
			if !pair[0].Equal(pair[1]) {
				t.Fatalf("%s does not hold", name)
			}
		}
		if p, ok := a.Example(); ok == a.Empty() || ok && !a.Contains(p) {
			t.Fatalf("%+v is no example", p)
		}
	})
}

// drawBoxes is some boxes; without any there is nothing, where a Box without limits has everything.
func drawBoxes(t *rapid.T) []policy.Box {
	var out []policy.Box
	for range rapid.IntRange(0, 3).Draw(t, "boxes") {
		out = append(out, drawBox(t))
	}
	return out
}

// same fails if two engines do not give every packet the same verdict.
func same(t *rapid.T, what string, before, after *policy.Engine) {
	t.Helper()
	if changes := policy.Diff(before, after); len(changes) > 0 {
		t.Fatalf("%s changes verdicts: %+v", what, changes)
	}
}

// TestWhatChangesNothing is about changes of objects that change no verdict.
func TestWhatChangesNothing(t *testing.T) {
	checks(t, 10, func(t *rapid.T) {
		s := random.Snapshot(t)
		before := policy.New(s)
		same(t, "nothing", before, policy.New(s))
		same(t, "nothing", before, before.Next(s))

		shuffled := s
		shuffled.HostEndpoints = rapid.Permutation(s.HostEndpoints).Draw(t, "endpoints")
		shuffled.GlobalNetworkPolicies = rapid.Permutation(s.GlobalNetworkPolicies).Draw(t, "policies")
		shuffled.Tiers = rapid.Permutation(s.Tiers).Draw(t, "tiers")
		same(t, "another order of the objects", before, before.Next(shuffled))

		idle := &v3.GlobalNetworkPolicy{Spec: random.Policy(t)}
		idle.Name, idle.Spec.Selector = "idle", "never == 'there'"
		more := s
		more.GlobalNetworkPolicies = append(slices.Clone(s.GlobalNetworkPolicies), idle)
		same(t, "a policy that selects nobody", before, before.Next(more))
		same(t, "a policy that selects nobody", before, policy.New(more))

		apart := &v3.GlobalNetworkPolicy{Spec: random.Policy(t)}
		apart.Name, apart.Spec.Ingress = "apart", drawDisjointRules(t)
		turned := apart.DeepCopy()
		turned.Spec.Ingress = rapid.Permutation(apart.Spec.Ingress).Draw(t, "rules")
		one, other := s, s
		one.GlobalNetworkPolicies = append(slices.Clone(s.GlobalNetworkPolicies), apart)
		other.GlobalNetworkPolicies = append(slices.Clone(s.GlobalNetworkPolicies), turned)
		same(t, "another order of disjoint rules", policy.New(one), policy.New(other))
	})
}

// drawDisjointRules is rules no two of which match the same packet.
func drawDisjointRules(t *rapid.T) []v3.Rule {
	var rules []v3.Rule
	for i := range rapid.IntRange(2, 4).Draw(t, "rules") {
		r := random.Rule(t)
		r.Protocol, r.NotProtocol, r.ICMP, r.NotICMP = &v3.Protocol{Name: v3.ProtocolTCP}, nil, nil, nil
		port := []uint16{22, 80, 443, 6443}[i]
		r.Destination.Ports = []v3.Port{{Min: port, Max: port}}
		rules = append(rules, r)
	}
	return rules
}

// verdictOf is a verdict, or that of a node that nothing is known of.
func verdictOf(t *rapid.T, e *policy.Engine, f policy.Flow, known bool) policy.Verdict {
	if !known {
		return policy.Allowed
	}
	got, err := e.Judge(f)
	if err != nil {
		t.Fatal(err)
	}
	return got.Verdict
}

// hasNode tells whether an engine was made of a snapshot that has a node.
func hasNode(s policy.Snapshot, name string) bool {
	return slices.ContainsFunc(s.Nodes, func(n *v3.Node) bool { return n.Name == name }) ||
		slices.ContainsFunc(s.HostEndpoints, func(h *v3.HostEndpoint) bool { return h.Spec.Node == name })
}

// TestDiffAgreesWithVerdicts looks for single packets in the difference of two snapshots, and in what the guard says.
func TestDiffAgreesWithVerdicts(t *testing.T) {
	checks(t, 10, func(t *rapid.T) {
		was, is := random.Snapshot(t), random.Snapshot(t)
		is.Nodes, is.HostEndpoints = was.Nodes, was.HostEndpoints // so that the doors are the same
		before := policy.New(was)
		after := before.Next(is)
		changes := policy.Diff(before, after)
		every := []policy.Box{{Protocols: []policy.Range{{First: 1, Last: 255}}}} // 0 is no protocol of a packet
		vital := []policy.Vital{
			{Path: policy.Input, Boxes: every},
			{Path: policy.Output, Boxes: every},
			{Path: policy.Forward, Boxes: every},
			{Path: policy.Input, Boxes: every, Early: true},
		}
		losses := policy.Guard(before, after, vital)
		for _, l := range losses {
			checkLoss(t, before, after, vital, l)
		}
		for range 30 {
			f := random.Flow(t)
			if f.Path == policy.DNATForward || f.Path == policy.DNATLocal || f.Path == policy.Local || !hasNode(was, f.Node) {
				continue
			}
			v, w := verdictOf(t, before, f, true), verdictOf(t, after, f, true)
			if !ownEnds(before, f) {
				continue
			}
			lost := slices.ContainsFunc(losses, func(l policy.Loss) bool {
				return vital[l.Vital].Path == f.Path && !vital[l.Vital].Early && slices.Contains(l.Nodes, f.Node) && l.Lost.Contains(packetOf(f))
			})
			if works(t, before, f) != policy.Denied && works(t, after, f) == policy.Denied && v == policy.Allowed && !toItself(before, f) && !lost {
				t.Fatalf("%+v was allowed and is denied or not answered, which the guard does not see in %+v", f, losses)
			}
			if v == w {
				continue
			}
			if !slices.ContainsFunc(changes, func(c policy.Change) bool { return hasChange(c, f, w) }) {
				t.Fatalf("%+v: %s before and %s after is in none of %+v", f, v, w, changes)
			}
		}
	})
}

// works is the verdict about a connection: denied where it, or its answer, certainly is. The guard does not look at
// answers of what passes through a node, and of ICMP.
func works(t *rapid.T, e *policy.Engine, f policy.Flow) policy.Verdict {
	got, err := e.Judge(f)
	if err != nil {
		t.Fatal(err)
	}
	if got.Return != nil && f.Path != policy.Forward && f.ICMPType == nil {
		return got.Return.Verdict
	}
	return got.Verdict
}

// ownEnds tells whether the ends of a flow that are the node's own can be: differences are about those only.
func ownEnds(e *policy.Engine, f policy.Flow) bool {
	own := f.To
	switch f.Path {
	case policy.Forward:
		return true
	case policy.Output:
		own = f.From
	}
	return isOwn(e, f, own)
}

// toItself tells of a flow by an interface between a node and itself, which is no loss: it takes another way.
func toItself(e *policy.Engine, f policy.Flow) bool {
	return f.Path == policy.Input && isOwn(e, f, f.From) || f.Path == policy.Output && isOwn(e, f, f.To)
}

// isOwn tells whether an address is one of the node's, and not of its loopback.
func isOwn(e *policy.Engine, f policy.Flow, a netip.Addr) bool {
	got, err := e.Judge(policy.Flow{Node: f.Node, From: a, To: a, Protocol: f.Protocol})
	return err == nil && got.Flow.Path == policy.Local && !a.IsLoopback()
}

// hasChange tells whether a change is about the flow.
func hasChange(c policy.Change, f policy.Flow, now policy.Verdict) bool {
	set := map[policy.Verdict]policy.Set{policy.Denied: c.Denied, policy.Allowed: c.Allowed, policy.Unknown: c.Unknown}[now]
	return c.Path == f.Path && slices.Contains(c.Nodes, f.Node) && set.Contains(packetOf(f))
}

// checkLoss holds the example of a loss against the verdicts.
func checkLoss(t *rapid.T, before, after *policy.Engine, vital []policy.Vital, l policy.Loss) {
	t.Helper()
	if l.Lost.Empty() || len(l.Nodes) == 0 {
		t.Fatalf("nothing is lost: %+v", l)
	}
	v, w := verdictOf(t, before, l.Flow, true), verdictOf(t, after, l.Flow, true)
	early := l.Decision.Stage == policy.StageDoNotTrack || l.Decision.Stage == policy.StagePreDNAT
	switch {
	case !vital[l.Vital].Early && works(t, before, l.Flow) == policy.Denied:
		t.Fatalf("%+v is said to be lost, and did not work before", l.Flow)
	case l.Answer && works(t, after, l.Flow) == policy.Denied && w == policy.Allowed:
	case w != policy.Denied:
		t.Fatalf("%+v is said to be lost, and is %s", l.Flow, w)
	case vital[l.Vital].Early && !early:
		t.Fatalf("%+v is said to be lost early, by %+v", l.Flow, l.Decision)
	case !vital[l.Vital].Early && v != policy.Allowed:
		t.Fatalf("%+v is said to be lost, and was %s", l.Flow, v)
	}
}

// TestConnectionsAgreeWithVerdicts looks for single packets in what is listed as open.
func TestConnectionsAgreeWithVerdicts(t *testing.T) {
	checks(t, 5, func(t *rapid.T) {
		s := random.Snapshot(t)
		engine := policy.New(s)
		connections := engine.Connections(policy.Query{Paths: []policy.Path{policy.Input, policy.Output}})
		for range 30 {
			f := random.Flow(t)
			if f.Path != policy.Input && f.Path != policy.Output || !ownEnds(engine, f) {
				continue
			}
			got, err := engine.Judge(f)
			if err != nil {
				t.Fatal(err)
			}
			if taken := map[policy.Path]string{policy.Input: f.In, policy.Output: f.Out}[f.Path]; !hasInterface(s, f.Node, taken) {
				continue
			}
			open := slices.ContainsFunc(connections, func(c policy.Connection) bool {
				governed := len(c.Class.Endpoints) == 0 && got.Decision.Endpoint == nil || slices.Contains(c.Class.Endpoints, got.Decision.Endpoint)
				return c.Path == f.Path && governed && slices.Contains(c.Class.Nodes, f.Node) && c.Allowed.Contains(packetOf(f))
			})
			if got.Verdict == policy.Allowed && !open {
				t.Fatalf("%+v is allowed and not listed as open", f)
			}
			if open && got.Verdict != policy.Allowed {
				t.Fatalf("%+v is listed as open, and %s", f, got.Verdict)
			}
		}
	})
}

// hasInterface tells whether a node names an interface.
func hasInterface(s policy.Snapshot, node, name string) bool {
	return slices.ContainsFunc(s.Nodes, func(n *v3.Node) bool {
		return n.Name == node && slices.ContainsFunc(n.Spec.Interfaces, func(i v3.NodeInterface) bool { return i.Name == name })
	})
}
