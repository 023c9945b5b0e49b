package render

import (
	"fmt"
	"slices"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// stage is a stage in one direction.
type stage struct {
	name      string // which begins the names of its chains
	about     string
	stage     policy.StageName
	direction policy.Direction
	// allow is what Allow does.
	allow string
	// failsafes are the chains of the ports that the stage cannot close.
	failsafes []string
}

// Chains that have a name of their own.
const (
	chainFailsafeIn  = "failsafe-in"
	chainFailsafeOut = "failsafe-out"
	chainAnswersIn   = "failsafe-answers-in"
	chainAnswersOut  = "failsafe-answers-out"
	chainForwardOut  = "forward-out"
)

// established lets packets pass that a verdict was given for already.
const established = "ct state established,related accept"

func setMark(bit int) string { return fmt.Sprintf("meta mark set meta mark | 0x%08x accept", bit) }

func marked(bit int, then string) string {
	return fmt.Sprintf("meta mark & 0x%08x != 0 %s", bit, then)
}

// early is the stages that come before it is known where a packet goes.
func (b *builder) early() {
	untracked := stage{
		name: "untracked-in", about: "doNotTrack policies, ingress", stage: policy.StageDoNotTrack, direction: policy.Ingress,
		allow: "notrack " + setMark(markUntracked), failsafes: []string{chainFailsafeIn, chainAnswersIn},
	}
	c := b.chain("Before packets are tracked, what comes in by an interface.", "prerouting-untracked")
	c.add("type filter hook prerouting priority raw; policy accept;")
	c.add("meta mark set meta mark & 0x%08x", 0xffffffff&^(markUntracked|markPreDNAT))
	b.dispatch(c, "iifname", b.stages(&untracked))

	untracked.name, untracked.about, untracked.direction = "untracked-out", "doNotTrack policies, egress", policy.Egress
	untracked.failsafes = []string{chainFailsafeOut, chainAnswersOut}
	c = b.chain("Before packets are tracked, what the node sends.", "output-untracked")
	c.add("type filter hook output priority raw; policy accept;")
	c.add("meta mark set meta mark & 0x%08x", 0xffffffff&^(markUntracked|markPreDNAT))
	b.dispatch(c, "oifname", b.stages(&untracked))

	preDNAT := stage{
		name: "before-dnat", about: "preDNAT policies", stage: policy.StagePreDNAT, direction: policy.Ingress,
		allow: setMark(markPreDNAT), failsafes: []string{chainFailsafeIn},
	}
	c = b.chain("Before the destination is rewritten, what comes in by an interface.", "prerouting-before-dnat")
	c.add("type filter hook prerouting priority mangle; policy accept;")
	c.add("%s", marked(markUntracked, "accept"))
	c.add(established)
	b.dispatch(c, "iifname", b.stages(&preDNAT))
}

// late is the stages that know where a packet goes.
func (b *builder) late() {
	c := b.chain("To the node itself.", "input")
	c.add("type filter hook input priority filter; policy accept;")
	c.add("%s", marked(markUntracked|markPreDNAT, "accept"))
	c.add(established)
	b.dispatch(c, "iifname", b.stages(&stage{
		name: "to-host", about: "to the node itself", stage: policy.StageNormal, direction: policy.Ingress,
		allow: "accept", failsafes: []string{chainFailsafeIn},
	}))

	c = b.chain("From the node itself.", "output")
	c.add("type filter hook output priority filter; policy accept;")
	c.add("%s", marked(markUntracked, "accept"))
	c.add(established)
	b.dispatch(c, "oifname", b.stages(&stage{
		name: "from-host", about: "from the node itself", stage: policy.StageNormal, direction: policy.Egress,
		allow: "accept", failsafes: []string{chainFailsafeOut},
	}))

	c = b.chain("Through the node: applyOnForward policies.", "forward")
	c.add("type filter hook forward priority filter; policy accept;")
	c.add("%s", marked(markUntracked, "accept"))
	c.add(established)
	c.add("%s", marked(markPreDNAT, "goto "+chainForwardOut))
	b.dispatch(c, "iifname", b.stages(&stage{
		name: "forward-from", about: "through the node, policies of the interface where it comes in", stage: policy.StageForward,
		direction: policy.Ingress, allow: "goto " + chainForwardOut,
	}))
	if b.plan.Rest == nil {
		c.add("goto %s", chainForwardOut)
	}
	c = b.chain("Through the node, on the way out.", chainForwardOut)
	b.dispatch(c, "oifname", b.stages(&stage{
		name: "forward-to", about: "through the node, policies of the interface where it goes out", stage: policy.StageForward,
		direction: policy.Egress, allow: "accept",
	}))
	if b.plan.Rest == nil {
		c.add("accept")
	}
}

// stages makes the chains of a stage for all endpoints for which it does anything.
func (b *builder) stages(s *stage) map[*policy.PlannedEndpoint]*chain {
	out := map[*policy.PlannedEndpoint]*chain{}
	for _, e := range b.endpoints() {
		if c := b.stage(s, e); c != nil {
			out[e] = c
		}
	}
	return out
}

// stage makes the chains of a stage for an endpoint.
func (b *builder) stage(s *stage, e *policy.PlannedEndpoint) *chain {
	tiers := b.tiers(s, e)
	late := s.stage == policy.StageNormal || s.stage == policy.StageForward
	if len(tiers) == 0 && !late {
		return nil
	}
	c := b.chain(fmt.Sprintf("HostEndpoint(%s), %s.", e.Name, s.about), s.name, e.Name)
	if s.stage != policy.StageDoNotTrack && s.name != "from-host" { // where it was seen to pass
		c.add("ct state invalid counter drop %s", comment("neither new nor of a known connection"))
	}
	for _, failsafes := range s.failsafes {
		c.add("jump %s", failsafes)
	}
	for i := range tiers {
		c.add("jump %s", b.tier(s, e, &tiers[i]).name)
	}
	switch s.stage {
	case policy.StageNormal:
		for _, p := range e.Profiles {
			c.add("jump %s", b.profile(s, e, p).name)
		}
		c.add("counter drop %s", comment("no profile allows it"))
	case policy.StageForward:
		c.add("%s", s.allow)
	}
	return c
}

// tiers are the tiers with policies that certainly apply, without the others.
func (b *builder) tiers(s *stage, e *policy.PlannedEndpoint) []policy.Run {
	runs := e.Runs(s.stage, s.direction)
	for i := range runs {
		runs[i].Policies = slices.DeleteFunc(runs[i].Policies, func(p policy.Placed) bool {
			if p.Doubt != "" {
				b.omit(policyName(p.Object), p.Doubt)
			}
			return p.Doubt != ""
		})
	}
	return slices.DeleteFunc(runs, func(r policy.Run) bool { return len(r.Policies) == 0 })
}

func (b *builder) tier(s *stage, e *policy.PlannedEndpoint, tier *policy.Run) *chain {
	c := b.chain(fmt.Sprintf("HostEndpoint(%s), %s: tier %s.", e.Name, s.about, tier.Tier), s.name, e.Name, "tier-"+tier.Tier)
	for _, p := range tier.Policies {
		rules := p.Object.Spec.Ingress
		if s.direction == policy.Egress {
			rules = p.Object.Spec.Egress
		}
		b.list(c, s, policyName(p.Object), rules)
	}
	if tier.Denies {
		c.add("counter drop %s", comment("end of tier "+tier.Tier))
	}
	return c
}

func (b *builder) profile(s *stage, e *policy.PlannedEndpoint, p *v3.Profile) *chain {
	c := b.chain(fmt.Sprintf("HostEndpoint(%s), %s: profile %s.", e.Name, s.about, p.Name), s.name, e.Name, "profile-"+p.Name)
	rules := p.Spec.Ingress
	if s.direction == policy.Egress {
		rules = p.Spec.Egress
	}
	b.list(c, s, "Profile("+p.Name+")", rules)
	return c
}

// list adds the rules of an object to a chain.
func (b *builder) list(c *chain, s *stage, object string, rules []v3.Rule) {
	if len(rules) == 0 {
		c.add("# %s has no rules", plain(object))
	}
	for i := range rules {
		r := &rules[i]
		about := fmt.Sprintf("%s %s[%d] %s", object, s.direction, i, r.Action)
		verdict := ""
		switch r.Action {
		case v3.Allow:
			verdict = s.allow
		case v3.Deny:
			verdict = "drop"
		case v3.Pass:
			verdict = "return"
		case v3.Log:
			verdict = `log prefix "calico-packet: "`
		default:
			b.leaveOut(c, about, "the action is not known")
			continue
		}
		matches, why := b.rule(about, r)
		if why != "" {
			b.leaveOut(c, about, why)
			continue
		}
		if len(matches) == 0 {
			c.add("# %s: matches nothing", plain(about))
		}
		for _, match := range matches {
			c.add("%scounter %s %s", match, verdict, comment(about))
		}
	}
}

func (b *builder) leaveOut(c *chain, about, why string) {
	b.omit(about, why)
	c.add("# %s: left out, %s", plain(about), plain(why))
}

// failsafes makes the chains of the ports that policy cannot close. doNotTrack policies, which cannot know an answer as
// such, do not close them for answers either.
func (b *builder) failsafes() {
	for _, list := range []struct {
		name, about, port, side string
		ports                   []v3.ProtoPort
	}{
		{chainFailsafeIn, "Failsafe ports, to the node.", "dport", "saddr", b.plan.FailsafesIn},
		{chainFailsafeOut, "Failsafe ports, from the node.", "dport", "daddr", b.plan.FailsafesOut},
		{chainAnswersIn, "Answers from failsafe ports of others.", "sport", "saddr", b.plan.FailsafesOut},
		{chainAnswersOut, "Answers from failsafe ports of the node.", "sport", "daddr", b.plan.FailsafesIn},
	} {
		c := b.chain(list.about, list.name)
		for _, p := range list.ports {
			b.failsafe(c, list.port, list.side, p)
		}
	}
}
