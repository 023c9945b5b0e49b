package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/selector"
)

var specPath = field.NewPath("spec")

// checkPolicySelectors looks at which endpoints policies select.
func (l *linter) checkPolicySelectors() {
	known := newLabels(l.labelled(true))
	for _, p := range l.policies {
		spec := &p.Object.Spec
		members, _ := l.engine.Matching(spec.Selector)
		hosts := names(members)
		at := about(p.Object, specPath.Child("selector"))
		switch chosen := l.parse(spec.Selector); {
		case spec.NamespaceSelector != "" || spec.ServiceAccountSelector != "":
			l.notHostSelector(p.Object, hosts)
		case len(hosts) == 0 && len(l.snapshot.HostEndpoints) > 0:
			l.selectsNothing(at, chosen, known, "host endpoint")
		case len(hosts) > 0 && len(chosen.Conditions()) == 0:
			l.find(AllSelectsHosts, at, fmt.Sprintf("the selector is for everything, hosts too: the policy is about %s", count(len(hosts), "host endpoint")),
				Proof{Text: "selected", Endpoints: hosts})
		case len(hosts) > 0:
			l.takesUnlabelled(at, chosen, members, "a host endpoint")
		}
	}
}

// labelled is what has labels that can be selected: host endpoints, or network sets as well.
func (l *linter) labelled(hostsOnly bool) []map[string]string {
	var list []map[string]string
	for _, m := range l.engine.Members() {
		if m.Endpoint != nil || !hostsOnly {
			list = append(list, m.Labels)
		}
	}
	return list
}

func (l *linter) notHostSelector(p *v3.GlobalNetworkPolicy, hosts []string) {
	if len(hosts) == 0 {
		return
	}
	name := "namespaceSelector"
	if p.Spec.NamespaceSelector == "" {
		name = "serviceAccountSelector"
	}
	l.find(NotHostSelector, about(p, specPath.Child(name)), fmt.Sprintf("with a %s the policy is about no host, though its selector matches %s", name, count(len(hosts), "host endpoint")),
		Proof{Text: "matched by the selector, and not selected", Endpoints: hosts})
	if len(l.parse(p.Spec.Selector).Conditions()) == 0 {
		l.mildly(Hint) // since it is hardly meant for hosts
	}
}

// selectsNothing is about a selector that nothing matches. What does not know any of its labels is likely to be about
// something that is not looked at here.
func (l *linter) selectsNothing(at Place, s *selector.Selector, known *labels, what string) {
	advice, mild := known.advice(s, what)
	l.find(SelectsNothing, at, "the selector matches no "+what, Proof{Text: advice})
	if mild {
		l.mildly(Hint)
	}
}

// takesUnlabelled is about members that a selector matches only because they lack a label.
func (l *linter) takesUnlabelled(at Place, s *selector.Selector, members []policy.Member, what string) {
	strict := s.Strict()
	groups := map[string][]policy.Member{}
	var missing []string
	for _, m := range members {
		if strict.Matches(m.Labels) {
			continue
		}
		lacks := lacking(s, m.Labels)
		id := strings.Join(lacks, ") && has(")
		groups[id] = append(groups[id], m)
		missing = append(missing, lacks...)
	}
	if len(groups) == 0 {
		return
	}
	slices.Sort(missing)
	missing = slices.Compact(missing)
	proof := make([]Proof, 0, len(groups))
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		which := "it"
		if len(missing) > 1 {
			which = strings.ReplaceAll(id, ") && has(", " and ")
		}
		p := Proof{
			Text:      fmt.Sprintf("matched without %s; write has(%s) && before the condition if that is not meant", which, id),
			Endpoints: names(groups[id]),
		}
		if sets := len(groups[id]) - len(p.Endpoints); sets > 0 {
			p.Text = count(sets, "network set") + " among what is " + p.Text
		}
		proof = append(proof, p)
	}
	l.find(TakesUnlabelled, at, fmt.Sprintf("%s is matched also without the label %s: != and not in are true of a label that is absent", what, strings.Join(missing, " or ")), proof...)
}

