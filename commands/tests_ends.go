package commands

import (
	"context"
	"fmt"
	"maps"
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
	// has are the nodes, for what asks about each node of a cluster.
	has map[string]bool
	// endpoint is the host endpoint whose interface is meant.
	endpoint string
	// problem is why the word means nothing.
	problem string
}

func newSuite(ctx context.Context, d *Deps, w *world) *suite {
	t := newTracer(ctx, d, w)
	return &suite{tracer: t, asker: t.engine.Asker(), words: map[string]testEnd{}}
}

// end is what several words mean together.
func (s *suite) end(words []policytest.Word, field string) testEnd {
	all := testEnd{has: map[string]bool{}}
	for _, word := range words {
		e := s.word(word.Text)
		if e.problem != "" {
			s.mistakes = append(s.mistakes, manifest.Mistake{Position: word.Position, Path: field, Text: e.problem})
		}
		if len(words) == 1 {
			return e
		}
		all.addresses, all.nodes = append(all.addresses, e.addresses...), append(all.nodes, e.nodes...)
		maps.Copy(all.has, e.has)
	}
	return all
}

// word is what one word means.
func (s *suite) word(text string) testEnd {
	e, ok := s.words[text]
	if !ok {
		e = s.find(text)
		e.has = make(map[string]bool, len(e.nodes))
		for _, name := range e.nodes {
			e.has[name] = true
		}
		s.words[text] = e
	}
	return e
}

// eachEnd is what several words mean: each host endpoint by itself, and all else together.
func (s *suite) eachEnd(words []policytest.Word, field string) (all []testEnd) {
	var others []policytest.Word
	for _, word := range words {
		if strings.HasPrefix(word.Text, hepPrefix) {
			all = append(all, s.end([]policytest.Word{word}, field))
		} else {
			others = append(others, word)
		}
	}
	if len(others) > 0 {
		all = append(all, s.end(others, field))
	}
	return all
}

// find is what a word means: an address or network, internet, a host endpoint, a node, or a selector.
func (s *suite) find(word string) testEnd {
	if _, err := unmaskedNetwork(word); err == nil {
		network, err := parseNetwork(word)
		if err != nil {
			return testEnd{problem: err.Error()}
		}
		return testEnd{addresses: []netip.Prefix{network}, nodes: s.nodesIn(network)}
	}
	if word == endInternet {
		return testEnd{addresses: s.ends.cluster.internet()}
	}
	if name, ok := strings.CutPrefix(word, hepPrefix); ok {
		return s.endpointEnd(name)
	}
	names := s.ends.names
	if slices.Contains(names, word) {
		return s.nodesEnd([]string{word})
	}
	if !strings.ContainsAny(word, " ='\"()!") {
		text := fmt.Sprintf("%q is no node, address, network, selector, hep/NAME or %s", word, endInternet)
		if near, ok := resources.Nearest(word, append(slices.Clip(names), endInternet)); ok {
			text += "; did you mean " + near + "?"
		}
		return testEnd{problem: text}
	}
	return s.selected(word, names)
}

// endpointEnd is a host endpoint: its addresses, by the interface that it governs.
func (s *suite) endpointEnd(name string) testEnd {
	addresses, h, err := s.ends.addressesOf(name)
	if err != nil {
		return testEnd{problem: err.Error()}
	}
	return testEnd{addresses: addresses, nodes: []string{h.Spec.Node}, endpoint: name}
}

func (s *suite) nodesIn(network netip.Prefix) []string {
	var nodes []string
	for _, name := range s.ends.names {
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
			if network, err := unmaskedNetwork(text); err == nil {
				e.addresses = append(e.addresses, network.Masked())
			}
		}
	}
	if len(e.nodes)+len(e.addresses) == 0 {
		e.problem = fmt.Sprintf("the selector %s matches no node, host endpoint or global network set", word)
	}
	return e
}
