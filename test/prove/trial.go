package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/render"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/verdicts"
)

// node is the host whose policy is put to the proof.
const node = "n1"

// trial is one ruleset and the packets that are sent under it.
type trial struct {
	name    string
	rules   string
	packets []probe
	// met is what the packets meet, nil where that cannot be known.
	met counts
}

// probe is a packet, and what is expected of it.
type probe struct {
	flow policy.Flow
	want policy.Verdict
	// decision is what the engine owes its verdict to.
	decision policy.Decision
	// answered is "a" where the answer should come back and "n" where it should not. It is 0 where it is not known and
	// none is sent.
	answered byte
	// lost is what the engine says of the answer, nil where it comes back.
	lost *policy.Return
	// untracked tells that no destination is rewritten, since a doNotTrack policy allows the packet.
	untracked bool
	// recorded is the letter of the recording, 0 where there is none.
	recorded byte
}

// newTrial renders a snapshot and asks the engine about the packets.
func newTrial(name string, s policy.Snapshot, flows []policy.Flow) (*trial, error) {
	result, err := render.Nft(s, node)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t := &trial{name: name, rules: result.Text, met: counts{}}
	engine := policy.New(s)
	known := len(result.Omitted) == 0
	for _, f := range flows {
		trace, err := engine.Trace(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		t.packets = append(t.packets, probe{flow: f, want: trace.Verdict, decision: trace.Decision, lost: trace.Return, untracked: trace.Untracked})
		known = known && t.met.add(trace)
	}
	if !known {
		t.met = nil
	}
	return t, nil
}

// firstPort is where the source ports begin that the recording stands for with one.
const firstPort = 20001

// recordedTrials are the sets of the recording. Only sets whose number every divides are taken.
func recordedTrials(folder string, every int) ([]*trial, error) {
	flows, sets, err := verdicts.Read(folder)
	if err != nil {
		return nil, err
	}
	for i := range flows {
		if flows[i].SourcePort != nil { // each packet from another one, so that no two are of one connection
			flows[i].SourcePort = new(uint16(firstPort + i))
		}
	}
	open := slices.IndexFunc(sets, func(s verdicts.Set) bool { return !strings.Contains(s.Verdicts, "d") })
	if open < 0 {
		return nil, fmt.Errorf("%s has no set that allows everything", folder)
	}
	var trials []*trial
	for i := range sets {
		if i%every != 0 {
			continue
		}
		t, err := newTrial(sets[i].Name, sets[i].Snapshot, flows)
		if err != nil {
			return nil, err
		}
		if hasUntracked(&sets[i].Snapshot) { // whose rules meet the answers, too
			t.met = nil
		}
		for k := range t.packets {
			t.packets[k].recorded = sets[i].Verdicts[k]
			if sets[open].Verdicts[k] == 'a' && sets[i].Verdicts[k] != 'd' {
				t.packets[k].answered = sets[i].Verdicts[k]
			}
		}
		trials = append(trials, t)
	}
	return trials, nil
}

// expectAnswers lets packets be answered, and expects of their answers what the engine says.
func (t *trial) expectAnswers(untracked bool) {
	for i := range t.packets {
		p := &t.packets[i]
		if p.want != policy.Allowed || !answerKnown(&p.flow, untracked) {
			continue
		}
		switch {
		case p.lost == nil:
			p.answered = 'a'
		case p.lost.Verdict == policy.Denied:
			p.answered = 'n'
		}
	}
}

// answerKnown tells whether the engine says something about the answer, which goes back by the way that the packet came.
// Of the host to itself it does not follow that an answer which is not tracked on its way out is not on its way in either.
func answerKnown(f *policy.Flow, untracked bool) bool {
	if f.In != "" && f.In != wireTo(f.From) || f.From == f.To || f.From == f.DNATTo || f.Path == policy.Local && untracked {
		return false
	}
	n := f.Protocol.Number()
	return n == protoTCP || n == protoUDP || f.ICMPCode != nil && *f.ICMPCode == 0 && (*f.ICMPType == 8 || *f.ICMPType == 128)
}

// wireTo is the interface that leads to an address.
func wireTo(a netip.Addr) string {
	for _, list := range others {
		for _, p := range list {
			if netip.MustParseAddr(p.address) == a {
				return p.wire
			}
		}
	}
	return ""
}

func hasUntracked(s *policy.Snapshot) bool {
	return slices.ContainsFunc(s.GlobalNetworkPolicies, func(p *v3.GlobalNetworkPolicy) bool { return p.Spec.DoNotTrack })
}

// nat are the rules that rewrite the destinations of the trial's packets.
func (t *trial) nat() []string {
	var rules []string
	for i := range t.packets {
		f := &t.packets[i].flow
		if !f.DNATTo.IsValid() {
			continue
		}
		family := "ip"
		if f.To.Is6() {
			family = "ip6"
		}
		rules = append(rules, fmt.Sprintf("%s saddr %s %s daddr %s meta l4proto %d th sport %d th dport %d dnat %s to %s",
			family, f.From, family, f.To, f.Protocol.Number(), *f.SourcePort, *f.Port, family, netip.AddrPortFrom(f.DNATTo, *f.DNATPort)))
	}
	return rules
}

// arrivesAt tells whether a packet that came to an interface's other end, or to the host if that is "", came where it
// should. What is rewritten elsewhere comes to the host when it is not tracked.
func (p *probe) arrivesAt(wire string) bool {
	switch p.flow.Path {
	case policy.Output, policy.Forward:
		return wire == p.flow.Out
	case policy.DNATForward:
		return wire == p.flow.Out || wire == ""
	}
	return wire == ""
}

// answerArrivesAt is the same for its answer.
func (p *probe) answerArrivesAt(wire string) bool {
	if p.flow.Path == policy.Output || p.flow.Path == policy.Local {
		return wire == ""
	}
	return wire == p.flow.In
}
