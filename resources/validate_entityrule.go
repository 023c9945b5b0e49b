package resources

import (
	"fmt"
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Limits of one side of a rule.
const (
	maxNets  = 256
	maxPorts = 50
)

// validateEntities checks both sides of a rule, and what they must agree on.
func validateEntities(rule *field.Path, dir direction, r *v3.Rule) field.ErrorList {
	source, destination := rule.Child("source"), rule.Child("destination")
	errs := validateEntity(source, &r.Source, r.Protocol)
	errs = append(errs, validateEntity(destination, &r.Destination, r.Protocol)...)
	errs = append(errs, validateServicesSide(source, destination, dir, r)...)
	return append(errs, validateFamilies(source, destination, r)...)
}

func validateEntity(path *field.Path, e *v3.EntityRule, protocol *v3.Protocol) field.ErrorList {
	errs := validateSet(path, "nets", e.Nets, maxNets, checkNetwork)
	errs = append(errs, validateSet(path, "notNets", e.NotNets, maxNets, checkNotNet)...)
	errs = append(errs, withoutGlobal(path, "selector", e.Selector, validatePolicySelector(path, "selector", e.Selector))...)
	errs = append(errs, validatePolicySelector(path, "notSelector", e.NotSelector)...)
	errs = append(errs, validateNamespaceSelector(path, e.NamespaceSelector)...)
	errs = append(errs, validatePorts(path, "ports", e.Ports, protocol)...)
	errs = append(errs, validatePorts(path, "notPorts", e.NotPorts, protocol)...)
	if e.ServiceAccounts != nil {
		accounts := path.Child("serviceAccounts")
		errs = append(errs, validateSet(accounts, "names", e.ServiceAccounts.Names, 0, anything)...)
		errs = append(errs, validateSelector(accounts, "selector", e.ServiceAccounts.Selector)...)
	}
	if e.Services != nil {
		errs = append(errs, validateServices(path, e)...)
	}
	return errs
}

func checkNotNet(s string) string {
	if detail := checkNetwork(s); detail != "" {
		return detail
	}
	if strings.HasSuffix(s, "/0") {
		return "catch-all CIDR in negation creates logical contradiction (matches no traffic)"
	}
	return ""
}

// validateNamespaceSelector lets global() stand alone only.
func validateNamespaceSelector(path *field.Path, expr string) field.ErrorList {
	errs := validatePolicySelector(path, "namespaceSelector", expr)
	if len(errs) == 0 && strings.Contains(expr, globalCall) && strings.TrimSpace(expr) != "global()" {
		errs = append(errs, field.Invalid(path.Child("namespaceSelector"), expr,
			"global() cannot be combined with other selectors; write global() alone"))
	}
	return errs
}

func validatePorts(parent *field.Path, name string, ports []v3.Port, protocol *v3.Protocol) field.ErrorList {
	if len(ports) == 0 {
		return nil
	}
	var errs field.ErrorList
	path := parent.Child(name)
	if len(ports) > maxPorts {
		errs = append(errs, field.TooMany(path, len(ports), maxPorts))
		ports = ports[:maxPorts]
	}
	numeric := false
	for i, port := range ports {
		numeric = numeric || port.Name == ""
		if port.Name != "" {
			if detail := checkPortName(port.Name); detail != "" {
				errs = append(errs, field.Invalid(path.Index(i), port.Name, detail))
			}
		} else if port.Min == 0 {
			errs = append(errs, field.Invalid(path.Index(i), port.String(),
				"port range invalid, port number must be between 1 and 65535"))
		}
	}
	switch {
	case protocol == nil && numeric:
		errs = append(errs, field.Invalid(path, ports, "ports need a protocol: set protocol to TCP, UDP or SCTP"))
	case protocol != nil && !isUnknown(protocol) && !protocol.HasPorts():
		errs = append(errs, field.Invalid(path, ports, fmt.Sprintf(
			"rules that specify ports must set protocol to TCP or UDP or SCTP; %s has no ports that rules can match", protocol)))
	}
	return errs
}

// validateServices checks a match by service, which stands for the addresses and ports
// of the service and takes nothing else beside it.
func validateServices(path *field.Path, e *v3.EntityRule) field.ErrorList {
	var errs field.ErrorList
	services := path.Child("services")
	if e.Services.Name == "" {
		errs = append(errs, field.Required(services.Child("name"), "services must specify a service name"))
	}
	if e.Services.Namespace == "" {
		errs = append(errs, field.Required(services.Child("namespace"), "must specify a namespace"))
	}
	for _, other := range []struct {
		set  bool
		name string
	}{
		{e.Selector != "" || e.NotSelector != "", "Selector/NotSelector"},
		{len(e.Nets) > 0 || len(e.NotNets) > 0, "Nets/NotNets"},
		{e.ServiceAccounts != nil, "ServiceAccounts"},
		{e.NamespaceSelector != "", "NamespaceSelector"},
	} {
		if other.set {
			errs = append(errs, field.Forbidden(services, "cannot specify "+other.name+" and Services on the same rule"))
		}
	}
	return errs
}

// validateServicesSide lets services stand only for the other end of the traffic.
func validateServicesSide(source, destination *field.Path, dir direction, r *v3.Rule) field.ErrorList {
	var errs field.ErrorList
	if r.Source.Services != nil && dir == egress {
		errs = append(errs, field.Forbidden(source.Child("services"), "not allowed in egress rule source"))
	}
	d := &r.Destination
	if d.Services == nil {
		return errs
	}
	if dir == ingress {
		errs = append(errs, field.Forbidden(destination.Child("services"), "not allowed in ingress rule destination"))
	}
	if len(d.Ports) > 0 || len(d.NotPorts) > 0 {
		errs = append(errs, field.Forbidden(destination.Child("services"),
			"ports and notPorts cannot be specified with services: the service has its own"))
	}
	return errs
}

// validateFamilies checks that all networks of a rule are of one IP version, and of the
// rule's own if it has one. It names the first that is not; bad networks have been named.
func validateFamilies(source, destination *field.Path, r *v3.Rule) field.ErrorList {
	version, fixed := 0, false
	if r.IPVersion != nil && (*r.IPVersion == 4 || *r.IPVersion == 6) {
		version, fixed = *r.IPVersion, true
	}
	for _, list := range []struct {
		parent *field.Path
		name   string
		nets   []string
	}{
		{source, "nets", r.Source.Nets},
		{source, "notNets", r.Source.NotNets},
		{destination, "nets", r.Destination.Nets},
		{destination, "notNets", r.Destination.NotNets},
	} {
		for i, s := range list.nets {
			prefix, err := netip.ParsePrefix(s)
			if err != nil {
				continue
			}
			family := ipVersion(prefix.Addr())
			if version == 0 {
				version = family
			}
			if family == version {
				continue
			}
			detail := "rule contains both IPv4 and IPv6 CIDRs; write a rule for each"
			if fixed {
				detail = fmt.Sprintf("rule IP version doesn't match CIDR version: ipVersion is %d", version)
			}
			return field.ErrorList{field.Invalid(list.parent.Child(list.name).Index(i), s, detail)}
		}
	}
	return nil
}
