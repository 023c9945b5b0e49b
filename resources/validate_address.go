package resources

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// wireguardKeySize is the size of a public key, in bytes.
const wireguardKeySize = 32

// The functions below say what is wrong with a value, or nothing.

// checkAddress accepts one address without a zone.
func checkAddress(s string) string {
	if addr, err := netip.ParseAddr(s); err == nil {
		if addr.Zone() == "" {
			return ""
		}
		return "an address with a zone belongs to one machine only; write " + addr.WithZone("").String()
	}
	if prefix, err := netip.ParsePrefix(s); err == nil {
		return "not an address but a network; write " + prefix.Addr().String()
	}
	return "not an IP address; write one such as 10.0.0.1 or fd00::1"
}

// checkNetwork accepts a network in CIDR form without host bits.
func checkNetwork(s string) string {
	prefix, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return notNetwork(s)
	case prefix.Masked() != prefix:
		return "has host bits set; write " + prefix.Masked().String()
	}
	return ""
}

func notNetwork(s string) string {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		return fmt.Sprintf("not a network; write %s/%d", s, addr.BitLen())
	}
	if trimmed := strings.TrimSpace(s); trimmed != s && checkNetwork(trimmed) == "" {
		return "not a network; write " + trimmed + " without blanks"
	}
	return "not a network; write an address and a prefix length, such as 10.0.0.0/8 or fd00::/8"
}

// checkAddressOrNetwork accepts an address, or a network whose host bits do not matter.
func checkAddressOrNetwork(s string) string {
	if _, err := netip.ParsePrefix(s); err == nil {
		return ""
	}
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		return ""
	}
	return "neither an IP address nor a network; write one such as 10.0.0.1 or 10.0.0.0/8"
}

// checkFamily accepts an address of IP version 4 or 6, with a prefix length if that is
// allowed.
func checkFamily(s string, version int, prefixLength bool) string {
	addr, err := netip.ParseAddr(s)
	if err != nil && prefixLength {
		var prefix netip.Prefix
		if prefix, err = netip.ParsePrefix(s); err == nil {
			addr = prefix.Addr()
		}
	}
	if err == nil && addr.Zone() == "" && ipVersion(addr) == version {
		return ""
	}
	if prefixLength {
		return fmt.Sprintf("not an IPv%d address, alone or with its prefix length", version)
	}
	return fmt.Sprintf("not an IPv%d address", version)
}

func ipVersion(addr netip.Addr) int {
	if addr.Unmap().Is4() {
		return 4
	}
	return 6
}

func checkMAC(s string) string {
	if _, err := net.ParseMAC(s); err != nil {
		return "not a MAC address; write one such as 66:48:f6:56:dc:f1"
	}
	return ""
}

func checkWireguardKey(s string) string {
	if key, err := base64.StdEncoding.DecodeString(s); err != nil || len(key) != wireguardKeySize {
		return "not a WireGuard public key: 32 bytes in base64"
	}
	return ""
}
