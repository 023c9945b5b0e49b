package policy_test

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// matches tells whether a rule may match and whether it may not.
func (w naive) matches(r *v3.Rule, f policy.Flow) (yes, no bool) {
	number := f.Protocol.Number()
	v4 := f.From.Is4()
	icmp := v4 && number == 1 || !v4 && number == 58
	if r.IPVersion != nil && (*r.IPVersion == 4) != v4 {
		return false, true
	}
	if p := r.Protocol; p != nil {
		if p.Number() != number || p.Name == "ICMP" && !v4 || p.Name == "ICMPv6" && v4 {
			return false, true
		}
	}
	if p := r.NotProtocol; p != nil && p.Number() == number {
		return false, true
	}
	if r.ICMP != nil && (!icmp || !icmpFits(r.ICMP, f)) {
		return false, true
	}
	if r.NotICMP != nil && (!icmp || icmpFits(r.NotICMP, f)) {
		return false, true
	}
	maybe := r.HTTP != nil
	for _, end := range []struct {
		rule *v3.EntityRule
		at   netip.Addr
		port *uint16
	}{{&r.Source, f.From, f.SourcePort}, {&r.Destination, f.To, f.Port}} {
		fits, unsure := w.entityFits(end.rule, end.at, end.port, number)
		if !fits && !unsure {
			return false, true
		}
		maybe = maybe || unsure
	}
	return true, maybe
}

func icmpFits(want *v3.ICMPFields, f policy.Flow) bool {
	return (want.Type == nil || *want.Type == int(*f.ICMPType)) && (want.Code == nil || *want.Code == int(*f.ICMPCode))
}

// entityFits tells whether an end fits; when that cannot be known, unsure.
func (w naive) entityFits(e *v3.EntityRule, at netip.Addr, port *uint16, protocol uint8) (fits, unsure bool) {
	if len(e.Nets) > 0 && !slices.ContainsFunc(e.Nets, func(n string) bool { return netip.MustParsePrefix(n).Contains(at) }) {
		return false, false
	}
	if len(e.NotNets) > 0 {
		ofFamily := false
		for _, text := range e.NotNets {
			n := netip.MustParsePrefix(text)
			ofFamily = ofFamily || n.Addr().Is4() == at.Is4()
			if n.Contains(at) {
				return false, false
			}
		}
		if !ofFamily {
			return false, false
		}
	}
	if len(e.Ports) > 0 && !w.portFits(e.Ports, at, port, protocol) {
		return false, false
	}
	if len(e.NotPorts) > 0 && w.portFits(e.NotPorts, at, port, protocol) {
		return false, false
	}
	switch {
	case e.ServiceAccounts != nil:
		if w.isHost(at) {
			return false, false
		}
		unsure = true
	case e.Selector != "" || e.NamespaceSelector != "":
		if !w.selected(e.Selector, e.NotSelector, e.NamespaceSelector, at) {
			return false, false
		}
	case e.NotSelector != "":
		if w.selected(e.NotSelector, "", "", at) {
			return false, false
		}
	}
	unsure = unsure || e.Services != nil
	return !unsure, unsure
}

func (w naive) isHost(at netip.Addr) bool {
	return slices.ContainsFunc(w.HostEndpoints, func(h *v3.HostEndpoint) bool {
		return slices.Contains(h.Spec.ExpectedIPs, at.String())
	})
}

// selected tells whether an object with the address is selected.
func (w naive) selected(positive, negative, spaces string, at netip.Addr) bool {
	fits := func(labels map[string]string, namespaced bool, addresses []string) bool {
		switch {
		case spaces == "global()" && namespaced, spaces == "all()" && !namespaced:
			return false
		case !evaluate(positive, labels), negative != "" && evaluate(negative, labels):
			return false
		}
		return slices.ContainsFunc(addresses, func(text string) bool {
			if !strings.Contains(text, "/") {
				return netip.MustParseAddr(text) == at
			}
			return netip.MustParsePrefix(text).Contains(at)
		})
	}
	for _, h := range w.HostEndpoints {
		if fits(w.labels(h.Labels, h.Spec.Profiles), false, h.Spec.ExpectedIPs) {
			return true
		}
	}
	for _, s := range w.GlobalNetworkSets {
		if fits(s.Labels, false, s.Spec.Nets) {
			return true
		}
	}
	for _, s := range w.NetworkSets {
		labels := w.labels(s.Labels, nil)
		labels["projectcalico.org/namespace"] = s.Namespace
		if fits(labels, true, s.Spec.Nets) {
			return true
		}
	}
	return false
}

func (w naive) portFits(ports []v3.Port, at netip.Addr, port *uint16, protocol uint8) bool {
	if protocol != 6 && protocol != 17 && protocol != 132 {
		return false
	}
	for _, p := range ports {
		if p.Name == "" && p.Min <= *port && *port <= p.Max {
			return true
		}
		for _, h := range w.HostEndpoints {
			for _, named := range h.Spec.Ports {
				if named.Name == p.Name && named.Port == *port && named.Protocol.Number() == protocol &&
					slices.Contains(h.Spec.ExpectedIPs, at.String()) {
					return true
				}
			}
		}
	}
	return false
}
