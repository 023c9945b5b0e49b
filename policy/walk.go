package policy

import (
	"fmt"

	"github.com/edfb3db0/calicoctl/resources"
)

// walk follows one packet through the stages of one node, rule by rule.
type walk struct {
	engine *Engine
	host   *host
	record bool
	stages []StageTrace
	// last is what decided last, and doubt the first thing that could not be known.
	last, doubt Decision
	doubtful    bool
	// path is the way that the packet takes in fact.
	path Path
	// untracked tells that a doNotTrack policy has allowed the packet before it belonged to a connection.
	untracked bool
	// at is where the walk is.
	at Decision
}

// decided is what a verdict is owed to.
func (w *walk) decided(v Verdict) Decision {
	if v == Unknown && w.doubtful {
		return w.doubt
	}
	return w.last
}

// step is a stage to go through.
type step struct {
	stage     stage
	direction int
	door      *door
	packet    *point
}

// along is the outcomes of the whole way.
func (w *walk) along(j *judgement, from, to *door) outcomes {
	incoming := []step{
		{stageUntracked, in, from, j.before},
		{stagePreDNAT, in, from, j.before},
		{stageNormal, in, from, j.after},
	}
	outgoing := []step{{stageUntracked, out, to, j.before}, {stageNormal, out, to, j.after}}
	w.path = j.path
	switch j.path {
	case Input:
		return w.steps(incoming)
	case Output:
		return w.steps(outgoing)
	case Local:
		return w.then(w.steps(outgoing), incoming)
	default:
		untracked := w.step(incoming[0])
		if untracked == allow && j.aimed { // since only tracked packets are rewritten
			w.path = Input
		}
		if untracked&allow != 0 { // which is for good
			untracked = untracked&^allow | pass
		}
		first := untracked &^ next
		if untracked&next != 0 {
			first |= w.steps([]step{incoming[1], {stageForward, in, from, j.after}})
		}
		return w.then(first, []step{{stageForward, out, to, j.after}})
	}
}

// then is the outcomes of one end and, where it allows, of the other.
func (w *walk) then(first outcomes, second []step) outcomes {
	rest := allow
	if first&allow != 0 {
		rest = w.steps(second)
	}
	result, _ := shortcut(both, first, rest)
	return result
}

// steps goes through stages until it is certain that one decides.
func (w *walk) steps(list []step) outcomes {
	mask := next
	for _, s := range list {
		mask = mask&^next | w.step(s)
		if mask&next == 0 {
			break
		}
	}
	return mask
}

func (w *walk) step(s step) outcomes {
	w.at = Decision{
		Node: w.host.name, Interface: s.door.name, Endpoint: s.door.endpoint,
		Stage: stageNames[s.stage], Direction: directionNames[s.direction],
	}
	if w.record {
		w.stages = append(w.stages, StageTrace{
			Stage: w.at.Stage, Direction: w.at.Direction, Interface: w.at.Interface, Endpoint: w.at.Endpoint,
		})
	}
	mask := w.inStage(s)
	if s.stage == stageUntracked && mask == allow && (w.path != Local || s.direction == out) {
		w.untracked = true
	}
	if w.record {
		w.stages[len(w.stages)-1].Outcome = outcomeName(mask)
	}
	return mask
}

func (w *walk) inStage(s step) outcomes {
	c := s.door.class
	early := s.stage <= stagePreDNAT
	runs := c.runs[s.stage][s.direction]
	switch {
	case c.open() && early:
		return next
	case c.open():
		return w.end(ByDefault, allow, "no host endpoint governs the interface")
	case c.failsafes.broken != "":
		return w.unsure(c.failsafes.broken, allow|deny)
	case early && len(runs) == 0:
		return next
	}
	var safe outcomes
	if s.stage != stageForward {
		safe = w.list(ByFailsafe, c.failsafes.owner[s.direction], c.failsafes.rules[s.direction], s)
		if safe&next == 0 {
			if early {
				return next
			}
			return safe
		}
	}
	mask := safe&^next | w.tiers(s, runs)
	if early && mask&pass != 0 {
		mask = mask&^pass | next
	}
	return mask
}

// tiers goes through the tiers of a stage and what follows them.
func (w *walk) tiers(s step, runs []run) outcomes {
	mask := pass
	for i := range runs {
		w.at.Tier = runs[i].tier.name
		mask = mask&^pass | w.tier(s, &runs[i])
		if mask&pass == 0 {
			return mask
		}
	}
	w.at.Tier = ""
	switch {
	case s.stage == stageForward && len(runs) == 0:
		return w.end(ByDefault, allow, "no policy with applyOnForward applies: forwarded traffic is allowed")
	case s.stage == stageForward:
		return mask&^pass | w.end(ByDefault, allow, "no tier is left: forwarded traffic is allowed")
	case s.stage == stageNormal:
		return mask&^pass | w.profiles(s)
	default:
		return mask
	}
}

