package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// mostRules is how many rules prove one thing.
const mostRules = 5

// checkEndpoints looks for endpoints without a profile that is there and allows something.
func (l *linter) checkEndpoints() {
	classes := map[string]*policy.Class{}
	for i := range l.classes {
		for _, h := range l.classes[i].Endpoints {
			classes[h.Name] = &l.classes[i]
		}
	}
	for _, h := range l.snapshot.HostEndpoints {
		class := classes[h.Name]
		if slices.ContainsFunc(h.Spec.Profiles, l.hasProfile) {
			l.checkOwnProfiles(h, class)
			continue
		}
		text := "the endpoint has no profile"
		path := specPath
		if len(h.Spec.Profiles) > 0 {
			text = fmt.Sprintf("there is no profile %s", quoted(slices.Clone(h.Spec.Profiles)))
			path = specPath.Child("profiles")
		}
		l.reportNoProfile(about(h, path), text, nil, class)
	}
}

// reportNoProfile is about an endpoint that no profile allows anything; why is what else there is to say about that.
func (l *linter) reportNoProfile(at Place, text string, why []Proof, class *policy.Class) {
	proof := closedWithoutProfile(class, directions)
	if len(proof) > 0 {
		l.find(NoProfile, at, text+": what no policy is about is denied", append(why, proof...)...)
		return
	}
	now := "policies decide in both directions now; without them all but failsafe ports is closed"
	if class == nil {
		now = "the endpoint governs no interface now"
	}
	l.find(NoProfile, at, text+": nothing is allowed where no policy is about it", append(why, Proof{Text: now})...)
	l.mildly(Hint)
}

// checkOwnProfiles looks for an endpoint whose profiles allow nothing at all, or nothing in a direction that they leave to
// nothing else. Profiles that deny something there are taken to be meant to deny.
func (l *linter) checkOwnProfiles(h *v3.HostEndpoint, class *policy.Class) {
	var closed []policy.Direction
	denies := false
	for _, d := range directions {
		if allowed, denied := l.provides(h.Spec.Profiles, d); !allowed {
			closed = append(closed, d)
			denies = denies || denied
		}
	}
	at := about(h, specPath.Child("profiles"))
	switch {
	case len(closed) == len(directions):
		l.reportNoProfile(at, "no profile of the endpoint allows anything", l.whyNothing(h.Spec.Profiles, closed), class)
	case len(closed) == 1:
		proof := closedWithoutProfile(class, closed)
		if len(proof) == 0 {
			return
		}
		l.find(NoProfile, at, fmt.Sprintf("no profile of the endpoint allows any %s: what no policy is about is denied", closed[0]),
			append(l.whyNothing(h.Spec.Profiles, closed), proof...)...)
	default:
		return
	}
	if denies {
		l.mildly(Hint)
	}
}

// provides tells whether profiles may allow, and whether they deny, something in a direction.
func (l *linter) provides(profiles []string, d policy.Direction) (allowed, denied bool) {
	l.follow(profiles, d, func(r policy.RuleMatch, region policy.Set) bool {
		decides := !region.Intersect(r.Upper).Empty()
		allowed = allowed || decides && r.Action == v3.Allow
		denied = denied || decides && r.Action == v3.Deny
		return !allowed
	})
	return allowed, denied
}

// whyNothing says of each profile why it allows nothing in some directions.
func (l *linter) whyNothing(profiles []string, closed []policy.Direction) []Proof {
	var list []Proof
	for _, name := range profiles {
		if !l.hasProfile(name) {
			list = append(list, Proof{Text: fmt.Sprintf("there is no profile %q", name)})
			continue
		}
		rules := 0
		for _, d := range closed {
			rules += len(l.profileRules(name, d))
		}
		text := "has no rule that allows a packet"
		switch {
		case rules == 0 && len(closed) == 1:
			text = fmt.Sprintf("has no %s rules", closed[0])
		case rules == 0:
			text = "has no rules"
		}
		list = append(list, Proof{Text: text, At: &Place{Key: resources.Profile.Key(name)}})
	}
	return list
}

func (l *linter) hasProfile(name string) bool {
	return name == v3.ProfileDefaultAllow || l.profiles[name]
}

