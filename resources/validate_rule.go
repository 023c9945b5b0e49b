package resources

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// direction is a list of rules by its name in documents.
type direction string

const (
	ingress direction = "ingress"
	egress  direction = "egress"
)

func validateRules(parent *field.Path, dir direction, rules []v3.Rule) field.ErrorList {
	if len(rules) == 0 {
		return nil
	}
	var errs field.ErrorList
	path := parent.Child(string(dir))
	if len(rules) > maxRules {
		errs = append(errs, field.TooMany(path, len(rules), maxRules))
		rules = rules[:maxRules]
	}
	for i := range rules {
		errs = append(errs, validateRule(path.Index(i), dir, &rules[i])...)
	}
	return errs
}

func validateRule(path *field.Path, dir direction, r *v3.Rule) field.ErrorList {
	errs := validateAction(path, r.Action)
	errs = append(errs, validateIPVersion(path, r)...)
	errs = append(errs, validateProtocol(path, "protocol", r.Protocol)...)
	errs = append(errs, validateProtocol(path, "notProtocol", r.NotProtocol)...)
	errs = append(errs, validateICMP(path, r)...)
	errs = append(errs, validateEntities(path, dir, r)...)
	errs = append(errs, validateHTTP(path, dir, r)...)
	if r.Metadata != nil {
		errs = append(errs, validateAnnotations(path.Child("metadata"), "annotations", r.Metadata.Annotations)...)
	}
	return errs
}

func validateAction(path *field.Path, action v3.Action) field.ErrorList {
	switch action {
	case v3.Allow, v3.Deny, v3.Log, v3.Pass:
		return nil
	}
	err := unsupported(path.Child("action"), action, v3.Allow, v3.Deny, v3.Log, v3.Pass)
	switch strings.ToLower(string(action)) {
	case "":
		err = advise(err, "every rule needs one")
	case "accept", "permit":
		err = advise(err, "write Allow")
	case "drop", "reject", "block":
		err = advise(err, "write Deny")
	}
	return field.ErrorList{err}
}

// validateIPVersion checks the field itself and that the protocols are of that version.
func validateIPVersion(path *field.Path, r *v3.Rule) field.ErrorList {
	if r.IPVersion == nil {
		return nil
	}
	if *r.IPVersion != 4 && *r.IPVersion != 6 {
		return field.ErrorList{field.NotSupported(path.Child("ipVersion"), *r.IPVersion, []string{"4", "6"})}
	}
	var errs field.ErrorList
	for _, p := range []struct {
		name     string
		protocol *v3.Protocol
	}{{"protocol", r.Protocol}, {"notProtocol", r.NotProtocol}} {
		if word, version := icmpProtocol(p.protocol); word != "" && version != *r.IPVersion {
			errs = append(errs, field.Invalid(path.Child(p.name), p.protocol.String(),
				fmt.Sprintf("protocol %s requires ipVersion %d", word, version)))
		}
	}
	return errs
}

// icmpProtocol gives the name of p and the IP version that it belongs to, or nothing if
// p is another protocol.
func icmpProtocol(p *v3.Protocol) (name string, version int) {
	if p != nil {
		switch p.Number() {
		case 1:
			return v3.ProtocolICMP, 4
		case 58:
			return v3.ProtocolICMPv6, 6
		}
	}
	return "", 0
}

func validateProtocol(path *field.Path, name string, p *v3.Protocol) field.ErrorList {
	switch {
	case p == nil || p.Number() != 0:
		return nil
	case p.Name != "":
		return field.ErrorList{field.Invalid(path.Child(name), p.Name,
			unknownProtocol(p.Name, v3.ProtocolNames(), ", or a number from 1 to 255"))}
	default:
		return field.ErrorList{field.Invalid(path.Child(name), p.String(),
			"a protocol is a name or a number from 1 to 255; leave "+name+" out to match every protocol")}
	}
}

// unknownProtocol explains a protocol name that is none of names; other is what else
// could be written.
func unknownProtocol(name string, names []string, other string) string {
	list := strings.Join(names, ", ")
	for _, known := range names {
		if strings.EqualFold(known, strings.TrimSpace(name)) {
			return fmt.Sprintf("unknown protocol; write %s (names are case-sensitive: %s)", known, list)
		}
	}
	return fmt.Sprintf("unknown protocol; write one of %s%s", list, other)
}

