package commands

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/output"
	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// verdictWords say what becomes of traffic.
func verdictWords(v policy.Verdict) string {
	switch v {
	case policy.Allowed:
		return "allowed"
	case policy.Denied:
		return "denied"
	default:
		return "unknown"
	}
}

// decides marks what a verdict is owed to.
const decides = "   <-- this decides"

// explanation is a trace for people: the verdict first, then the way to it.
func (t *tracer) explanation(q flowQuestion, f policy.Flow, trace policy.Trace) string {
	return t.explanationOfOne(q, f, trace, false)
}

// explanationOfOne is the explanation of a flow, which may be an example of many.
func (t *tracer) explanationOfOne(q flowQuestion, f policy.Flow, trace policy.Trace, example bool) string {
	e := explainer{tracer: t, trace: trace}
	e.line(0, "%s: %s", verdictWords(trace.Verdict), flowText(q, trace))
	e.line(0, "because %s", t.because(f, trace.Verdict, trace.Decision))
	if r := trace.Return; r != nil {
		words := map[policy.Verdict]string{policy.Denied: "would be dropped", policy.Unknown: "may be dropped"}[r.Verdict]
		e.line(0, "but the answer%s %s on %s (%s of %s): %s", echoWords(trace.Flow), words, r.Decision.Node, r.Decision.Direction, doorWords(r.Decision.Interface),
			t.because(f, r.Verdict, r.Decision))
	}
	if example && trace.Judged && trace.Verdict == policy.Allowed {
		e.line(0, "doNotTrack policies judge the answer, too; this is about that from %s to %s, and may not hold for others", trace.Flow.To, trace.Flow.From)
	}
	for _, h := range trace.Hosts {
		e.line(0, "")
		e.host(h)
	}
	return e.text.String()
}

// echoWords say what has an answer, of a flow that does not.
func echoWords(f policy.Flow) string {
	if f.ICMPType == nil && (f.Protocol.Number() == 1 || f.Protocol.Number() == 58) {
		return " to an echo request"
	}
	return ""
}

// flowText names a flow: "TCP from 10.0.0.9 to node1 (10.0.0.1), port 22".
func flowText(q flowQuestion, trace policy.Trace) string {
	f := trace.Flow
	named := func(word string, address netip.Addr) string {
		switch {
		case word == address.String(), !address.IsValid():
			return word
		case word == endInternet:
			return fmt.Sprintf("%s (such as %s)", word, address)
		}
		return fmt.Sprintf("%s (%s)", word, address)
	}
	text := service(policy.Box{Protocols: []policy.Range{{First: uint16(f.Protocol.Number()), Last: uint16(f.Protocol.Number())}}})
	text += " from " + named(q.From, f.From) + " to " + named(q.To, f.To)
	if f.Port != nil {
		text += fmt.Sprintf(", port %d", *f.Port)
	}
	if f.SourcePort != nil {
		text += fmt.Sprintf(", source port %d", *f.SourcePort)
	}
	if f.ICMPType != nil {
		text += fmt.Sprintf(", type %d", *f.ICMPType)
	}
	if f.ICMPCode != nil {
		text += fmt.Sprintf(", code %d", *f.ICMPCode)
	}
	rewritten := f.DNATTo.IsValid() || f.DNATPort != nil
	if rewritten && trace.Untracked {
		return text + ", which is not tracked and so not rewritten"
	}
	if f.DNATTo.IsValid() {
		text += ", rewritten to " + named(q.DNATTo, f.DNATTo)
	}
	if f.DNATPort != nil {
		text += fmt.Sprintf(", to port %d", *f.DNATPort)
	}
	return text
}

// explainer writes the explanation of a trace.
type explainer struct {
	*tracer
	trace policy.Trace
	text  strings.Builder
	node  string
}

func (e *explainer) line(depth int, format string, args ...any) {
	text := output.EscapeLines(fmt.Sprintf(format, args...))
	e.text.WriteString(strings.TrimRight(strings.Repeat("  ", depth)+text, " ") + "\n")
}

func (e *explainer) host(h policy.HostTrace) {
	words := map[policy.Path]string{
		policy.Input: "coming in", policy.Output: "going out", policy.Local: "from the node to itself", policy.Forward: "passing through",
	}
	e.node = h.Node
	e.line(0, "on %s, %s: %s", h.Node, words[h.Path], verdictWords(h.Verdict))
	door := ""
	for _, s := range h.Stages {
		if at := e.doorText(s); at != door {
			door = at
			e.line(1, "%s", door)
		}
		e.stage(s)
	}
}