// lacking is the labels that negative conditions of a selector are about, and that are not there.
func lacking(s *selector.Selector, labels map[string]string) []string {
	var list []string
	for _, c := range s.Conditions() {
		if _, has := labels[c.Label]; !has && (c.Operator == "!=" || c.Operator == "not in") {
			list = append(list, c.Label)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// checkRuleSelectors looks at whose addresses rules mean.
func (l *linter) checkRuleSelectors() {
	known := newLabels(l.labelled(false))
	without := map[string][]policy.RuleRef{} // Which rules mean endpoints that have no addresses.
	for _, o := range l.ruled {
		for _, d := range directions {
			for i := range o.raw[d] {
				rule := &o.raw[d][i]
				path := specPath.Child(string(d)).Index(i)
				ref := policy.RuleRef{Object: o.object, Direction: d, Index: i, Action: rule.Action}
				l.checkEntity(ref, about(o.object, path.Child("source")), &rule.Source, known, without)
				l.checkEntity(ref, about(o.object, path.Child("destination")), &rule.Destination, known, without)
			}
		}
	}
	l.checkAddresses(without)
}

// checkEntity looks at the selectors of one end. Those with a namespaceSelector other than global() are about what is
// in namespaces, which is not known here; so may any selector be where pods are.
func (l *linter) checkEntity(ref policy.RuleRef, at Place, e *v3.EntityRule, known *labels, without map[string][]policy.RuleRef) {
	if e.NamespaceSelector != "" && l.parse(e.NamespaceSelector).String() != "global()" || e.ServiceAccounts != nil {
		return
	}
	for _, part := range []struct{ name, expr string }{{"selector", e.Selector}, {"notSelector", e.NotSelector}} {
		if part.expr == "" {
			continue
		}
		place := Place{at.Key, at.Path + "." + part.name}
		m, chosen := l.meaningOf(part.expr), l.parse(part.expr)
		if m.nothing {
			if pods := len(l.in.Workloads) > 0 && part.name == "selector"; !pods && len(l.engine.Members()) > 0 {
				l.selectsNothing(place, chosen, known, "host endpoint or network set")
			}
			continue
		}
		l.takesUnlabelled(place, chosen, m.unlabelled, "a host endpoint or network set")
		for _, name := range m.without {
			if len(without[name]) < mostRules && part.name == "selector" {
				without[name] = append(without[name], ref)
			}
		}
	}
}

// meaning is what a selector of rules matches, as far as there is something to say about that.
type meaning struct {
	nothing bool
	// unlabelled are the members that it matches only because they lack a label.
	unlabelled []policy.Member
	// without are the names of the endpoints that have no addresses.
	without []string
}

// meaningOf looks at all members once for all rules with the selector.
func (l *linter) meaningOf(expr string) *meaning {
	m := l.meanings[expr]
	if m != nil {
		return m
	}
	members, _ := l.engine.Matching(expr)
	m = &meaning{nothing: len(members) == 0}
	l.meanings[expr] = m
	strict := l.parse(expr).Strict()
	for _, one := range members {
		if !strict.Matches(one.Labels) {
			m.unlabelled = append(m.unlabelled, one)
		}
		if one.Endpoint != nil && len(one.Addresses) == 0 {
			m.without = append(m.without, one.Endpoint.Name)
		}
	}
	return m
}

// checkTemplates looks at the nodes that templates of automatic host endpoints select.
func (l *linter) checkTemplates() {
	if l.config == nil || l.config.Spec.Controllers.Node == nil || l.config.Spec.Controllers.Node.HostEndpoint == nil || len(l.snapshot.Nodes) == 0 {
		return
	}
	var all []map[string]string
	for _, n := range l.snapshot.Nodes {
		all = append(all, n.Labels)
	}
	known := newLabels(all)
	list := specPath.Child("controllers", "node", "hostEndpoint", "templates")
	for i, t := range l.config.Spec.Controllers.Node.HostEndpoint.Templates {
		s := l.parse(t.NodeSelector)
		if !slices.ContainsFunc(all, s.Matches) {
			l.selectsNothing(about(l.config, list.Index(i).Child("nodeSelector")), s, known, "node")
			l.findings[len(l.findings)-1].Severity = Warning // since nothing but nodes can be meant
		}
	}
}
