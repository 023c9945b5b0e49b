package resources

import (
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

func validateNode(n *v3.Node) field.ErrorList {
	errs := validateMetadata("Node", &n.ObjectMeta, plainNames, "")
	s := &n.Spec
	if s.BGP != nil {
		errs = append(errs, validateBGP(specPath.Child("bgp"), s.BGP)...)
	}
	errs = append(errs, validateFamily(specPath, "ipv4VXLANTunnelAddr", s.IPv4VXLANTunnelAddr, 4, false)...)
	errs = append(errs, validateText(specPath, "vxlanTunnelMACAddr", s.VXLANTunnelMACAddr, checkMAC)...)
	errs = append(errs, validateFamily(specPath, "ipv6VXLANTunnelAddr", s.IPv6VXLANTunnelAddr, 6, false)...)
	errs = append(errs, validateText(specPath, "vxlanTunnelMACAddrV6", s.VXLANTunnelMACAddrV6, checkMAC)...)
	if s.Wireguard != nil {
		path := specPath.Child("wireguard")
		errs = append(errs, validateFamily(path, "interfaceIPv4Address", s.Wireguard.InterfaceIPv4Address, 4, false)...)
		errs = append(errs, validateFamily(path, "interfaceIPv6Address", s.Wireguard.InterfaceIPv6Address, 6, false)...)
	}
	for i := range s.Addresses {
		errs = append(errs, validateNodeAddress(specPath.Child("addresses").Index(i), &s.Addresses[i])...)
	}
	for i := range s.Interfaces {
		errs = append(errs, validateNodeInterface(specPath.Child("interfaces").Index(i), &s.Interfaces[i])...)
	}
	status := field.NewPath("status")
	errs = append(errs, validateText(status, "wireguardPublicKey", n.Status.WireguardPublicKey, checkWireguardKey)...)
	return append(errs, validateText(status, "wireguardPublicKeyV6", n.Status.WireguardPublicKeyV6, checkWireguardKey)...)
}

func validateBGP(path *field.Path, b *v3.NodeBGPSpec) field.ErrorList {
	if *b == (v3.NodeBGPSpec{}) {
		return field.ErrorList{field.Required(path, "Spec.BGP should not be empty; remove bgp, or set one of its fields")}
	}
	errs := validateFamily(path, "ipv4Address", b.IPv4Address, 4, true)
	errs = append(errs, validateFamily(path, "ipv6Address", b.IPv6Address, 6, true)...)
	errs = append(errs, validateFamily(path, "ipv4IPIPTunnelAddr", b.IPv4IPIPTunnelAddr, 4, false)...)
	return append(errs, validateFamily(path, "routeReflectorClusterID", b.RouteReflectorClusterID, 4, false)...)
}

func validateFamily(parent *field.Path, name, value string, version int, prefixLength bool) field.ErrorList {
	return validateText(parent, name, value, func(s string) string { return checkFamily(s, version, prefixLength) })
}

// validateText checks a field that may be left out.
func validateText(parent *field.Path, name, value string, check func(string) string) field.ErrorList {
	if value == "" {
		return nil
	}
	if detail := check(value); detail != "" {
		return field.ErrorList{field.Invalid(parent.Child(name), value, detail)}
	}
	return nil
}

func validateNodeAddress(path *field.Path, a *v3.NodeAddress) field.ErrorList {
	var errs field.ErrorList
	if detail := checkAddressOrNetwork(a.Address); detail != "" {
		errs = append(errs, field.Invalid(path.Child("address"), a.Address, detail))
	}
	return append(errs, validateOneOf(path, "type", a.Type, v3.CalicoNodeIP, v3.InternalIP, v3.ExternalIP)...)
}

// validateNodeInterface takes every name that the kernel takes: it is wider than what
// the name of a host endpoint's interface may be.
func validateNodeInterface(path *field.Path, i *v3.NodeInterface) field.ErrorList {
	errs := validateText(path, "name", i.Name, func(name string) string {
		if len(name) > maxInterfaceName || strings.ContainsFunc(name, func(r rune) bool { return r == '/' || unicode.IsSpace(r) }) {
			return "not an interface name: at most 15 bytes without blanks and '/'"
		}
		return ""
	})
	for j, address := range i.Addresses {
		if detail := checkAddressOrNetwork(address); detail != "" {
			errs = append(errs, field.Invalid(path.Child("addresses").Index(j), address, detail))
		}
	}
	return errs
}
