package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// checkRules looks for rules that match no packet.
func (l *linter) checkRules() {
	for _, p := range l.policies {
		for _, d := range directions {
			raw := rawRules(p.Object, d)
			if len(raw) == 0 {
				continue
			}
			if !p.Governs(d) {
				l.find(NeverMatches, about(p.Object, specPath.Child(string(d))), fmt.Sprintf("the rules are never asked: types does not have %s", typeOf(d)),
					Proof{Text: fmt.Sprintf("types is %v", p.Object.Spec.Types)})
				continue
			}
			for _, r := range l.rulesOf(p, d) {
				if r.Upper.Empty() {
					l.neverMatches(r)
				}
			}
		}
	}
}

func typeOf(d policy.Direction) v3.PolicyType {
	if d == policy.Egress {
		return v3.PolicyTypeEgress
	}
	return v3.PolicyTypeIngress
}

// neverMatches explains a rule that matches nothing: by one of its fields, by two that exclude each other, or by all.
func (l *linter) neverMatches(r policy.RuleMatch) {
	at := rulePlace(r.RuleRef)
	for _, c := range r.Criteria {
		if !c.Upper.Empty() {
			continue
		}
		if strings.HasSuffix(strings.ToLower(c.Field), "selector") {
			return // which has a finding of its own
		}
		text := c.Field + " alone matches no packet"
		if strings.HasSuffix(c.Field, "orts") {
			text += ": no host endpoint with expectedIPs has a port of that name"
		}
		l.find(NeverMatches, at, "the rule matches no packet", Proof{Text: text})
		return
	}
	for i, a := range r.Criteria {
		for _, b := range r.Criteria[:i] {
			if a.Upper.Intersect(b.Upper).Empty() {
				l.find(NeverMatches, at, "the rule matches no packet", Proof{Text: fmt.Sprintf("no packet fits both %s and %s", b.Field, a.Field)})
				return
			}
		}
	}
	fields := make([]string, len(r.Criteria))
	for i, c := range r.Criteria {
		fields[i] = c.Field
	}
	l.find(NeverMatches, at, "the rule matches no packet", Proof{Text: "no packet fits all of " + strings.Join(fields, ", ")})
}

// checkICMP looks for rules that stop an agent.
func (l *linter) checkICMP() {
	for _, p := range l.policies {
		l.stops(p.Object, p.Object.Spec.Ingress, p.Object.Spec.Egress, l.selectedBy(p.Object))
	}
	for _, p := range l.snapshot.Profiles {
		var having []string
		for _, h := range l.snapshot.HostEndpoints {
			if slices.Contains(h.Spec.Profiles, p.Name) {
				having = append(having, h.Name)
			}
		}
		l.stops(p, p.Spec.Ingress, p.Spec.Egress, having)
	}
}

// stops looks for rules of an object that stop the agents of some endpoints.
func (l *linter) stops(o resources.Object, ingress, egress []v3.Rule, endpoints []string) {
	mode, severity := l.nftables()
	for i, rules := range [][]v3.Rule{ingress, egress} {
		for k, r := range rules {
			path := specPath.Child(string(directions[i])).Index(k)
			if r.NotICMP != nil && r.Protocol == nil {
				l.find(NotICMPWithoutProtocol, about(o, path.Child("notICMP")), "the rule has notICMP and no protocol",
					Proof{Text: "iptables-restore refuses such a rule, and the agent restarts for ever; write protocol: ICMP", Endpoints: endpoints})
			}
			for _, f := range []struct {
				name   string
				fields *v3.ICMPFields
			}{{"icmp", r.ICMP}, {"notICMP", r.NotICMP}} {
				if severity != "" && f.fields != nil && f.fields.Type != nil && f.fields.Code != nil {
					l.find(ICMPCode, about(o, path.Child(f.name)), "the rule has an ICMP type and a code",
						Proof{Text: fmt.Sprintf("in nftables mode the agent writes what nft refuses (icmp type %d code %d), and restarts for ever; %s", *f.fields.Type, *f.fields.Code, mode), Endpoints: endpoints})
					l.mildly(severity)
				}
			}
		}
	}
}

// nftables says which dataplane agents use, and how bad it is what nftables do not take.
func (l *linter) nftables() (mode string, severity Severity) {
	mode, severity = "nftablesMode is Auto, so an agent may choose nftables", Warning
	for _, c := range l.snapshot.FelixConfigurations {
		if c.Spec.NFTablesMode == nil {
			continue
		}
		switch strings.ToLower(*c.Spec.NFTablesMode) {
		case "enabled":
			return fmt.Sprintf("nftablesMode of FelixConfiguration(%s) is Enabled", c.Name), Error
		case "disabled":
			if c.Name == v3.DefaultName {
				mode, severity = "", ""
			}
		}
	}
	return mode, severity
}

// checkStages looks for doNotTrack policies about endpoints for all interfaces.
func (l *linter) checkStages() {
	for _, p := range l.policies {
		if p.Stage != policy.StageDoNotTrack {
			continue
		}
		all := l.selectedBy(p.Object)
		var wild []string
		for _, h := range l.snapshot.HostEndpoints {
			if h.Spec.InterfaceName != v3.AllInterfaces {
				continue
			}
			if _, selected := slices.BinarySearch(all, h.Name); selected { // which is sorted, as endpoints are
				wild = append(wild, h.Name)
			}
		}
		if len(wild) == 0 {
			continue
		}
		text := fmt.Sprintf("doNotTrack does nothing on %s of %d, which are for all interfaces", count(len(wild), "endpoint"), len(all))
		if len(wild) == len(all) {
			text = "the policy does nothing: all endpoints that it selects are for all interfaces, where doNotTrack is ignored"
		}
		l.find(DoNotTrackWildcard, about(p.Object, specPath.Child("doNotTrack")), text, Proof{Text: "interfaceName is *", Endpoints: wild})
	}
}
