package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Numbers of protocols that nft has a word for.
const (
	protocolICMP   = 1
	protocolTCP    = 6
	protocolUDP    = 17
	protocolICMPv6 = 58
	protocolSCTP   = 132
)

// protocolWords are what nft calls protocols; others are numbers.
func protocolWord(n uint8) string {
	switch n {
	case protocolICMP:
		return "icmp"
	case protocolTCP:
		return "tcp"
	case protocolUDP:
		return "udp"
	case protocolICMPv6:
		return "ipv6-icmp"
	case protocolSCTP:
		return "sctp"
	}
	return fmt.Sprint(n)
}

func hasPorts(n uint8) bool { return n == protocolTCP || n == protocolUDP || n == protocolSCTP }

// families are the IP versions.
var families = [...]int{4, 6}

// rule is what a rule matches, as beginnings of nft rules: any of them matches. Each is empty or ends in a blank. why
// says why the rule cannot be translated.
func (b *builder) rule(about string, r *v3.Rule) (matches []string, why string) {
	if r.HTTP != nil {
		return nil, "what an HTTP request asks for is not in its packets"
	}
	ends := []*end{{rule: &r.Source, side: "saddr", port: "sport"}, {rule: &r.Destination, side: "daddr", port: "dport"}}
	for _, e := range ends {
		if why := b.look(about, e); why != "" {
			return nil, why
		}
	}
	if !dependsOnFamily(r) {
		return b.inFamily(0, r, ends), ""
	}
	for _, version := range families {
		matches = append(matches, b.inFamily(version, r, ends)...)
	}
	return matches, ""
}

// dependsOnFamily tells whether the rule is not the same for both IP versions.
func dependsOnFamily(r *v3.Rule) bool {
	named := func(ports []v3.Port) bool {
		return slices.ContainsFunc(ports, func(p v3.Port) bool { return p.Name != "" })
	}
	for _, e := range []*v3.EntityRule{&r.Source, &r.Destination} {
		if len(e.Nets)+len(e.NotNets) > 0 || e.Selector != "" || e.NotSelector != "" || e.NamespaceSelector != "" ||
			named(e.Ports) || named(e.NotPorts) {
			return true
		}
	}
	pinned := r.Protocol != nil && (r.Protocol.Name == v3.ProtocolICMP || r.Protocol.Name == v3.ProtocolICMPv6)
	return pinned || r.IPVersion != nil || r.ICMP != nil || r.NotICMP != nil
}

// inFamily is what a rule matches of one IP version, or of both if it is 0.
func (b *builder) inFamily(version int, r *v3.Rule, ends []*end) []string {
	p, ok := protocolOf(version, r)
	if !ok || r.IPVersion != nil && *r.IPVersion != version {
		return nil
	}
	var addresses []string
	for _, e := range ends {
		some, ok := b.addresses(version, e)
		if !ok {
			return nil
		}
		addresses = append(addresses, some...)
	}
	icmp, ok := icmpOf(version, r)
	if !ok {
		return nil
	}
	var matches []string
	for _, transport := range b.transports(version, p, ends) {
		terms := append(slices.Clone(addresses), transport...)
		terms = append(terms, icmp...)
		if version != 0 && len(addresses) == 0 {
			terms = append([]string{"meta nfproto " + word(version)}, terms...)
		}
		text := ""
		if len(terms) > 0 {
			text = strings.Join(terms, " ") + " "
		}
		matches = append(matches, text)
	}
	return matches
}

// word is what nft calls an IP version.
func word(version int) string { return fmt.Sprintf("ipv%d", version) }

// protocols are those that a rule matches: one, or all but one, or all.
type protocols struct{ only, except uint8 }

// protocolOf is the protocols of a rule. It is false when there are none.
func protocolOf(version int, r *v3.Rule) (p protocols, ok bool) {
	if r.NotProtocol != nil {
		p.except = r.NotProtocol.Number()
	}
	narrow := func(n uint8) bool {
		if n == 0 || n == p.except || p.only != 0 && p.only != n {
			return false
		}
		p.only = n
		return true
	}
	if r.Protocol != nil {
		ofOther := r.Protocol.Name == v3.ProtocolICMP && version == 6 || r.Protocol.Name == v3.ProtocolICMPv6 && version == 4
		if ofOther || !narrow(r.Protocol.Number()) {
			return p, false
		}
	}
	if r.ICMP != nil || r.NotICMP != nil { // which match ICMP only, notICMP too
		own := uint8(protocolICMP)
		if version == 6 {
			own = protocolICMPv6
		}
		return p, narrow(own)
	}
	return p, true
}

// icmpOf is the terms for types and codes. It is false when nothing matches.
func icmpOf(version int, r *v3.Rule) (terms []string, ok bool) {
	name := "icmp"
	if version == 6 {
		name = "icmpv6"
	}
	const last = 255
	out := func(n *int) bool { return n != nil && (*n < 0 || *n > last) }
	if f := r.ICMP; f != nil && f.Type != nil {
		if out(f.Type) || out(f.Code) {
			return nil, false
		}
		terms = append(terms, fmt.Sprintf("%s type %d", name, *f.Type))
		if f.Code != nil {
			terms = append(terms, fmt.Sprintf("%s code %d", name, *f.Code))
		}
	}
	f := r.NotICMP
	switch {
	case f == nil:
	case f.Type == nil:
		return nil, false
	case out(f.Type) || out(f.Code): // which no packet has
	case f.Code == nil:
		terms = append(terms, fmt.Sprintf("%s type != %d", name, *f.Type))
	default:
		terms = append(terms, fmt.Sprintf("%s type . %[1]s code != { %d . %d }", name, *f.Type, *f.Code))
	}
	return terms, true
}

// failsafe adds a failsafe port to a chain. Its net is about the other end.
func (b *builder) failsafe(c *chain, port, side string, p v3.ProtoPort) {
	protocol := "tcp"
	if strings.EqualFold(p.Protocol, "udp") {
		protocol = "udp"
	}
	about := strings.TrimSpace(fmt.Sprintf("failsafe port %s %d %s", protocol, p.Port, p.Net))
	address := ""
	if p.Net != "" {
		nets, ok := policy.Networks([]string{p.Net})
		if !ok {
			c.add("# %s: matches nothing, the net cannot be read", plain(about))
			return
		}
		version := versionOf(nets[0])
		address = "meta nfproto " + word(version) + " "
		if nets[0].Bits() > 0 {
			address = fmt.Sprintf("%s %s %s ", addressWord(version), side, nets[0])
		}
	}
	c.add("%s%s %s %d counter accept %s", address, protocol, port, p.Port, comment(about))
}
