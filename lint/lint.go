package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/selector"
)

// Result is what was found, and what it was found with.
type Result struct {
	// Findings are sorted: by kind, name and code.
	Findings []Finding
	// Engine judges the flows of the proofs. If it has an error, it could not tell what becomes of traffic, and there
	// are only the findings that do not depend on that.
	Engine *policy.Engine
}

// Run looks for everything that there is a code for.
func Run(in Input) Result {
	l := newLinter(in)
	for _, check := range []func(){
		l.checkValid, l.checkOutgrown, l.checkPolicySelectors, l.checkRuleSelectors, l.checkTemplates,
		l.checkFailsafeProtocols, l.checkStages, l.checkTiers, l.checkICMP, l.checkTypes,
	} {
		check()
	}
	certain := len(l.findings)
	for _, check := range []func(){
		l.checkEndpoints, l.checkRules, l.checkLanes, l.checkProfiles, l.checkFamilies, l.checkDenyOnFailsafe, l.checkTierTies, l.checkMasters,
	} {
		if check(); l.engine.Err() != nil {
			l.findings = l.findings[:certain]
			break
		}
	}
	return Result{sorted(l.suppress()), l.engine}
}

// linter collects findings.
type linter struct {
	in       Input
	findings []Finding
	// objects are those that are valid, with the defaults that agents or calicoctl give them.
	objects []resources.Object
	invalid []invalidObject
	// untyped are the policies that do not say their types, and whether they are stored like that.
	untyped  map[string]bool
	snapshot policy.Snapshot
	config   *v3.KubeControllersConfiguration
	engine   *policy.Engine
	policies []policy.Placed
	rules    map[ruleList][]policy.RuleMatch
	// profiled are the rules of profiles, and ruled is all that has rules.
	profiled map[ruleList][]policy.RuleMatch
	ruled    []ruled
	// implied are pairs of selectors, and whether whatever the first matches the second matches too.
	implied  map[[2]string]bool
	meanings map[string]*meaning
	// profiles are the names of those that are there, but for the built-in one.
	profiles map[string]bool
	parsed   map[string]*selector.Selector
	classes  []policy.Class
	// endpoints are the names of those that each policy selects.
	endpoints map[string][]string
	// configured are the names of the FelixConfigurations.
	configured    map[string]bool
	failsafePorts map[failsafeKey][]policy.RuleMatch
	// trials are runs of policies that were left out, and whether that made a difference.
	trials map[string]bool
}

// ruleList is the rules of a policy or profile in a direction.
type ruleList struct {
	name      string
	direction policy.Direction
}

var directions = []policy.Direction{policy.Ingress, policy.Egress}

func newLinter(in Input) *linter {
	l := &linter{
		in: in, untyped: map[string]bool{}, rules: map[ruleList][]policy.RuleMatch{},
		parsed: map[string]*selector.Selector{}, endpoints: map[string][]string{},
		configured: map[string]bool{}, failsafePorts: map[failsafeKey][]policy.RuleMatch{}, trials: map[string]bool{},
		profiled: map[ruleList][]policy.RuleMatch{}, implied: map[[2]string]bool{},
		meanings: map[string]*meaning{}, profiles: map[string]bool{},
	}
	for _, s := range in.Sources {
		l.enter(s)
	}
	l.snapshot = policy.Snapshot{
		HostEndpoints:         ofKind[*v3.HostEndpoint](l.objects),
		GlobalNetworkPolicies: ofKind[*v3.GlobalNetworkPolicy](l.objects),
		Tiers:                 ofKind[*v3.Tier](l.objects),
		Profiles:              ofKind[*v3.Profile](l.objects),
		GlobalNetworkSets:     ofKind[*v3.GlobalNetworkSet](l.objects),
		FelixConfigurations:   ofKind[*v3.FelixConfiguration](l.objects),
		Nodes:                 ofKind[*v3.Node](l.objects),
		NetworkSets:           in.NetworkSets,
		Workloads:             in.Workloads,
	}
	for _, c := range l.snapshot.FelixConfigurations {
		l.configured[c.Name] = true
	}
	for _, p := range l.snapshot.Profiles {
		l.profiles[p.Name] = true
	}
	for _, c := range ofKind[*v3.KubeControllersConfiguration](l.objects) {
		if c.Name == v3.DefaultName {
			l.config = c
		}
	}
	l.engine = policy.NewWithin(in.Limit, l.snapshot)
	l.policies = l.engine.Policies()
	l.classes = l.engine.Classes()
	l.ruled = l.allRuled()
	return l
}

