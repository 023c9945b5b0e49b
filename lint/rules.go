package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// checkRules looks for rules that match no packet.
func (l *linter) checkRules() {
	for _, p := range l.policies {
		for _, d := range directions {
			if len(rawRules(p.Object, d)) > 0 && !p.Governs(d) {
				l.find(NeverMatches, about(p.Object, specPath.Child(string(d))), fmt.Sprintf("the rules are never asked: types does not have %s", typeOf(d)),
					Proof{Text: fmt.Sprintf("types is %v", p.Object.Spec.Types)})
			}
		}
	}
	for _, o := range l.ruled {
		for _, d := range directions {
			if len(o.raw[d]) == 0 || !o.governs(d) {
				continue
			}
			for i, r := range o.rules(d) {
				if text, ok := l.leavesNothing(&o.raw[d][i]); ok {
					l.find(NeverMatches, rulePlace(r.RuleRef), "the rule matches no packet", Proof{Text: text})
				} else if r.Upper.Empty() {
					l.neverMatches(r)
				}
			}
		}
	}
}

// leavesNothing tells of a rule in which a notSelector leaves out whatever is selected beside it, whoever has which labels.
func (l *linter) leavesNothing(r *v3.Rule) (text string, ok bool) {
	for _, end := range []struct {
		side   string
		entity *v3.EntityRule
	}{{"source", &r.Source}, {"destination", &r.Destination}} {
		e := end.entity
		selecting := "selector"
		switch {
		case e.NotSelector == "" || !l.implies(e.Selector, e.NotSelector):
			continue
		case e.Selector != "":
		case e.NamespaceSelector != "":
			selecting = "namespaceSelector"
		case e.ServiceAccounts != nil:
			selecting = "serviceAccounts"
		default: // which is about addresses, those that nobody knows among them
			continue
		}
		return fmt.Sprintf("whatever %s.%s matches, %[1]s.notSelector leaves out", end.side, selecting), true
	}
	return "", false
}

// implies tells whether it is certain that whatever one selector matches another matches too.
func (l *linter) implies(one, other string) bool {
	pair := [2]string{one, other}
	implied, ok := l.implied[pair]
	if !ok {
		implied = l.parse(one).Implies(l.parse(other))
		l.implied[pair] = implied
	}
	return implied
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
	mode, severity := l.nftables()
	for _, o := range l.ruled {
		l.stops(o, mode, severity)
	}
}

// stops looks for rules that stop the agents of the endpoints that they are for.
func (l *linter) stops(o ruled, mode string, severity Severity) {
	for _, d := range directions {
		for k, r := range o.raw[d] {
			path := specPath.Child(string(d)).Index(k)
			if r.NotICMP != nil && r.Protocol == nil {
				l.find(NotICMPWithoutProtocol, about(o.object, path.Child("notICMP")), "the rule has notICMP and no protocol",
					Proof{Text: "iptables-restore refuses such a rule, and the agent restarts for ever; write protocol: ICMP", Endpoints: o.endpoints()})
			}
			for _, f := range []struct {
				name   string
				fields *v3.ICMPFields
			}{{"icmp", r.ICMP}, {"notICMP", r.NotICMP}} {
				if severity != "" && f.fields != nil && f.fields.Type != nil && f.fields.Code != nil {
					l.find(ICMPCode, about(o.object, path.Child(f.name)), "the rule has an ICMP type and a code",
						Proof{Text: fmt.Sprintf("in nftables mode the agent writes what nft refuses (icmp type %d code %d), and restarts for ever; %s", *f.fields.Type, *f.fields.Code, mode), Endpoints: o.endpoints()})
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
