package commands

import (
	"fmt"
	"maps"
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
	groups := s.groups()
	var b strings.Builder
	b.WriteString("# What policy allows and denies now. Take out what is not meant to stay so, and give the tests names that say why.\n")
	if len(groups) == 0 {
		b.WriteString("# There are no nodes with addresses, so there is nothing to test.\n")
	}
	for _, name := range s.ends.names {
		if !meansNode(name) {
			fmt.Fprintf(&b, "# Node %s is not among them: its name means something else in a test. Write its addresses.\n", name)
		}
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

// groups are the nodes that a test can name and that policy treats alike. Their addresses are of the same IP families, so that
// no service of a test is one that some of its nodes cannot have.
func (s *suite) groups() (groups [][]string) {
	seen := map[string]bool{}
	for _, class := range s.engine.Classes() {
		byFamily := map[int][]string{}
		for _, name := range class.Nodes {
			if addresses := s.ends.cluster.addresses[name]; !seen[name] && len(addresses) > 0 && meansNode(name) {
				seen[name] = true
				family := commonFamily(addresses)
				byFamily[family] = append(byFamily[family], name)
			}
		}
		for _, family := range slices.Sorted(maps.Keys(byFamily)) {
			groups = append(groups, byFamily[family])
		}
	}
	return groups
}

// firstTest writes a test, if anything is allowed or denied as a whole.
func (s *suite) firstTest(b *strings.Builder, name string, from, to []string) {
	questions, ok := s.questions(policytest.Test{From: testWords(from), To: testWords(to)})
	if !ok {
		return
	}
	question := questions[0]
	if question.Path == policy.Local {
		question.Services = []policy.Box{{IPVersion: s.ends.cluster.family()}} // as the test will be asked
	}
	space, engine := policy.NewSpace(), s.engine.Space()
	known := engine.Set(portsOf("TCP"), portsOf("UDP"), portsOf("ICMP"), portsOf("ICMPv6"))
	plain := func(set policy.Set) policy.Set { return services(space, set.Intersect(known)) }
	var all, notAllowed, notDenied policy.Set
	for _, a := range s.asker.Ask(question) {
		allowed, denied, unknown := plain(a.Allowed), plain(a.Denied), plain(a.Unknown)
		notAllowed = notAllowed.Union(denied).Union(unknown).Union(plain(a.Unanswered))
		notDenied = notDenied.Union(allowed).Union(unknown)
		all = all.Union(allowed).Union(denied).Union(unknown)
	}
	allow, deny := serviceWords(space, all.Subtract(notAllowed)), serviceWords(space, all.Subtract(notDenied))
	if len(allow)+len(deny) == 0 {
		return
	}
	fmt.Fprintf(b, "\n- name: %s\n  from: %s\n  to: %s\n", strconv.Quote(name), wordOrList(from), wordOrList(to))
	for _, part := range []struct {
		field string
		words []string
	}{{"allow", allow}, {"deny", deny}} {
		if len(part.words) > 0 {
			fmt.Fprintf(b, "  %s: [%s]\n", part.field, strings.Join(part.words, ", "))
		}
	}
}

// meansNode tells whether the name of a node is a word for it, and for nothing else.
func meansNode(name string) bool {
	_, err := parseNetwork(name)
	return err != nil && name != endInternet && name != policytest.Self
}

func testWords(texts []string) []policytest.Word {
	words := make([]policytest.Word, len(texts))
	for i, text := range texts {
		words[i].Text = text
	}
	return words
}

// wordOrList is a word or a list as YAML.
func wordOrList(words []string) string {
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
	for _, name := range []string{"tcp", "udp", "icmp", "icmpv6"} {
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
