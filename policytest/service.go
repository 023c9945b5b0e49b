package policytest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Service is what a test names in allow or deny.
type Service struct {
	// Text is how it is written.
	Text string
	Box  policy.Box
}

var errService = errors.New("write a protocol, with ports or an ICMP type where it has them: tcp/22, tcp/2379-2381, udp/53, icmp/8, sctp, 4; or all")

// allServices is the word for every packet.
const allServices = "all"

// ParseService reads a service: "tcp/22", "tcp/2379-2381", "icmp/8", "icmp/3/4", "udp", "47" or "all".
func ParseService(text string) (Service, error) {
	s := Service{Text: text}
	if strings.EqualFold(text, allServices) {
		return s, nil
	}
	word, rest, more := strings.Cut(text, "/")
	protocol := v3.ProtocolFromString(word)
	for _, name := range v3.ProtocolNames() {
		if strings.EqualFold(name, word) {
			protocol = v3.Protocol{Name: name}
		}
	}
	number := uint16(protocol.Number())
	if number == 0 {
		return s, errService
	}
	s.Box.Protocols = []policy.Range{{First: number, Last: number}}
	icmp := protocol.Name == v3.ProtocolICMP || protocol.Name == v3.ProtocolICMPv6
	if icmp {
		s.Box.IPVersion = 4
		if protocol.Name == v3.ProtocolICMPv6 {
			s.Box.IPVersion = 6
		}
	}
	switch {
	case !more:
		return s, nil
	case icmp:
		return s, s.icmp(rest)
	case !protocol.HasPorts():
		return s, fmt.Errorf("%s has no ports: write %s", word, word)
	}
	ports, err := parseRange(rest, 1<<16-1)
	s.Box.Ports = []policy.Range{ports}
	return s, err
}

const lastType = 255 // of ICMP types and codes

// icmp reads a type, and a code behind it.
func (s *Service) icmp(text string) error {
	types, codes, withCode := strings.Cut(text, "/")
	r := policy.ICMPRange{Codes: policy.Range{Last: lastType}}
	var err error
	if r.Types, err = parseRange(types, lastType); err != nil {
		return err
	}
	if withCode {
		r.Codes, err = parseRange(codes, lastType)
	}
	s.Box.ICMP = []policy.ICMPRange{r}
	return err
}

// parseRange reads "22", "2379-2381" or, as policies have it, "2379:2381".
func parseRange(text string, limit uint64) (policy.Range, error) {
	first, last, isRange := strings.Cut(strings.Replace(text, ":", "-", 1), "-")
	if !isRange {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 16)
	to, lastErr := strconv.ParseUint(last, 10, 16)
	switch {
	case err != nil || lastErr != nil || from > limit || to > limit:
		return policy.Range{}, fmt.Errorf("%q is no number from 0 to %d, nor a range such as 10-20", text, limit)
	case from > to:
		return policy.Range{}, fmt.Errorf("the range %s is upside down: write %d-%d", text, to, from)
	}
	return policy.Range{First: uint16(from), Last: uint16(to)}, nil
}
