package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// feed is a set of so many networks that lie apart, as lists of threats have them: single addresses mostly.
func feed(networks int) *v3.GlobalNetworkSet {
	random := rand.New(rand.NewPCG(1, 2))
	set := &v3.GlobalNetworkSet{}
	set.Name, set.Labels = "feed", map[string]string{"feed": "threats"}
	seen := map[netip.Prefix]bool{}
	for len(set.Spec.Nets) < networks {
		a := netip.AddrFrom4([4]byte{byte(11 + random.IntN(100)), byte(random.IntN(256)), byte(random.IntN(256)), byte(random.IntN(256))})
		p := netip.PrefixFrom(a, 32-8*(len(set.Spec.Nets)%10/9)).Masked()
		if !seen[p] {
			seen[p] = true
			set.Spec.Nets = append(set.Spec.Nets, p.String())
		}
	}
	return set
}

// blocking denies what comes from a feed, and what goes there.
func blocking() *v3.GlobalNetworkPolicy {
	threats := v3.EntityRule{Selector: "feed == 'threats'"}
	p := &v3.GlobalNetworkPolicy{Spec: v3.GlobalNetworkPolicySpec{
		Order: new(float64(0)), Selector: "all()", Types: []v3.PolicyType{v3.PolicyTypeIngress, v3.PolicyTypeEgress},
		Ingress: []v3.Rule{{Action: v3.Deny, Source: threats}, {Action: v3.Allow}},
		Egress:  []v3.Rule{{Action: v3.Deny, Destination: threats}, {Action: v3.Allow}},
	}}
	p.Name = "block"
	return p
}

// BenchmarkEngineFeed is about 100 nodes that a long list of addresses is kept from.
func BenchmarkEngineFeed(b *testing.B) {
	for _, networks := range []int{10_000, 100_000} {
		before := snapshot(100, 20)
		before.GlobalNetworkSets = []*v3.GlobalNetworkSet{feed(networks)}
		after := before
		after.GlobalNetworkPolicies = append(slices.Clip(after.GlobalNetworkPolicies), blocking())
		b.Run(fmt.Sprintf("connectivity/%d", networks), func(b *testing.B) {
			for b.Loop() {
				connectivity(b, after)
			}
		})
		b.Run(fmt.Sprintf("diff/%d", networks), func(b *testing.B) {
			for b.Loop() {
				engine := policy.New(before)
				for _, c := range policy.Diff(engine, engine.Next(after)) {
					c.Denied.Boxes()
					c.Allowed.Boxes()
				}
			}
		})
	}
}
