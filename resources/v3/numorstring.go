package v3

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Protocol is an IP protocol by number or by name: exactly one of the two is set. In
// JSON it is a number or a string; a string of digits is read as a number.
//
// +kubebuilder:validation:Type=""
// +kubebuilder:validation:XIntOrString
type Protocol struct {
	// Num is 1 to 255, or 0 when Name is set.
	Num uint8 `json:"-"`
	// Name is as written; ProtocolNames lists the valid ones.
	Name string `json:"-"`
}

// Names of protocols that have more to them than a number: ports, or ICMP types.
const (
	ProtocolTCP     = "TCP"
	ProtocolUDP     = "UDP"
	ProtocolICMP    = "ICMP"
	ProtocolICMPv6  = "ICMPv6"
	ProtocolSCTP    = "SCTP"
	ProtocolUDPLite = "UDPLite"
)

// ProtocolNumber gives the IANA number of a protocol name, exact in letter case.
func ProtocolNumber(name string) (num uint8, ok bool) {
	switch name {
	case ProtocolICMP:
		return 1, true
	case ProtocolTCP:
		return 6, true
	case ProtocolUDP:
		return 17, true
	case ProtocolICMPv6:
		return 58, true
	case ProtocolSCTP:
		return 132, true
	case ProtocolUDPLite:
		return 136, true
	}
	return 0, false
}

// ProtocolNames lists the names that are valid, in the order that messages use.
func ProtocolNames() []string {
	return []string{ProtocolTCP, ProtocolUDP, ProtocolICMP, ProtocolICMPv6, ProtocolSCTP, ProtocolUDPLite}
}

// ProtocolFromString reads a name, or a number in digits.
func ProtocolFromString(s string) Protocol {
	if n, err := strconv.ParseUint(s, 10, 8); err == nil {
		return Protocol{Num: uint8(n)}
	}
	return Protocol{Name: s}
}

// Number is the IANA number, 0 when the name is unknown.
func (p Protocol) Number() uint8 {
	if p.Name == "" {
		return p.Num
	}
	n, _ := ProtocolNumber(p.Name)
	return n
}

// HasPorts tells whether the protocol is one of TCP, UDP and SCTP, by name or number.
func (p Protocol) HasPorts() bool {
	switch p.Number() {
	case 6, 17, 132:
		return true
	}
	return false
}

// String is the name, or the number in digits.
func (p Protocol) String() string {
	if p.Name != "" {
		return p.Name
	}
	return strconv.Itoa(int(p.Num))
}

// MarshalJSON writes a number or a string.
func (p Protocol) MarshalJSON() ([]byte, error) {
	if p.Name != "" {
		return json.Marshal(p.Name)
	}
	return json.Marshal(p.Num)
}

// UnmarshalJSON reads a number from 0 to 255, or any string.
func (p *Protocol) UnmarshalJSON(data []byte) error {
	s, isString, err := numberOrString(data)
	if err != nil {
		return fmt.Errorf("a protocol is a name (%s) or a number from 1 to 255", strings.Join(ProtocolNames(), ", "))
	}
	if isString {
		*p = ProtocolFromString(s)
		return nil
	}
	n, err := wholeNumber(s, 255)
	if err != nil {
		return fmt.Errorf("protocol number %s is not between 1 and 255", s)
	}
	*p = Protocol{Num: uint8(n)}
	return nil
}

// Port is a port number, a range of numbers, or the name of an endpoint's port. In
// JSON it is a number, or a string such as "2379:2381" or "http"; a string of digits
// is read as a number.
//
// +kubebuilder:validation:Type=""
// +kubebuilder:validation:XIntOrString
// +kubebuilder:validation:Pattern="^.*"
type Port struct {
	// Min and Max are both inclusive and equal for a single port; unset when Name is set.
	Min uint16 `json:"-"`
	Max uint16 `json:"-"`
	// Name refers to a named port of an endpoint.
	Name string `json:"-"`
}

// maxPortName is how long the name of a port may be.
const maxPortName = 128

// PortFromString reads a number, "low:high", or a name of at most 128 letters,
// digits, '_', '.' and '-'.
func PortFromString(s string) (Port, error) {
	if isDigits(s) {
		n, err := wholeNumber(s, 65535)
		if err != nil {
			return Port{}, fmt.Errorf("port %s is not between 1 and 65535", s)
		}
		return Port{Min: uint16(n), Max: uint16(n)}, nil
	}
	if low, high, ok := strings.Cut(s, ":"); ok && isDigits(low) && isDigits(high) {
		return portRange(s, low, high)
	}
	if !isPortName(s) {
		return Port{}, fmt.Errorf("%q is no port: write a number, a range such as 2379:2381, or the name of an endpoint's port", s)
	}
	return Port{Name: s}, nil
}