// doorText says what governs an interface.
func (e *explainer) doorText(s policy.StageTrace) string {
	name := s.Interface
	switch {
	case name == v3.AllInterfaces && s.Endpoint == nil:
		name = "the interface"
	case name == v3.AllInterfaces:
		name = "all interfaces that have no endpoint of their own"
	case strings.HasPrefix(name, "@"):
		name = "the interface with the address " + name[1:]
	}
	if s.Endpoint == nil {
		return "no host endpoint governs " + name
	}
	return fmt.Sprintf("HostEndpoint(%s)%s governs %s", s.Endpoint.Name, e.at(s.Endpoint, ""), name)
}

// at is where an object or a field of it is written, in parentheses.
func (e *explainer) at(o resources.Object, field string) string {
	if where := e.world.where(o, field); where != "" {
		return " (" + where + ")"
	}
	return ""
}

func (e *explainer) stage(s policy.StageTrace) {
	name := map[policy.StageName]string{
		policy.StageDoNotTrack: "doNotTrack policies", policy.StagePreDNAT: "preDNAT policies",
		policy.StageNormal: "policies", policy.StageForward: "applyOnForward policies",
	}[s.Stage]
	if len(s.Lists) == 0 {
		e.line(2, "%s, %s: none applies", name, s.Direction)
		return
	}
	e.line(2, "%s, %s: %s", name, s.Direction, outcomeWords(s.Outcome))
	tier := ""
	for _, list := range s.Lists {
		if list.Tier != tier && list.Tier != "" {
			e.line(3, "tier %s", list.Tier)
		}
		tier = list.Tier
		e.list(s, list)
	}
	if decidedBefore(s) {
		e.line(3, "profiles, %s: not asked", cmp.Or(strings.Join(s.Endpoint.Spec.Profiles, ", "), "none"))
	}
}

// decidedBefore tells whether a stage ended before profiles were asked.
func decidedBefore(s policy.StageTrace) bool {
	last := s.Lists[len(s.Lists)-1].By
	return s.Stage == policy.StageNormal && s.Endpoint != nil && last != policy.ByProfile && last != policy.ByDefault
}

func outcomeWords(outcome string) string {
	return map[string]string{
		"allow": "allowed", "deny": "denied", "next": "goes on", "pass": "leaves the tier", "unknown": "unknown",
	}[outcome]
}

func (e *explainer) list(s policy.StageTrace, list policy.ListTrace) {
	switch list.By {
	case policy.ByFailsafe:
		e.failsafes(s, list)
	case policy.ByTier:
		e.line(4, "end of the tier: %s, since %s%s", outcomeWords(list.Outcome), list.Why, e.mark(s, list.By, list.Tier, nil))
	case policy.ByDefault:
		text := list.Why
		if words := outcomeWords(list.Outcome); !strings.HasSuffix(text, words) {
			text += ": " + words
		}
		e.line(3, "%s%s", text, e.mark(s, list.By, list.Tier, nil))
	case policy.ByProfile:
		if list.Object == nil {
			e.line(3, "a profile that does not exist: goes on")
			return
		}
		e.rules(3, s, list)
	default:
		e.rules(4, s, list)
	}
}

// mark is set where the verdict comes from.
func (e *explainer) mark(s policy.StageTrace, by policy.By, tier string, rule *policy.RuleRef) string {
	d := e.trace.Decision
	same := d.Node == e.node && d.Stage == s.Stage && d.Direction == s.Direction && d.Interface == s.Interface && d.By == by && d.Tier == tier
	if !same || (d.Rule == nil) != (rule == nil) || rule != nil && *d.Rule != *rule {
		return ""
	}
	return decides
}

// failsafes shows the failsafe port that matches, or how many do not.
func (e *explainer) failsafes(s policy.StageTrace, list policy.ListTrace) {
	for _, r := range list.Rules {
		if r.Match != policy.NotMatched {
			e.line(3, "%s: %s%s", e.failsafeText(e.trace.Flow, r.Rule), matchWords(r.Match), e.mark(s, list.By, list.Tier, &r.Rule))
			return
		}
	}
	e.line(3, "failsafe ports: none of %d matches%s", len(list.Rules), e.at(list.Object, ""))
}

func matchWords(m policy.Match) string {
	return map[policy.Match]string{policy.Matched: "matches", policy.MayMatch: "may match", policy.NotMatched: "does not match"}[m]
}

// shownRules is how many rules of a list are shown even if none is near to matching.
const shownRules = 8