func (w *walk) tier(s step, r *run) outcomes {
	mask := next
	for _, p := range r.policies {
		mask = mask&^next | w.list(ByPolicy, p.object, p.rules(s.direction), s)
		if mask&next == 0 {
			return mask
		}
	}
	end, why := pass, "the stage has no end of its own"
	if s.stage >= stageNormal {
		end = r.end()
		switch end {
		case pass:
			why = "the default action of the tier is Pass"
		case deny:
			why = fmt.Sprintf("policies of the tier %q apply and no rule of theirs decides", r.tier.name)
		default:
			w.unsure(r.policies[0].doubt, end)
			return mask&^next | end
		}
	}
	return mask&^next | w.end(ByTier, end, why)
}

func (w *walk) profiles(s step) outcomes {
	mask := next
	profiles := s.door.class.profiles
	for _, p := range profiles {
		var object resources.Object
		if p.object != nil {
			object = p.object
		}
		mask = mask&^(next|pass) | w.list(ByProfile, object, p.rules(s.direction), s)
		if mask&(next|pass) == 0 {
			return mask
		}
	}
	why := "no policy applies, and the endpoint has no profile"
	switch {
	case len(s.door.class.runs[s.stage][s.direction]) > 0 && len(profiles) == 0:
		why = "no tier decides, and the endpoint has no profile"
	case len(profiles) > 0:
		why = "no profile of the endpoint allows it"
	}
	return mask&^(next|pass) | w.end(ByDefault, deny, why)
}

// list goes through rules until one matches for certain.
func (w *walk) list(by By, object resources.Object, rules []*rule, s step) outcomes {
	var seen *ListTrace
	if w.record && (len(rules) > 0 || by != ByFailsafe) {
		lists := &w.stages[len(w.stages)-1].Lists
		*lists = append(*lists, ListTrace{By: by, Tier: w.at.Tier, Object: object, Rules: make([]RuleTrace, 0, len(rules))})
		seen = &(*lists)[len(*lists)-1]
	}
	mask := outcomes(0)
	for i, r := range rules {
		match := w.match(r, s.packet)
		if seen != nil {
			looked := w.explain(r, s.packet, match)
			looked.Rule = refOf(object, s, i, r)
			seen.Rules = append(seen.Rules, looked)
		}
		switch {
		case match == Matched && r.action == next:
			continue
		case match == Matched:
			w.at.By, w.at.Rule, w.at.Why = by, new(refOf(object, s, i, r)), ""
			w.last = w.at
			return w.finish(seen, mask|r.action)
		case match == MayMatch && r.action != next:
			w.at.By, w.at.Rule = by, new(refOf(object, s, i, r))
			w.unsure(w.explain(r, s.packet, match).Why, r.action)
			mask |= r.action
		}
	}
	return w.finish(seen, mask|next)
}

func refOf(object resources.Object, s step, index int, r *rule) RuleRef {
	return RuleRef{object, directionNames[s.direction], index, r.name}
}

func (w *walk) finish(seen *ListTrace, mask outcomes) outcomes {
	if seen != nil {
		seen.Outcome = outcomeName(mask)
	}
	return mask
}

func (w *walk) match(r *rule, p *point) Match {
	switch reached := w.engine.reach(r.upper, p); {
	case reached == 1<<empty:
		return NotMatched
	case reached == 1<<full && (r.sure == r.upper || w.engine.reach(r.sure, p) == 1<<full):
		return Matched
	default:
		return MayMatch
	}
}

// explain finds the first field that a rule does not match by, or may not.
func (w *walk) explain(r *rule, p *point, match Match) RuleTrace {
	out := RuleTrace{Match: match}
	if match == Matched {
		return out
	}
	for i := range r.fields {
		f := &r.fields[i]
		upper, sure := w.engine.reach(f.upper, p), w.engine.reach(f.sure, p)
		switch {
		case match == NotMatched && upper == 1<<empty:
			out.Fields = append(out.Fields, f.name)
			out.Field = out.Fields[0]
		case match == MayMatch && sure != 1<<full:
			out.Field, out.Why = f.name, f.reason
			if sure != 1<<empty || f.reason == "" {
				out.Why = "the flow does not say what " + f.name + " asks for"
			}
			return out
		}
	}
	if match == MayMatch {
		out.Why = "the flow does not say enough"
	}
	return out
}

// end is a decision that no rule made.
func (w *walk) end(by By, mask outcomes, why string) outcomes {
	w.at.By, w.at.Rule, w.at.Why = by, nil, why
	if mask != pass {
		w.last = w.at
	}
	if w.record && (by != ByTier || w.at.Stage == StageNormal || w.at.Stage == StageForward) {
		lists := &w.stages[len(w.stages)-1].Lists
		*lists = append(*lists, ListTrace{By: by, Tier: w.at.Tier, Outcome: outcomeName(mask), Why: why})
	}
	return mask
}

// unsure notes the first thing that cannot be known.
func (w *walk) unsure(why string, mask outcomes) outcomes {
	if !w.doubtful {
		w.doubtful = true
		w.doubt = w.at
		w.doubt.Why = why
	}
	return mask
}

func outcomeName(mask outcomes) string {
	switch mask {
	case allow:
		return string(Allowed)
	case deny:
		return string(Denied)
	case pass:
		return "pass"
	case next:
		return "next"
	default:
		return string(Unknown)
	}
}
