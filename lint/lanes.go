package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// lane is a stage and direction with the same policies and failsafe ports for some classes of endpoints.
type lane struct {
	stage     policy.StageName
	direction policy.Direction
	runs      []policy.Run
	classes   []*policy.Class
	// has are the names of the policies of all runs.
	has map[string]bool
	// whole is how many policies all packets are taken through.
	whole int
	// asked is the packets that checkFailsafes asks about, allowed what policies may allow of them, unsure what it is not
	// certain of that they do, and undecided what none of them decides about.
	asked, allowed, unsure, undecided policy.Set
}

// laneID tells lanes apart. Sets of one engine are the same value when they are equal.
type laneID struct {
	stage     policy.StageName
	direction policy.Direction
	runs      string
	failsafes policy.Set
}

// endpoints are the names of those of all classes.
func (n *lane) endpoints() []string {
	var list []string
	for _, c := range n.classes {
		for _, h := range c.Endpoints {
			list = append(list, h.Name)
		}
	}
	return list
}

func (n *lane) denies() bool {
	for _, r := range n.runs {
		if r.Denies {
			return true
		}
	}
	return false
}

// lanes are all stages and directions in which a policy applies.
func (l *linter) lanes() []*lane {
	var list []*lane
	of := map[laneID]*lane{}
	for i := range l.classes {
		c := &l.classes[i]
		for _, s := range []policy.StageName{policy.StageDoNotTrack, policy.StagePreDNAT, policy.StageNormal, policy.StageForward} {
			for _, d := range directions {
				runs := c.Runs(s, d)
				if len(runs) == 0 {
					continue
				}
				id := laneID{s, d, runsText(runs), l.failsafesOfClass(s, c, d)}
				if of[id] == nil {
					of[id] = &lane{stage: s, direction: d, runs: runs, has: namesIn(runs)}
					list = append(list, of[id])
				}
				of[id].classes = append(of[id].classes, c)
			}
		}
	}
	return list
}

func namesIn(runs []policy.Run) map[string]bool {
	names := map[string]bool{}
	for _, r := range runs {
		for _, p := range r.Policies {
			names[p.Object.Name] = true
		}
	}
	return names
}

func runsText(runs []policy.Run) string {
	var b strings.Builder
	for _, r := range runs {
		for _, p := range r.Policies {
			b.WriteString(p.Object.Name + "\n")
		}
	}
	return b.String()
}

// ruleAt names a rule.
type ruleAt struct {
	ruleList

	index int
}

// review is what the walks through all lanes find out about rules.
type review struct {
	reached map[ruleAt]bool
	// lanes are where a rule is asked.
	lanes map[ruleAt][]*lane
	// covers are why rules were not reached in the first lane in which they were asked.
	covers map[ruleAt]*cover
	order  []policy.RuleMatch
	ties   tieMemory
	// logOnly is which finding a policy has that only logs.
	logOnly map[string]int
}

// checkLanes follows all traffic through the rules of each lane.
func (l *linter) checkLanes() {
	v := &review{reached: map[ruleAt]bool{}, lanes: map[ruleAt][]*lane{}, covers: map[ruleAt]*cover{}, ties: newTieMemory(), logOnly: map[string]int{}}
	all := l.lanes()
	for _, n := range all {
		n.asked = l.failsafeRegion(n)
		n.whole = l.worthAll(v, n)
		l.walk(v, n)
	}
	l.reportShadowed(v)
	l.reportTies(v)
	l.checkFailsafes(all)
}

// worthAll is how many policies of a lane all packets have to be taken through, since there is something to find out
// about them.
func (l *linter) worthAll(v *review, n *lane) int {
	policies, whole := 0, 0
	for _, run := range n.runs {
		all := len(l.conflictsIn(v, run, n.direction)) > 0 || run.Denies && onlyLog(run, n.direction)
		for _, p := range run.Policies {
			policies++
			if all || slices.ContainsFunc(l.rulesOf(p, n.direction), func(r policy.RuleMatch) bool {
				return !v.reached[atOf(r)] && !l.covered(v, n, r)
			}) {
				whole = policies
			}
		}
	}
	return whole
}

// failsafeRegion is the packets to failsafe ports, where it matters what policies do to them.
func (l *linter) failsafeRegion(n *lane) policy.Set {
	var all policy.Set
	if !n.incoming() {
		return all
	}
	for _, c := range n.classes {
		for _, port := range l.failsafesOf(c.Endpoints[0].Spec.Node, n.direction) {
			all = all.Union(port.Sure)
		}
	}
	return all
}

// incoming tells of a lane that closes the host to some of what comes in.
func (n *lane) incoming() bool {
	return n.stage == policy.StageNormal && n.direction == policy.Ingress && n.denies()
}

func atOf(r policy.RuleMatch) ruleAt {
	return ruleAt{ruleList{r.Object.GetName(), r.Direction}, r.Index}
}

func (v *review) ask(r policy.RuleMatch, n *lane, region policy.Set) {
	at := atOf(r)
	if v.reached[at] {
		return
	}
	if v.lanes[at] == nil {
		v.order = append(v.order, r)
	}
	v.lanes[at] = append(v.lanes[at], n)
	v.reached[at] = !region.Intersect(r.Upper).Empty()
}

