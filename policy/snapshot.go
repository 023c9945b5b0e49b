package policy

import (
	"net/netip"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Snapshot is all that verdicts follow from. The order of the lists does not matter,
// names are unique in each, and nothing is changed. Built-in tiers and the built-in
// profile need not be in it; where they are, they count as they are written.
type Snapshot struct {
	HostEndpoints         []*v3.HostEndpoint
	GlobalNetworkPolicies []*v3.GlobalNetworkPolicy
	Tiers                 []*v3.Tier
	Profiles              []*v3.Profile
	GlobalNetworkSets     []*v3.GlobalNetworkSet
	NetworkSets           []*NetworkSet
	// FelixConfigurations are "default" and those of single nodes, "node.NAME".
	FelixConfigurations []*v3.FelixConfiguration
	// Nodes say which interfaces there are, and which addresses they have.
	Nodes []*v3.Node
	// Workloads are networks in which an address may be a workload's. What a rule that
	// selects by label does with such an address is unknown. Without it no selector
	// matches an address that no object of the snapshot has.
	Workloads []netip.Prefix
}

// NetworkSet is a network set of one namespace: rule selectors that are not restricted
// to global objects mean it too.
type NetworkSet struct {
	metav1.ObjectMeta `json:"metadata"`

	Spec v3.GlobalNetworkSetSpec `json:"spec"`
}

// builtinTiers are the tiers that every datastore has.
func builtinTiers() []*v3.Tier {
	tier := func(name string, order float64, action v3.Action) *v3.Tier {
		t := &v3.Tier{Spec: v3.TierSpec{Order: &order, DefaultAction: &action}}
		t.Name = name
		return t
	}
	return []*v3.Tier{
		tier(v3.TierKubeAdmin, resources.OrderTierKubeAdmin, v3.Pass),
		tier(v3.TierDefault, resources.OrderTierDefault, v3.Deny),
		tier(v3.TierKubeBaseline, resources.OrderTierKubeBaseline, v3.Pass),
	}
}

// builtinProfile is the profile that automatic host endpoints have.
func builtinProfile() *v3.Profile {
	p := &v3.Profile{
		TypeMeta: metav1.TypeMeta{Kind: resources.Profile.Name, APIVersion: v3.GroupVersion},
		Spec:     v3.ProfileSpec{Ingress: []v3.Rule{{Action: v3.Allow}}, Egress: []v3.Rule{{Action: v3.Allow}}},
	}
	p.Name = v3.ProfileDefaultAllow
	return p
}

// allTiers is the tiers of the snapshot and the built-in ones that it lacks.
func (s *Snapshot) allTiers() []*v3.Tier {
	out := slices.Clone(s.Tiers)
	for _, builtin := range builtinTiers() {
		if !slices.ContainsFunc(s.Tiers, func(t *v3.Tier) bool { return t.Name == builtin.Name }) {
			out = append(out, builtin)
		}
	}
	return out
}

// profiles is the profiles by name.
func (s *Snapshot) profiles() map[string]*v3.Profile {
	out := map[string]*v3.Profile{v3.ProfileDefaultAllow: builtinProfile()}
	for _, p := range s.Profiles {
		out[p.Name] = p
	}
	return out
}

// defaultFailsafes is the agent's own lists.
func defaultFailsafes(inbound bool) []v3.ProtoPort {
	shared := []uint16{179, 2379, 2380, 5473, 6443, 6666, 6667}
	out := []v3.ProtoPort{{Protocol: "udp", Port: 53}, {Protocol: "udp", Port: 67}}
	if inbound {
		out = []v3.ProtoPort{{Protocol: "tcp", Port: 22}, {Protocol: "udp", Port: 68}}
	}
	for _, port := range shared {
		out = append(out, v3.ProtoPort{Protocol: "tcp", Port: port})
	}
	return out
}