// closedWithoutProfile proves what an endpoint of the class denies in some directions for want of a profile.
func closedWithoutProfile(c *policy.Class, in []policy.Direction) []Proof {
	if c == nil {
		return nil
	}
	var list []Proof
	for _, d := range in {
		if slices.ContainsFunc(c.Runs(policy.StageNormal, d), func(r policy.Run) bool { return r.Denies }) {
			continue
		}
		denied := c.Traffic(pathOf(d)).Denied
		if denied.Empty() {
			continue
		}
		list = append(list, Proof{Text: fmt.Sprintf("no policy closes %s, so the profiles decide, and this is denied", d), Traffic: denied, Path: pathOf(d)})
	}
	return list
}

// checkAddresses looks for endpoints without addresses; rules tells which rules mean them.
func (l *linter) checkAddresses(rules map[string][]policy.RuleRef) {
	for _, m := range l.engine.Members() {
		if m.Endpoint == nil || len(m.Addresses) > 0 {
			continue
		}
		var proof []Proof
		for _, r := range rules[m.Endpoint.Name] {
			at := rulePlace(r)
			proof = append(proof, Proof{Text: "has a selector that matches the endpoint, and does not match its packets", At: &at})
		}
		text := "the endpoint has no expectedIPs: selectors of rules do not find its addresses"
		if len(proof) == 0 {
			l.find(NoAddresses, about(m.Endpoint, specPath), text, Proof{Text: "no rule selects it now"})
			l.mildly(Hint)
			continue
		}
		l.find(NoAddresses, about(m.Endpoint, specPath), text, proof...)
	}
}

// checkOutgrown reports the automatic endpoints that are not what their nodes ask for.
func (l *linter) checkOutgrown() {
	for _, a := range l.in.Outgrown {
		if a.Should == nil {
			l.find(Outgrown, about(a.Is, nil), "the automatic endpoint should not be there any more",
				Proof{Text: fmt.Sprintf("neither node %s nor a template asks for it", a.Is.Spec.Node), Endpoints: []string{a.Is.Name}})
			continue
		}
		var proof []Proof
		for _, part := range []struct {
			name       string
			is, should []string
		}{
			{"labels", labelTexts(a.Is.Labels), labelTexts(a.Should.Labels)},
			{"annotations", labelTexts(a.Is.Annotations), labelTexts(a.Should.Annotations)},
			{"node", []string{a.Is.Spec.Node}, []string{a.Should.Spec.Node}},
			{"interfaceName", []string{a.Is.Spec.InterfaceName}, []string{a.Should.Spec.InterfaceName}},
			{"expectedIPs", a.Is.Spec.ExpectedIPs, a.Should.Spec.ExpectedIPs},
			{"profiles", a.Is.Spec.Profiles, a.Should.Spec.Profiles},
			{"ports", portTexts(a.Is.Spec.Ports), portTexts(a.Should.Spec.Ports)},
		} {
			if !slices.Equal(part.is, part.should) {
				proof = append(proof, Proof{Text: part.name + ": " + differing(part.is, part.should)})
			}
		}
		l.find(Outgrown, about(a.Is, nil), "the automatic endpoint is not what its node asks for; is the controller running?", proof...)
	}
}

// differing says how two lists differ: both of them if they are short, and otherwise what only one has.
func differing(is, should []string) string {
	if max(len(is), len(should)) <= mostListed {
		return fmt.Sprintf("is %s, should be %s", inBrief(is), inBrief(should))
	}
	lacks, extra := but(should, is), but(is, should)
	switch {
	case len(lacks)+len(extra) == 0:
		return "are in another order than they should be"
	case len(extra) == 0:
		return "lacks " + inBrief(lacks)
	case len(lacks) == 0:
		return "should not have " + inBrief(extra)
	}
	return fmt.Sprintf("lacks %s, and should not have %s", inBrief(lacks), inBrief(extra))
}

// but are the texts of all that are not among some.
func but(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(text string) bool { return slices.Contains(some, text) })
}

// mostListed is how many of a list a text has.
const mostListed = 5

// inBrief is the first few of some texts, and how many more there are.
func inBrief(all []string) string {
	text := strings.Join(all[:min(len(all), mostListed)], ",")
	switch {
	case text == "":
		return "nothing"
	case len(all) > mostListed:
		return fmt.Sprintf("%s (and %d more)", text, len(all)-mostListed)
	}
	return text
}

func portTexts(ports []v3.EndpointPort) []string {
	list := make([]string, len(ports))
	for i, p := range ports {
		list[i] = fmt.Sprintf("%s %s/%d", p.Name, p.Protocol, p.Port)
	}
	return list
}

func labelTexts(labels map[string]string) []string {
	list := make([]string, 0, len(labels))
	for name, value := range labels {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}
