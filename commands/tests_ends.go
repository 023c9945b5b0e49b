package commands

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/policytest"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/selector"
)

// specialNetworks are what is not the internet: in IPv6 all but 2000::/3.
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

// suite finds out what becomes of tests in a world.
type suite struct {
	*tracer
	asker    *policy.Asker
	mistakes manifest.Mistakes
	words    map[string]testEnd
}

// testEnd is what a word of a test means.
type testEnd struct {
	addresses []netip.Prefix
	nodes     []string
	// problem is why the word means nothing.
	problem string
}

func newSuite(ctx context.Context, d *Deps, w *world) *suite {
	t := newTracer(ctx, d, w)
	return &suite{tracer: t, asker: t.engine.Asker(), words: map[string]testEnd{}}
}

// end is what several words mean together.
func (s *suite) end(words []policytest.Word, field string) testEnd {
	var all testEnd
	for _, word := range words {
		e, ok := s.words[word.Text]
		if !ok {
			e = s.find(word.Text)
			s.words[word.Text] = e
		}
		if e.problem != "" {
			s.mistakes = append(s.mistakes, manifest.Mistake{Position: word.Position, Path: field, Text: e.problem})
		}
		if len(words) == 1 {
			return e
		}
		all.addresses, all.nodes = append(all.addresses, e.addresses...), append(all.nodes, e.nodes...)
	}
	return all
}

// find is what a word means: an address or network, internet, a node, or a selector.
func (s *suite) find(word string) testEnd {
	if network, err := parseNetwork(word); err == nil {
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-(network.Addr().BitLen()-network.Addr().Unmap().BitLen()))
		return testEnd{addresses: []netip.Prefix{network}, nodes: s.nodesIn(network)}
	}
	if word == endInternet {
		return testEnd{addresses: without(everywhere(), append(specialNetworks(), s.ends.cluster.of(false)...))}
	}
	names := s.world.nodeNames()
	if slices.Contains(names, word) {
		return s.nodesEnd([]string{word})
	}
	if !strings.ContainsAny(word, " ='\"()!") {
		text := fmt.Sprintf("%q is no node, address, network, selector or %s", word, endInternet)
		if near, ok := resources.Nearest(word, append(names, endInternet)); ok {
			text += "; did you mean " + near + "?"
		}
		return testEnd{problem: text}
	}
	return s.selected(word, names)
}

func (s *suite) nodesIn(network netip.Prefix) []string {
	var nodes []string
	for _, name := range s.world.nodeNames() {
		if slices.ContainsFunc(s.ends.cluster.addresses[name], func(p netip.Prefix) bool { return network.Contains(p.Addr()) }) {
			nodes = append(nodes, name)
		}
	}
	return nodes
}

func (s *suite) nodesEnd(names []string) testEnd {
	e := testEnd{nodes: names}
	for _, name := range names {
		e.addresses = append(e.addresses, s.ends.cluster.addresses[name]...)
	}
	return e
}

// selected are the nodes whose labels, or those of their host endpoints, match, and the networks of global network sets
// that do.
func (s *suite) selected(word string, names []string) testEnd {
	expression, err := selector.Parse(word)
	if err != nil {
		return testEnd{problem: fmt.Sprintf("%q is no node, and as a selector it is wrong: %s", word, err)}
	}
	matches, err := s.world.nodesNamed(word)
	if err != nil {
		return testEnd{problem: err.Error()}
	}
	e := s.nodesEnd(slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !matches(name) }))
	for _, set := range ofKind[*v3.GlobalNetworkSet](s.world, resources.GlobalNetworkSet) {
		if !expression.Evaluate(selector.Map(set.Labels)) {
			continue
		}
		for _, text := range set.Spec.Nets {
			if network, err := parseNetwork(text); err == nil {
				e.addresses = append(e.addresses, network)
			}
		}
	}
	if len(e.nodes)+len(e.addresses) == 0 {
		e.problem = fmt.Sprintf("the selector %s matches no node, host endpoint or global network set", word)
	}
	return e
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
