package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/edfb3db0/calicoctl/policy"
)

// counts are how many packets met a rule, or came to the end of a tier or of all profiles, at a stage of an endpoint.
type counts map[string]int

// chainOf is how the names of the chains of a stage begin.
func chainOf(s policy.StageTrace) string {
	names := map[policy.StageName][2]string{
		policy.StageDoNotTrack: {"untracked-in", "untracked-out"}, policy.StagePreDNAT: {"before-dnat", ""},
		policy.StageNormal: {"to-host", "from-host"}, policy.StageForward: {"forward-from", "forward-to"},
	}[s.Stage]
	if s.Direction == policy.Egress {
		return names[1]
	}
	return names[0]
}

// add adds what a packet meets on its way, as the engine explains it. It is false if some of that cannot be known.
func (c counts) add(t policy.Trace) bool {
	if len(t.Hosts) != 1 {
		return false
	}
	for _, s := range t.Hosts[0].Stages {
		if s.Endpoint == nil {
			continue
		}
		chain := chainOf(s) + "--" + s.Endpoint.Name
		for _, list := range s.Lists {
			for _, r := range list.Rules {
				if r.Match == policy.MayMatch {
					return false
				}
				if r.Match == policy.Matched {
					c[ruleMet(chain, list, r.Rule)]++
				}
			}
			switch {
			case list.By == policy.ByTier && list.Outcome == "deny":
				c[chain+" end of tier "+list.Tier]++
			case list.By == policy.ByDefault && list.Outcome == "deny":
				c[chain+" no profile allows it"]++
			}
		}
	}
	return true
}

func ruleMet(chain string, list policy.ListTrace, r policy.RuleRef) string {
	if list.By == policy.ByFailsafe {
		return map[policy.Direction]string{policy.Ingress: "failsafe-in", policy.Egress: "failsafe-out"}[r.Direction]
	}
	kind := "GlobalNetworkPolicy"
	if list.By == policy.ByProfile {
		kind = "Profile"
	}
	return fmt.Sprintf("%s %s(%s) %s[%d] %s", chain, kind, r.Object.GetName(), r.Direction, r.Index, r.Action)
}

var (
	chainLine   = regexp.MustCompile(`^\s*chain (\S+) \{`)
	counterLine = regexp.MustCompile(`counter packets (\d+) .* comment "([^"]*)"`)
)

// countersIn reads the counters of a ruleset as nft lists it.
func countersIn(listed string) counts {
	c, chain := counts{}, ""
	for line := range strings.Lines(listed) {
		if m := chainLine.FindStringSubmatch(line); m != nil {
			parts := strings.SplitN(m[1], "--", 3)
			chain = strings.Join(parts[:min(2, len(parts))], "--")
		}
		m := counterLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		n, _ := strconv.Atoi(m[1]) // which are digits
		key := chain + " " + m[2]
		if strings.HasPrefix(chain, "failsafe-") { // where the rules of a list are not told apart
			key = chain
		}
		if n > 0 {
			c[key] += n
		}
	}
	return c
}

// differences says where a kernel counted otherwise.
func (c counts) differences(name string, counted counts) []string {
	var wrong []string
	both := maps.Clone(c)
	maps.Copy(both, counted)
	for _, key := range slices.Sorted(maps.Keys(both)) {
		if c[key] != counted[key] {
			wrong = append(wrong, fmt.Sprintf("%s: %d packets met %q, and the engine says %d", name, counted[key], key, c[key]))
		}
	}
	return wrong
}

func (c counts) sum() int {
	sum := 0
	for _, n := range c {
		sum += n
	}
	return sum
}