// rules shows a list of rules. Of a long one, those are left out that several fields keep from matching.
func (e *explainer) rules(depth int, s policy.StageTrace, list policy.ListTrace) {
	key, _ := resources.KeyOf(list.Object)
	e.line(depth, "%s%s: %s", key, e.at(list.Object, ""), e.came(list))
	others := 0
	for _, r := range list.Rules {
		if len(list.Rules) > shownRules && r.Match == policy.NotMatched && len(r.Fields) != 1 {
			others++
			continue
		}
		where := e.at(list.Object, fmt.Sprintf("spec.%s[%d]", r.Rule.Direction, r.Rule.Index))
		e.line(depth+1, "%s[%d] %s%s: %s%s", r.Rule.Direction, r.Rule.Index, r.Rule.Action, where, e.ruleWords(r),
			e.mark(s, list.By, list.Tier, &r.Rule))
	}
	if others > 0 {
		e.line(depth+1, "%s not shown: several fields do not match", count(others, "rule"))
	}
}

// ruleWords say whether a rule matches, and why not.
func (e *explainer) ruleWords(r policy.RuleTrace) string {
	text := matchWords(r.Match)
	switch {
	case r.Match == policy.NotMatched && len(r.Fields) == 1:
		text += ", " + e.whyNot(r)
	case len(r.Fields) > 1:
		text += " in " + strings.Join(r.Fields, ", ")
	case r.Why != "":
		text += ", " + r.Why
	}
	return text
}

// came says what a list of rules came to.
func (e *explainer) came(list policy.ListTrace) string {
	switch {
	case len(list.Rules) == 0:
		return "no rules, goes on"
	case !slices.ContainsFunc(list.Rules, func(r policy.RuleTrace) bool { return r.Match != policy.NotMatched }):
		return fmt.Sprintf("none of %s matches, goes on", count(len(list.Rules), "rule"))
	case list.By == policy.ByProfile && list.Outcome == "pass":
		return "goes on"
	default:
		return outcomeWords(list.Outcome)
	}
}

// whyNot names the field that a rule does not match by, and what it asks for.
func (e *explainer) whyNot(r policy.RuleTrace) string {
	asked := fieldText(ruleOf(r.Rule), r.Field)
	if side, ok := strings.CutSuffix(r.Field, "elector"); ok && side != "" {
		address := e.trace.Flow.From
		if strings.HasPrefix(r.Field, "destination") {
			address = e.trace.Flow.To
		}
		return fmt.Sprintf("%s is %s, which does not stand for %s", r.Field, asked, address)
	}
	return fmt.Sprintf("%s is %s", r.Field, asked)
}

// failsafeText names the failsafe port that a flow goes to.
func (t *tracer) failsafeText(f policy.Flow, r policy.RuleRef) string {
	port := cmp.Or(f.DNATPort, f.Port)
	if port == nil {
		return fmt.Sprintf("a failsafe port (%s)", r.Direction)
	}
	text := fmt.Sprintf("%s %d", protocolText(uint16(f.Protocol.Number())), *port)
	if r.Object == nil {
		return fmt.Sprintf("the built-in failsafe port %s (%s)", text, r.Direction)
	}
	list := "failsafeInboundHostPorts"
	if r.Direction == policy.Egress {
		list = "failsafeOutboundHostPorts"
	}
	key, _ := resources.KeyOf(r.Object)
	return fmt.Sprintf("the failsafe port %s of %s %s[%d]", text, key, list, r.Index)
}

// ruleOf is the rule that is meant; nil if it is none of a policy or profile.
func ruleOf(r policy.RuleRef) *v3.Rule {
	var ingress, egress []v3.Rule
	switch o := r.Object.(type) {
	case *v3.GlobalNetworkPolicy:
		ingress, egress = o.Spec.Ingress, o.Spec.Egress
	case *v3.Profile:
		ingress, egress = o.Spec.Ingress, o.Spec.Egress
	}
	list := ingress
	if r.Direction == policy.Egress {
		list = egress
	}
	if r.Index >= len(list) {
		return nil
	}
	return &list[r.Index]
}

// fieldText is the value of a field such as source.nets, as it is written in JSON but without the marks that only
// programs need.
func fieldText(rule *v3.Rule, field string) string {
	data, err := json.Marshal(rule)
	var value any
	if err != nil || json.Unmarshal(data, &value) != nil {
		return ""
	}
	for part := range strings.SplitSeq(field, ".") {
		object, _ := value.(map[string]any)
		value = object[part]
	}
	return valueText(value)
}

func valueText(value any) string {
	switch v := value.(type) {
	case nil:
		return "not there"
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = valueText(v[i])
		}
		return strings.Join(parts, ",")
	case map[string]any:
		text, _ := json.Marshal(v)
		return string(text)
	default:
		return fmt.Sprint(v)
	}
}