// walk takes packets through a lane: all of them as far as that is worth it, and then those that checkFailsafes asks
// about.
func (l *linter) walk(v *review, n *lane) {
	region, policies := l.engine.Space().All(), 0
	for _, run := range n.runs {
		entry := region
		var passed policy.Set
		if policies < n.whole {
			l.findTies(v, n, run, entry)
		}
		for _, p := range run.Policies {
			if policies == n.whole {
				region, passed = region.Intersect(n.asked), passed.Intersect(n.asked)
			}
			policies++
			for _, r := range l.rulesOf(p, n.direction) {
				v.ask(r, n, region)
				switch r.Action {
				case v3.Log:
					continue
				case v3.Pass:
					passed = passed.Union(region.Intersect(r.Upper))
				case v3.Allow:
					allowed := n.asked.Intersect(region).Intersect(r.Upper)
					n.allowed, n.unsure = n.allowed.Union(allowed), n.unsure.Union(allowed.Subtract(r.Sure))
				}
				region = region.Subtract(r.Sure)
			}
		}
		if run.Denies {
			l.checkLogOnly(v, n, run, entry)
			region = passed
		} else {
			region = region.Union(passed)
		}
	}
	n.undecided = region.Intersect(n.asked)
}

// checkLogOnly looks for a tier that denies because of policies that only log.
func (l *linter) checkLogOnly(v *review, n *lane, run policy.Run, denied policy.Set) {
	if !onlyLog(run, n.direction) {
		return
	}
	for _, f := range l.failsafes(n) {
		denied = denied.Subtract(f.Sure)
	}
	if denied.Empty() || !l.missed(run, n.direction) {
		return
	}
	for _, p := range run.Policies {
		what := ""
		if n.stage == policy.StageForward {
			what = " forwarded"
		}
		proof := Proof{Text: "denied at the end of the tier", Traffic: denied, Path: pathOf(n.direction), Endpoints: n.endpoints()}
		id := fmt.Sprintf("%s %s%s", p.Object.Name, n.direction, what)
		if i, ok := v.logOnly[id]; ok {
			l.findings[i].Proof = joined(append(l.findings[i].Proof, proof))
			continue
		}
		v.logOnly[id] = len(l.findings)
		l.find(LogOnly, about(p.Object, specPath.Child(string(n.direction))), fmt.Sprintf("the policy only logs, and so%s %s is denied: it makes tier %s apply, and no rule there allows anything", what, n.direction, run.Tier), proof)
	}
}

// missed tells whether traffic is treated otherwise when the policies of a run are not about a direction: what profiles
// or later tiers deny anyway is not denied because of them.
func (l *linter) missed(run policy.Run, d policy.Direction) bool {
	id := string(d) + "\n" + runsText([]policy.Run{run})
	missed, ok := l.trials[id]
	if !ok {
		missed = len(l.trials) >= mostTrials || len(policy.Diff(l.engine, l.engine.Next(l.notAbout(run, d)))) > 0
		l.trials[id] = missed
	}
	return missed
}

// notAbout is the snapshot in which the policies of a run are not about a direction.
func (l *linter) notAbout(run policy.Run, d policy.Direction) policy.Snapshot {
	s := l.snapshot
	s.GlobalNetworkPolicies = nil
	for _, p := range l.snapshot.GlobalNetworkPolicies {
		if slices.ContainsFunc(run.Policies, func(r policy.Placed) bool { return r.Object == p }) {
			if p = without(p, d); len(p.Spec.Types) == 0 {
				continue
			}
		}
		s.GlobalNetworkPolicies = append(s.GlobalNetworkPolicies, p)
	}
	return s
}

// without is a policy that is not about a direction.
func without(p *v3.GlobalNetworkPolicy, d policy.Direction) *v3.GlobalNetworkPolicy {
	p = p.DeepCopy()
	p.Spec.Types = slices.DeleteFunc(p.Spec.Types, func(t v3.PolicyType) bool { return strings.EqualFold(string(t), string(d)) })
	return p
}

// onlyLog tells of a run in which nothing but Log rules is.
func onlyLog(run policy.Run, d policy.Direction) bool {
	for _, p := range run.Policies {
		if !onlyLogs(rawRules(p.Object, d)) {
			return false
		}
	}
	return true
}

func onlyLogs(rules []v3.Rule) bool {
	for _, r := range rules {
		if r.Action != v3.Log {
			return false
		}
	}
	return len(rules) > 0
}

// failsafes are the failsafe ports of a lane, where they are asked.
func (l *linter) failsafes(n *lane) []policy.RuleMatch {
	if n.stage == policy.StageForward || len(n.classes[0].Endpoints) == 0 {
		return nil
	}
	return l.failsafesOf(n.classes[0].Endpoints[0].Spec.Node, n.direction)
}

// failsafesOfClass is what the failsafe ports of a class have open, where they are asked.
func (l *linter) failsafesOfClass(s policy.StageName, c *policy.Class, d policy.Direction) policy.Set {
	var all policy.Set
	if s == policy.StageForward || len(c.Endpoints) == 0 {
		return all
	}
	for _, f := range l.failsafesOf(c.Endpoints[0].Spec.Node, d) {
		all = all.Union(f.Sure)
	}
	return all
}

// failsafesOf are the failsafe ports of a node. Nodes without a configuration of their own share a list.
func (l *linter) failsafesOf(node string, d policy.Direction) []policy.RuleMatch {
	key := failsafeKey{d, ""}
	if l.configured[nodePrefix+node] {
		key.node = node
	}
	list, ok := l.failsafePorts[key]
	if !ok {
		list = l.engine.Failsafes(node, d)
		l.failsafePorts[key] = list
	}
	return list
}

// failsafeKey is a direction and a node, or no node for all that share a list.
type failsafeKey struct {
	direction policy.Direction
	node      string
}