// isUnknown tells whether a protocol is set but wrong, so that nothing more can be said of it.
func isUnknown(p *v3.Protocol) bool { return p != nil && p.Number() == 0 }

func validateICMP(path *field.Path, r *v3.Rule) field.ErrorList {
	errs := validateICMPFields(path, "icmp", r.ICMP)
	errs = append(errs, validateICMPFields(path, "notICMP", r.NotICMP)...)
	if word, _ := icmpProtocol(r.Protocol); r.ICMP != nil && word == "" && !isUnknown(r.Protocol) {
		errs = append(errs, field.Invalid(path.Child("icmp"), r.ICMP,
			"ICMP fields require protocol to be ICMP or ICMPv6; set protocol to one of them"))
	}
	return errs
}

func validateICMPFields(path *field.Path, name string, f *v3.ICMPFields) field.ErrorList {
	if f == nil {
		return nil
	}
	errs := validateRange(path.Child(name), "type", f.Type, 0, 254)
	errs = append(errs, validateRange(path.Child(name), "code", f.Code, 0, 255)...)
	if f.Code != nil && f.Type == nil {
		errs = append(errs, field.Required(path.Child(name, "type"), "ICMP code specified without an ICMP type"))
	}
	return errs
}

// Limits of a rule's HTTP match.
const (
	maxHTTPMethods = 20
	maxHTTPPaths   = 20
)

func validateHTTP(rule *field.Path, dir direction, r *v3.Rule) field.ErrorList {
	if r.HTTP == nil {
		return nil
	}
	path := rule.Child("http")
	errs := validateHTTPMethods(path, r.HTTP.Methods)
	errs = append(errs, validateHTTPPaths(path, r.HTTP.Paths)...)
	if dir == egress {
		errs = append(errs, field.Forbidden(path, "not allowed in egress rules"))
	}
	if slices.Contains([]v3.Action{v3.Deny, v3.Log, v3.Pass}, r.Action) {
		errs = append(errs, field.Forbidden(path, "HTTP match is only valid on Allow rules"))
	}
	if r.Protocol != nil && !isUnknown(r.Protocol) && r.Protocol.Number() != 6 {
		errs = append(errs, field.Forbidden(path, "rules with HTTP match must have protocol TCP or unset"))
	}
	return errs
}

func validateHTTPMethods(path *field.Path, methods []string) field.ErrorList {
	errs := validateSet(path, "methods", methods, maxHTTPMethods, anything)
	for _, err := range errs {
		if err.Type == field.ErrorTypeDuplicate {
			err.Detail = "Invalid methods (duplicates): " + err.Detail
		}
	}
	return errs
}

func validateHTTPPaths(parent *field.Path, paths []v3.HTTPPath) field.ErrorList {
	var errs field.ErrorList
	if len(paths) > maxHTTPPaths {
		errs = append(errs, field.TooMany(parent.Child("paths"), len(paths), maxHTTPPaths))
		paths = paths[:maxHTTPPaths]
	}
	for i, p := range paths {
		path := parent.Child("paths").Index(i)
		switch {
		case p.Exact != "" && p.Prefix != "":
			errs = append(errs, field.Invalid(path, p, "Invalid path match. Both 'exact' and 'prefix' are set; remove one of them"))
		case p.Exact == "" && p.Prefix == "":
			errs = append(errs, field.Required(path, "Invalid path match. Either 'exact' or 'prefix' must be set"))
		case p.Exact != "":
			errs = append(errs, validateHTTPPath(path.Child("exact"), p.Exact)...)
		default:
			errs = append(errs, validateHTTPPath(path.Child("prefix"), p.Prefix)...)
		}
	}
	return errs
}

func validateHTTPPath(path *field.Path, value string) field.ErrorList {
	if strings.HasPrefix(value, "/") && !strings.ContainsAny(value, "?#") {
		return nil
	}
	return field.ErrorList{field.Invalid(path, value,
		fmt.Sprintf("Invalid path %s. (must start with `/` and not contain `?` or `#`)", value))}
}
