package resources

import (
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// maxInterfaceName is the kernel's limit, in bytes.
const maxInterfaceName = 15

func validateHostEndpoint(h *v3.HostEndpoint) field.ErrorList {
	errs := validateMetadata("HostEndpoint", &h.ObjectMeta, plainNames, "")
	s := &h.Spec
	if s.Node == "" {
		errs = append(errs, field.Required(specPath.Child("node"),
			"node must be specified: write the name of the Calico node that has the interface"))
	}
	errs = append(errs, validateReference(specPath, "node", "node name", s.Node)...)
	if s.InterfaceName == "" && len(s.ExpectedIPs) == 0 {
		errs = append(errs, field.Required(specPath,
			"at least one of interfaceName or expectedIPs must be specified; write interfaceName: \"*\" for all interfaces of the node"))
	}
	errs = append(errs, validateInterfaceName(specPath, s.InterfaceName)...)
	errs = append(errs, validateSet(specPath, "expectedIPs", s.ExpectedIPs, 0, checkAddress)...)
	errs = append(errs, validateSet(specPath, "profiles", s.Profiles, 0, checkProfileReference)...)
	for i := range s.Ports {
		errs = append(errs, validateEndpointPort(specPath.Child("ports").Index(i), &s.Ports[i])...)
	}
	return errs
}

func checkProfileReference(name string) string { return checkName("profile name", name) }

func validateInterfaceName(parent *field.Path, name string) field.ErrorList {
	if name == "" || name == v3.AllInterfaces {
		return nil
	}
	var errs field.ErrorList
	if strings.ContainsFunc(name, func(r rune) bool { return !inInterfaceName(r) }) {
		errs = append(errs, field.Invalid(parent.Child("interfaceName"), name,
			"interface names consist of letters, digits, '_', '.' and '-'; write one whole name, or \"*\" for all interfaces"))
	}
	if len(name) > maxInterfaceName {
		errs = append(errs, field.TooLong(parent.Child("interfaceName"), name, maxInterfaceName))
	}
	return errs
}

func inInterfaceName(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '_' || r == '.' || r == '-'
}

func validateEndpointPort(path *field.Path, p *v3.EndpointPort) field.ErrorList {
	var errs field.ErrorList
	if p.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), "name must be specified: rules refer to the port by it"))
	} else if detail := checkPortName(p.Name); detail != "" {
		errs = append(errs, field.Invalid(path.Child("name"), p.Name, detail))
	}
	errs = append(errs, validateEndpointPortProtocol(path.Child("protocol"), p.Protocol)...)
	if p.Port == 0 {
		errs = append(errs, field.Invalid(path.Child("port"), 0, "must be between 1 and 65535"))
	}
	return errs
}

func validateEndpointPortProtocol(path *field.Path, p v3.Protocol) field.ErrorList {
	names := []string{v3.ProtocolTCP, v3.ProtocolUDP, v3.ProtocolSCTP}
	switch {
	case p == v3.Protocol{}:
		return field.ErrorList{field.Required(path, "protocol must be specified; write TCP, UDP or SCTP")}
	case p.HasPorts():
		return nil
	case p.Number() == 0:
		return field.ErrorList{field.Invalid(path, p.String(), unknownProtocol(p.Name, names, ""))}
	default:
		return field.ErrorList{field.Invalid(path, p.String(),
			"EndpointPort protocol does not support ports; write TCP, UDP or SCTP")}
	}
}

// checkPortName says what is wrong with the name of a port, or nothing.
func checkPortName(name string) string {
	msgs := validation.IsValidPortName(name)
	if len(msgs) == 0 {
		return ""
	}
	detail := "not a port name: it " + strings.Join(msgs, ", ")
	if low, high, ok := strings.Cut(name, "-"); ok && isNumber(low) && isNumber(high) {
		detail += "; write \"" + low + ":" + high + "\" for a range of ports"
	} else if lower := strings.ToLower(name); len(validation.IsValidPortName(lower)) == 0 {
		detail += "; write " + lower
	}
	return detail
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}