func portRange(s, low, high string) (Port, error) {
	from, errLow := wholeNumber(low, 65535)
	to, errHigh := wholeNumber(high, 65535)
	if errLow != nil || errHigh != nil {
		return Port{}, fmt.Errorf("a port of the range %s is not between 1 and 65535", s)
	}
	if from > to {
		return Port{}, fmt.Errorf("the range %s is the wrong way round; write %s:%s", s, high, low)
	}
	return Port{Min: uint16(from), Max: uint16(to)}, nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func isPortName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '.', c == '-':
		default:
			return false
		}
	}
	return s != "" && len(s) <= maxPortName
}

// String is the form of the port in JSON, without quotes.
func (p Port) String() string {
	switch {
	case p.Name != "":
		return p.Name
	case p.Min == p.Max:
		return strconv.Itoa(int(p.Min))
	default:
		return fmt.Sprintf("%d:%d", p.Min, p.Max)
	}
}

// MarshalJSON writes a single port as a number and anything else as a string.
func (p Port) MarshalJSON() ([]byte, error) {
	if p.Name == "" && p.Min == p.Max {
		return json.Marshal(p.Min)
	}
	return json.Marshal(p.String())
}

// UnmarshalJSON reads what PortFromString reads, and whole numbers.
func (p *Port) UnmarshalJSON(data []byte) error {
	s, isString, err := numberOrString(data)
	if err != nil {
		return fmt.Errorf("a port is a number, a range such as \"2379:2381\", or the name of an endpoint's port")
	}
	if !isString {
		n, err := wholeNumber(s, 65535)
		if err != nil {
			return fmt.Errorf("port %s is not between 1 and 65535", s)
		}
		*p = Port{Min: uint16(n), Max: uint16(n)}
		return nil
	}
	*p, err = PortFromString(s)
	return err
}

// ASNumber is the number of an autonomous system. In JSON it is a number; a string of
// digits and the dotted form "1.10" (two 16-bit numbers) are read too.
type ASNumber uint32

// String is the number in digits.
func (a ASNumber) String() string { return strconv.FormatUint(uint64(a), 10) }

// UnmarshalJSON reads 0 to 4294967295, plain or dotted.
func (a *ASNumber) UnmarshalJSON(data []byte) error {
	s, isString, err := numberOrString(data)
	high, low, dotted := strings.Cut(s, ".")
	var n uint64
	switch {
	case err != nil:
	case isString && dotted:
		h, errHigh := strconv.ParseUint(high, 10, 16)
		l, errLow := strconv.ParseUint(low, 10, 16)
		n, err = h<<16|l, errors.Join(errHigh, errLow)
	case isString:
		n, err = strconv.ParseUint(s, 10, 32)
	default:
		n, err = wholeNumber(s, 1<<32-1)
	}
	if err == nil {
		*a = ASNumber(n)
		return nil
	}
	if dotted && !isString {
		return fmt.Errorf("%s is read as a number with a fraction: put an AS number with a dot in quotes, such as \"64.512\"", data)
	}
	return fmt.Errorf("%s is no AS number: write 0 to 4294967295, or two numbers up to 65535 with a dot between", data)
}

// numberOrString splits a JSON scalar into its text and whether it was quoted.
func numberOrString(data []byte) (text string, isString bool, err error) {
	data = bytes.TrimSpace(data)
	if len(data) > 0 && data[0] == '"' {
		err = json.Unmarshal(data, &text)
		return text, true, err
	}
	var n json.Number
	if err = json.Unmarshal(data, &n); err == nil && n == "" {
		err = fmt.Errorf("null is neither a number nor a string")
	}
	return n.String(), false, err
}

// wholeNumber reads a JSON number without a fraction (80.0 is 80) from 0 to limit.
func wholeNumber(s string, limit uint64) (uint64, error) {
	if n, err := strconv.ParseUint(s, 10, 64); err == nil {
		if n > limit {
			return 0, strconv.ErrRange
		}
		return n, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, err
	}
	if f != float64(uint64(f)) || f < 0 || f > float64(limit) {
		return 0, strconv.ErrRange
	}
	return uint64(f), nil
}
