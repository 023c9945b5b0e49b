package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
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
					c.Denied.Outlines()
					c.Allowed.Outlines()
				}
				if err := engine.Err(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// feedFiles are 100 nodes with 18 policies and a short and a long list of addresses, and two policies that keep nodes
// from them.
func feedFiles(b *testing.B) (base, blocks string) {
	b.Helper()
	base, blocks = files(b, 100, 18), b.TempDir()
	for i, networks := range []int{10_000, 100_000} {
		name := fmt.Sprintf("list-%d", networks)
		write(b, filepath.Join(base, name+".yaml"), fmt.Sprintf(
			"apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: %s, labels: {feed: %[1]s}}\nspec:\n  nets:\n  - %s\n",
			name, strings.Join(feed(networks).Spec.Nets, "\n  - ")))
		write(b, filepath.Join(blocks, name+".yaml"), fmt.Sprintf(`apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: %s}
spec:
  order: %d
  selector: all()
  types: [Ingress, Egress]
  ingress: [{action: Deny, source: {selector: feed == '%[1]s'}}, {action: %[3]s}]
  egress: [{action: Deny, destination: {selector: feed == '%[1]s'}}, {action: %[3]s}]
`, name, i-2, []string{"Log", "Allow"}[i]))
	}
	return base, blocks
}

// BenchmarkCommandFeed measures whole commands about lists of 10,000 and 100,000 addresses. The goals: connectivity 3 s,
// diff and the guard 2 s together, and 400 MB.
func BenchmarkCommandFeed(b *testing.B) {
	w := onServer(b, fmt.Sprintf(`"datastoreType": "local", "localPath": %q`, filepath.Join(b.TempDir(), "datastore.db")))
	base, blocks := feedFiles(b)
	tests := filepath.Join(b.TempDir(), "tests.yaml")
	write(b, tests, "- {name: a threat, from: 200.0.0.0/16, to: all(), allow: [tcp/8080]}\n")
	w.mustRun(b, expected{text: "Successfully applied"}, "apply", "-f", base, "--guard=off")
	for _, c := range []struct {
		name string
		want expected
		args []string
	}{
		{"connectivity", expected{text: "accept"}, []string{"connectivity", "-f", blocks}},
		{"connectivity-csv", expected{text: "allow"}, []string{"connectivity", "-f", blocks, "-o", "csv"}},
		{"apply/guard=off", expected{text: "created"}, []string{"apply", "-f", blocks, "--dry-run", "--guard=off"}},
		{"apply/guard=warn", expected{text: "created"}, []string{"apply", "-f", blocks, "--dry-run"}},
		{"diff", expected{text: "then/globalnetworkpolicy", status: 3}, []string{"diff", "-f", blocks}},
		{"trace", expected{text: "allowed"}, []string{"trace", "-f", blocks, "--from", "10.0.0.1", "--to", "10.0.0.9", "--protocol", "tcp", "--port", "80"}},
		{"trace-internet", expected{text: "unknown"}, []string{"trace", "-f", blocks, "--from", "internet", "--to", nodeName(3), "--protocol", "tcp", "--port", "80"}},
		{"test", expected{text: "1 test"}, []string{"test", tests, "-f", blocks}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var total sum
			for b.Loop() {
				total.add(w.mustRun(b, c.want, c.args...))
			}
			total.report(b, 0)
		})
	}
}
