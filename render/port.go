package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// transports is the terms for protocols and ports, as alternatives.
func (b *builder) transports(version int, p protocols, ends []*end) [][]string {
	var asked, positive bool
	for _, e := range ends {
		positive = positive || len(e.rule.Ports) > 0
		asked = asked || len(e.rule.Ports)+len(e.rule.NotPorts) > 0
	}
	switch {
	case !asked || p.only != 0 && !hasPorts(p.only) && !positive: // which notPorts do not restrict
		return [][]string{p.terms()}
	case p.only != 0 && !hasPorts(p.only):
		return nil
	}
	alternatives := b.withPorts(version, p, ends)
	if p.only == 0 && !positive {
		alternatives = append([][]string{append(p.terms(), "meta l4proto != { tcp, udp, sctp }")}, alternatives...)
	}
	return alternatives
}

// withPorts is the terms for packets that have ports, as alternatives.
func (b *builder) withPorts(version int, p protocols, ends []*end) [][]string {
	name := "th" // the word for the transport header of any protocol
	with := [][]string{{"meta l4proto { " + strings.Join(p.thatHavePorts(), ", ") + " }"}}
	if p.only != 0 {
		name, with = protocolWord(p.only), [][]string{nil}
	}
	for _, e := range ends {
		with = product(with, b.ports(version, name, e))
		with = without(with, b.notPorts(version, name, e))
	}
	for i, terms := range with {
		ofProtocol := func(term string) bool { return strings.HasPrefix(term, name+" ") }
		if p.only != 0 && !slices.ContainsFunc(terms, ofProtocol) {
			with[i] = append(p.terms(), terms...)
		}
	}
	return with
}

func (p protocols) terms() []string {
	switch {
	case p.only != 0:
		return []string{"meta l4proto " + protocolWord(p.only)}
	case p.except != 0:
		return []string{"meta l4proto != " + protocolWord(p.except)}
	}
	return nil
}

// thatHavePorts are those of the protocols that have ports.
func (p protocols) thatHavePorts() []string {
	var words []string
	for _, n := range []uint8{protocolTCP, protocolUDP, protocolSCTP} {
		if n != p.except {
			words = append(words, protocolWord(n))
		}
	}
	return words
}

// product is every one of the alternatives with every one of the terms.
func product(alternatives [][]string, terms []string) [][]string {
	var out [][]string
	for _, a := range alternatives {
		for _, term := range terms {
			own := slices.Clone(a)
			if term != "" {
				own = append(own, term)
			}
			out = append(out, own)
		}
	}
	return out
}

// without is the alternatives with all of the terms. One that cannot hold leaves none.
func without(alternatives [][]string, terms []string) [][]string {
	if slices.Contains(terms, "") {
		return nil
	}
	out := make([][]string, len(alternatives))
	for i, a := range alternatives {
		out[i] = append(slices.Clone(a), terms...)
	}
	return out
}

// ports is the alternatives for the ports of an end. An empty one holds always.
func (b *builder) ports(version int, name string, e *end) []string {
	if len(e.rule.Ports) == 0 {
		return []string{""}
	}
	var terms []string
	switch ranges := rangesOf(e.rule.Ports); ranges {
	case "":
	case everyPort:
		return []string{""}
	default:
		terms = append(terms, name+" "+e.port+" "+ranges)
	}
	for _, set := range b.namedSets(version, e.rule.Ports) {
		terms = append(terms, namedTerm(version, e)+"@"+set)
	}
	return terms
}

// notPorts is the terms for the ports that an end must not have. An empty one holds never.
func (b *builder) notPorts(version int, name string, e *end) []string {
	var terms []string
	switch ranges := rangesOf(e.rule.NotPorts); ranges {
	case "":
	case everyPort:
		return []string{""}
	default:
		terms = append(terms, name+" "+e.port+" != "+ranges)
	}
	for _, set := range b.namedSets(version, e.rule.NotPorts) {
		terms = append(terms, namedTerm(version, e)+"!= @"+set)
	}
	return terms
}

// everyPort is the range of all ports.
const everyPort = "0-65535"

func namedTerm(version int, e *end) string {
	return fmt.Sprintf("%s %s . meta l4proto . th %s ", addressWord(version), e.side, e.port)
}

// rangesOf is the numbers among ports as nft writes them, "" when there are none.
func rangesOf(ports []v3.Port) string {
	var numbers []v3.Port
	for _, p := range ports {
		if p.Name == "" && p.Min <= p.Max {
			numbers = append(numbers, p)
		}
	}
	slices.SortFunc(numbers, func(a, b v3.Port) int { return cmp.Compare(a.Min, b.Min) })
	var merged []v3.Port
	for _, p := range numbers {
		if last := len(merged) - 1; last >= 0 && int(p.Min) <= int(merged[last].Max)+1 {
			merged[last].Max = max(merged[last].Max, p.Max)
			continue
		}
		merged = append(merged, p)
	}
	words := make([]string, len(merged))
	for i, p := range merged {
		words[i] = fmt.Sprintf("%d-%d", p.Min, p.Max)
		if p.Min == p.Max {
			words[i] = fmt.Sprint(p.Min)
		}
	}
	if len(words) > 1 {
		return "{ " + strings.Join(words, ", ") + " }"
	}
	return strings.Join(words, "")
}

// namedSets are the sets of the named ports that have an address of the IP version.
func (b *builder) namedSets(version int, ports []v3.Port) []string {
	var names []string
	for _, p := range ports {
		if p.Name == "" {
			continue
		}
		if name := b.namedSet(version, p.Name); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// namedSet is the set of a named port, "" if nobody has it at an address of the IP version.
func (b *builder) namedSet(version int, port string) string {
	key := namedKey{version, port}
	if name, ok := b.named[key]; ok {
		return name
	}
	var list []string
	for _, n := range b.engine.NamedPorts(port) {
		if !hasPorts(n.Protocol) {
			continue
		}
		for _, at := range ofVersion(version, n.At) {
			list = append(list, fmt.Sprintf("%s . %s . %d", at.Addr(), protocolWord(n.Protocol), n.Port))
		}
	}
	b.named[key] = ""
	if len(list) > 0 {
		slices.Sort(list)
		b.named[key] = b.set(fmt.Sprintf("port-ip%d-%s", version, port), "port "+port,
			fmt.Sprintf("type ipv%d_addr . inet_proto . inet_service\n\t\t", version), slices.Compact(list))
	}
	return b.named[key]
}
