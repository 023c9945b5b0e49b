package commands

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
)

// specialNetworks are what is not the internet: private, shared, loopback, link-local and multicast networks and those that
// are kept, and in IPv6 all but 2000::/3. Networks for documentation count as internet, since examples have them.
func specialNetworks() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3",
		"::/3", "4000::/2", "8000::/1",
	} {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// internet is all public addresses but those of the nodes.
func (c *cluster) internet() []netip.Prefix {
	return without(everywhere(), append(specialNetworks(), c.of(false)...))
}

// strangers are addresses in networks that are kept for documentation, which stand for the internet where it has one
// verdict only.
func strangers() end {
	return end{v4: netip.AddrFrom4([4]byte{198, 51, 100, 1}), v6: netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 7, 15: 1})}
}

func everywhere() []netip.Prefix {
	return []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
}

// without is some addresses without others.
func without(addresses, others []netip.Prefix) []netip.Prefix {
	if len(addresses) == 0 || len(others) == 0 { // which a box takes for all
		return addresses
	}
	space := policy.NewSpace()
	rest := space.Set(policy.Box{Sources: addresses}).Subtract(space.Set(policy.Box{Sources: others}))
	var left []netip.Prefix
	for _, box := range rest.Boxes() {
		left = append(left, box.Sources...)
	}
	return left
}

// part is what becomes of a flow from or to some addresses of the internet.
type part struct {
	verdict policy.Verdict
	// from and to are the addresses, where the internet is at one end only.
	from, to []netip.Prefix
	// named tells that they are some of those of a node or host endpoint.
	named bool
	trace policy.Trace
}

// parts are what becomes of a flow: of one from or to the internet, or between ends that have several addresses, by
// addresses, if they are not all of one verdict.
func (t *tracer) parts(q flowQuestion, f policy.Flow, judge func(policy.Flow) (policy.Trace, error)) (all []part, err error) {
	flows := t.ends.each(q, f)
	manyFrom := slices.ContainsFunc(flows, func(one policy.Flow) bool { return one.From != f.From })
	manyTo := slices.ContainsFunc(flows, func(one policy.Flow) bool { return one.To != f.To })
	alike, first := true, []part(nil)
	for i, one := range flows {
		found, err := t.strangersParts(q, one, judge)
		if err != nil || len(flows) == 1 {
			return found, err
		}
		if i == 0 {
			first = slices.Clone(found)
		}
		alike = alike && slices.EqualFunc(first, found, part.like)
		for _, p := range found {
			p.named = true
			if manyFrom {
				p.from = []netip.Prefix{netip.PrefixFrom(one.From, one.From.BitLen())}
			}
			if manyTo {
				p.to = []netip.Prefix{netip.PrefixFrom(one.To, one.To.BitLen())}
			}
			all = join(all, p)
		}
	}
	if alike {
		return first, nil
	}
	return all, nil
}

// like tells whether a part is the same but for the way to its verdict.
func (p part) like(other part) bool {
	return p.verdict == other.verdict && slices.Equal(p.from, other.from) && slices.Equal(p.to, other.to)
}

// join adds a part to others. It becomes one with the one that has the same verdict and one end.
func join(all []part, p part) []part {
	for i := range all {
		other := &all[i]
		switch {
		case other.verdict != p.verdict:
		case slices.Equal(other.from, p.from):
			other.to = append(other.to, p.to...)
			return all
		case slices.Equal(other.to, p.to):
			other.from = append(other.from, p.from...)
			return all
		}
	}
	return append(all, p)
}

