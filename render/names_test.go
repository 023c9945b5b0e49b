package render_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// hostile are names that would be commands, if they got out of where names belong.
var hostile = []string{
	"a\n}\nflush ruleset\n", "a\"; drop", "a\\", "}", "$x", "@a", "accept", "a b", "é", "#", "*", "", strings.Repeat("x", 300), "a--tier-default",
	"\x00", "\u2028", "`id`",
}

// TestHostileNames holds a ruleset with hostile names against one with plain ones: it must be the same but for names
// and comments, whatever is in the datastore.
func TestHostileNames(t *testing.T) {
	plain := skeleton(t, nft(t, namedSnapshot("plain")).Text)
	for _, name := range hostile {
		if diff := cmp.Diff(plain, skeleton(t, nft(t, namedSnapshot(name)).Text)); diff != "" {
			t.Errorf("%q: %s", name, diff)
		}
	}
}

// namedSnapshot is one in which everything has the same name.
func namedSnapshot(name string) policy.Snapshot {
	order := 1.0
	tier := &v3.Tier{Spec: v3.TierSpec{Order: &order}}
	profile := &v3.Profile{Spec: v3.ProfileSpec{Ingress: []v3.Rule{{Action: v3.Allow}}}}
	set := &v3.GlobalNetworkSet{Spec: v3.GlobalNetworkSetSpec{Nets: []string{"10.0.0.0/8"}}}
	set.Labels = map[string]string{"label": name}
	tier.Name, profile.Name, set.Name = name, name, name
	p := gnp(name, v3.Rule{
		Action: v3.Allow, Source: v3.EntityRule{Selector: "has(label) || label == \"}; flush ruleset\""},
		Destination: v3.EntityRule{Ports: []v3.Port{{Name: "port " + name}}},
	})
	p.Spec.Tier = name
	h := endpoint(name, func(h *v3.HostEndpoint) {
		h.Spec.Profiles, h.Spec.ExpectedIPs = []string{name}, []string{"10.0.0.1"}
		h.Spec.Ports = []v3.EndpointPort{{Name: "port " + name, Protocol: v3.Protocol{Name: "TCP"}, Port: 80}}
	})
	return policy.Snapshot{
		HostEndpoints: []*v3.HostEndpoint{h}, GlobalNetworkPolicies: []*v3.GlobalNetworkPolicy{p}, Tiers: []*v3.Tier{tier},
		Profiles: []*v3.Profile{profile}, GlobalNetworkSets: []*v3.GlobalNetworkSet{set},
	}
}

var (
	// names are those of chains and sets: the words of ours before them are left.
	names    = regexp.MustCompile(`((?:chain|set|goto|jump|@) ?[a-z0-9-]*?-?[a-z0-9]+)--[A-Za-z0-9_.-]*`)
	portName = regexp.MustCompile(`port-[A-Za-z0-9_.-]+`)
	quoted   = regexp.MustCompile(`"[ -!#-~]*"`)
	comments = regexp.MustCompile(`(?m)^\s*#[ -~]*$`)
)

// skeleton is a ruleset without names and comments.
func skeleton(t *testing.T, text string) []string {
	t.Helper()
	text = comments.ReplaceAllString(text, "#")
	text = quoted.ReplaceAllString(text, `""`)
	text = names.ReplaceAllString(text, "$1")
	text = portName.ReplaceAllString(text, "port")
	return strings.Split(text, "\n")
}
