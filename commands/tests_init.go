package commands

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/policytest"
)

// mostGroups is for how many groups of nodes tests are written from each to each.
const mostGroups = 8

// firstTests is a file of tests for what is allowed and denied now: to each group of nodes that policy treats alike,
// from the internet, from the nodes of each group, and from themselves.
func (s *suite) firstTests() string {
	var groups [][]string
	seen := map[string]bool{}
	for _, class := range s.engine.Classes() {
		nodes := slices.DeleteFunc(class.Nodes, func(name string) bool { return seen[name] || len(s.ends.cluster.addresses[name]) == 0 })
		for _, name := range nodes {
			seen[name] = true
		}
		if len(nodes) > 0 {
			groups = append(groups, nodes)
		}
	}
	var b strings.Builder
	b.WriteString("# What policy allows and denies now. Take out what is not meant to stay so, and give the tests names that say why.\n")
	if len(groups) == 0 {
		b.WriteString("# There are no nodes with addresses, so there is nothing to test.\n")
	}
	w := newWords(s.ends.cluster, s.engine.Space())
	for _, to := range groups {
		s.firstTest(&b, "from the internet to "+w.nodes(to), []string{endInternet}, to)
		for _, from := range groups {
			if len(groups) <= mostGroups {
				s.firstTest(&b, "from "+w.nodes(from)+" to "+w.nodes(to), from, to)
			}
		}
		s.firstTest(&b, "from each of "+w.nodes(to)+" to itself", to, []string{policytest.Self})
	}
	return b.String()
}

// firstTest writes a test, if anything is allowed or denied as a whole.
func (s *suite) firstTest(b *strings.Builder, name string, from, to []string) {
	questions, ok := s.questions(policytest.Test{From: testWords(from), To: testWords(to)})
	if !ok {
		return
	}
	space := policy.NewSpace()
	known := space.Set(portsOf("TCP"), portsOf("UDP"), portsOf("ICMP"))
	var all, notAllowed, notDenied policy.Set
	for _, a := range s.asker.Ask(questions[0]) {
		allowed, denied, unknown := services(space, a.Allowed), services(space, a.Denied), services(space, a.Unknown)
		notAllowed = notAllowed.Union(denied).Union(unknown).Union(services(space, a.Unanswered))
		notDenied = notDenied.Union(allowed).Union(unknown)
		all = all.Union(allowed).Union(denied).Union(unknown)
	}
	all = all.Intersect(known)
	allow, deny := serviceWords(space, all.Subtract(notAllowed)), serviceWords(space, all.Subtract(notDenied))
	if len(allow)+len(deny) == 0 {
		return
	}
	fmt.Fprintf(b, "\n- name: %s\n  from: %s\n  to: %s\n", strconv.Quote(name), quotedList(from), quotedList(to))
	for _, part := range []struct {
		field string
		words []string
	}{{"allow", allow}, {"deny", deny}} {
		if len(part.words) > 0 {
			fmt.Fprintf(b, "  %s: [%s]\n", part.field, strings.Join(part.words, ", "))
		}
	}
}

func testWords(texts []string) []policytest.Word {
	words := make([]policytest.Word, len(texts))
	for i, text := range texts {
		words[i].Text = text
	}
	return words
}

func quotedList(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// portsOf is a protocol as a box.
func portsOf(name string) policy.Box {
	service, _ := policytest.ParseService(name) // of a protocol that there is
	return service.Box
}

// services is a set without its ends.
func services(space *policy.Space, set policy.Set) policy.Set {
	boxes := set.Boxes()
	for i := range boxes {
		boxes[i].Sources, boxes[i].Destinations, boxes[i].SourcePorts, boxes[i].IPVersion = nil, nil, nil, 0
	}
	return space.Set(boxes...)
}

// serviceWords writes services as tests do: of one protocol after the other, by number.
func serviceWords(space *policy.Space, set policy.Set) []string {
	var words []string
	for _, name := range []string{"tcp", "udp", "icmp"} {
		part := set.Intersect(space.Set(portsOf(name)))
		if !part.Empty() && part.Equal(space.Set(portsOf(name))) {
			words = append(words, name)
			continue
		}
		for _, box := range part.Boxes() {
			for _, r := range rangesOfBox(box) {
				words = append(words, name+"/"+rangesText([]policy.Range{r}, portText))
			}
		}
	}
	return words
}

// rangesOfBox are the ports, or the ICMP types with all their codes.
func rangesOfBox(b policy.Box) []policy.Range {
	ranges := b.Ports
	for _, r := range b.ICMP {
		if r.Codes == (policy.Range{First: 0, Last: 255}) {
			ranges = append(ranges, r.Types)
		}
	}
	return ranges
}