// strangersParts are what becomes of a flow between two addresses, or with some of the internet.
func (t *tracer) strangersParts(q flowQuestion, f policy.Flow, judge func(policy.Flow) (policy.Trace, error)) ([]part, error) {
	open := policy.Ends{From: q.From == endInternet, To: q.To == endInternet}
	if open == (policy.Ends{}) {
		trace, err := judge(f)
		return []part{{verdict: trace.Verdict, trace: trace}}, err
	}
	sets, err := t.engine.Spread(f, open, t.internet(open))
	switch {
	case errors.Is(err, policy.ErrTooComplex):
		trace, errJudge := judge(f)
		trace.Verdict, trace.Decision, trace.Return = policy.Unknown, policy.Decision{Why: err.Error()}, nil
		return []part{{verdict: policy.Unknown, trace: trace}}, errJudge
	case err != nil:
		return nil, err
	}
	var all []part
	for _, p := range []struct {
		verdict policy.Verdict
		set     policy.Set
	}{{policy.Allowed, sets.Allowed}, {policy.Denied, sets.Denied}, {policy.Unknown, sets.Unknown}} {
		if p.set.Empty() {
			continue
		}
		found := part{verdict: p.verdict}
		flow := f
		if !p.set.Contains(policy.Packet{From: f.From, To: f.To, Protocol: f.Protocol.Number()}) {
			example, _ := inFamily(t.engine.Space(), p.set, f.IPVersion).Example()
			if open.From {
				flow.From = example.From
			}
			if open.To {
				flow.To = example.To
			}
		}
		if open.From != open.To {
			for _, box := range inFamily(t.engine.Space(), p.set, f.IPVersion).Boxes() {
				found.from, found.to = append(found.from, box.Sources...), append(found.to, box.Destinations...)
			}
		}
		if found.trace, err = judge(flow); err != nil {
			return nil, err
		}
		all = append(all, found)
	}
	return all, nil
}

func inFamily(space *policy.Space, s policy.Set, version int) policy.Set {
	return s.Intersect(space.Set(policy.Box{IPVersion: version}))
}

// internet is the packets between any ends of which those that are open are on the internet.
func (t *tracer) internet(open policy.Ends) policy.Set {
	if set, ok := t.strangers[open]; ok {
		return set
	}
	var box policy.Box
	if open.From {
		box.Sources = t.ends.cluster.internet()
	}
	if open.To {
		box.Destinations = t.ends.cluster.internet()
	}
	t.strangers[open] = t.engine.Space().Set(box)
	return t.strangers[open]
}

// size is about how many addresses networks have.
func size(networks []netip.Prefix) float64 {
	return packets(policy.Box{Sources: networks})
}

// isRest tells whether a part has more addresses than any other, of the internet.
func (p *part) isRest(all []part) bool {
	if p.named {
		return false
	}
	largest := slices.MaxFunc(all, func(a, b part) int {
		return cmp.Compare(size(slices.Concat(a.from, a.to)), size(slices.Concat(b.from, b.to)))
	})
	return largest.verdict == p.verdict
}

// addressesOf names the addresses of a part among others: a few networks, or all others.
func (p *part) addressesOf(all []part) string {
	own := slices.Concat(p.from, p.to)
	switch {
	case len(own) == 0:
		return "some addresses"
	case p.named && len(p.from) > 0 && len(p.to) > 0:
		return fmt.Sprintf("%s to %s", someNetworks(p.from), someNetworks(p.to))
	case p.isRest(all):
		return "all other addresses of the internet"
	default:
		return someNetworks(own)
	}
}

// explanationOf is the explanation of all parts of a flow.
func (t *tracer) explanationOf(q flowQuestion, f policy.Flow, parts []part) string {
	if len(parts) == 1 {
		return t.explanationOfOne(q, f, parts[0].trace, q.From == endInternet || q.To == endInternet)
	}
	e := explainer{tracer: t}
	whole := parts[0].trace
	if q.From == endInternet || parts[0].named {
		whole.Flow.From = netip.Addr{}
	}
	if q.To == endInternet || parts[0].named {
		whole.Flow.To = netip.Addr{}
	}
	e.line(0, "unknown: %s", flowText(q, whole))
	e.line(0, "because %s", whyParts(parts))
	for i := range parts {
		one, flow := q, parts[i].trace.Flow
		if q.From == endInternet {
			one.From = flow.From.String()
		}
		if q.To == endInternet {
			one.To = flow.To.String()
		}
		e.text.WriteString("\n" + t.explanationOfOne(one, flow, parts[i].trace, q.From == endInternet || q.To == endInternet))
	}
	return e.text.String()
}

// whyParts says why a flow has no one verdict.
func whyParts(all []part) string {
	texts := make([]string, len(all))
	for i := range all {
		texts[i] = fmt.Sprintf("%s for %s", verdictWords(all[i].verdict), all[i].addressesOf(all))
	}
	what := "the internet is"
	if all[0].named {
		what = "the addresses of the ends are"
	}
	return what + " not of one verdict: " + strings.Join(texts, ", ")
}