// enter takes an object up as agents see it. Those that are invalid they do not see.
func (l *linter) enter(s Source) {
	key, ok := resources.KeyOf(s.Object)
	if !ok {
		return
	}
	o := s.Object.DeepCopyObject().(resources.Object)
	p, isPolicy := o.(*v3.GlobalNetworkPolicy)
	untyped := isPolicy && len(p.Spec.Types) == 0
	if key.Kind.ReadOnly == "" {
		key.Kind.Default(o)
		if errs := key.Kind.Validate(o); len(errs) > 0 {
			l.invalid = append(l.invalid, invalidObject{o, s.Stored, errs})
			return
		}
	}
	if untyped {
		l.untyped[p.Name] = s.Stored
		if s.Stored {
			p.Spec.Types = policy.StoredTypes()
		}
	}
	l.objects = append(l.objects, o)
}

// ofKind are the objects of one type.
func ofKind[T resources.Object](all []resources.Object) []T {
	var list []T
	for _, o := range all {
		if t, ok := o.(T); ok {
			list = append(list, t)
		}
	}
	return list
}

// find adds a finding.
func (l *linter) find(id string, at Place, text string, proof ...Proof) {
	code, _ := CodeOf(id)
	l.findings = append(l.findings, Finding{Code: code, Severity: code.Severity, Place: at, Text: text, Proof: proof})
}

// mildly makes the last finding one that is less bad than others of its code.
func (l *linter) mildly(s Severity) { l.findings[len(l.findings)-1].Severity = s }

// rulesOf are the rules of a policy, compiled.
func (l *linter) rulesOf(p policy.Placed, d policy.Direction) []policy.RuleMatch {
	key := ruleList{p.Object.Name, d}
	list, ok := l.rules[key]
	if !ok {
		list = p.Rules(d)
		l.rules[key] = list
	}
	return list
}

// rawRules are the rules of a policy as they are written.
func rawRules(p *v3.GlobalNetworkPolicy, d policy.Direction) []v3.Rule {
	if d == policy.Egress {
		return p.Spec.Egress
	}
	return p.Spec.Ingress
}

// parse is a selector, which can be read, since only valid objects are looked at.
func (l *linter) parse(expr string) *selector.Selector {
	s := l.parsed[expr]
	if s == nil {
		var err error
		if s, err = selector.Parse(expr); err != nil {
			s = &selector.Selector{}
		}
		l.parsed[expr] = s
	}
	return s
}

// selectedBy are the host endpoints that a policy is about.
func (l *linter) selectedBy(p *v3.GlobalNetworkPolicy) []string {
	list, ok := l.endpoints[p.Name]
	if !ok && p.Spec.NamespaceSelector == "" && p.Spec.ServiceAccountSelector == "" {
		members, _ := l.engine.Matching(p.Spec.Selector)
		list = names(members)
		l.endpoints[p.Name] = list
	}
	return list
}

// names are those of the host endpoints among members.
func names(members []policy.Member) []string {
	var list []string
	for _, m := range members {
		if m.Endpoint != nil {
			list = append(list, m.Endpoint.Name)
		}
	}
	return list
}

// count is "1 rule" or "2 rules".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// quoted is the first few of some words, in quotes.
func quoted(words []string) string {
	const shown = 5
	slices.Sort(words)
	words = slices.Compact(words)
	texts := make([]string, 0, shown)
	for _, w := range words[:min(len(words), shown)] {
		texts = append(texts, fmt.Sprintf("%q", w))
	}
	if len(words) > shown {
		texts = append(texts, fmt.Sprintf("%d more", len(words)-shown))
	}
	return strings.Join(texts, ", ")
}
