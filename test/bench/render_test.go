package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/render"
)

// forAll is a snapshot in which every policy is about every node.
func forAll(endpoints, policies int) policy.Snapshot {
	s := snapshot(endpoints, policies)
	for _, p := range s.GlobalNetworkPolicies {
		p.Spec.Selector, p.Spec.ApplyOnForward = "all()", true
	}
	return s
}

// BenchmarkRender is the ruleset of one node of 5,000 that 1,000 policies apply to, also in the forward stage; the goal
// is 0.3 s.
func BenchmarkRender(b *testing.B) {
	s := forAll(manyEndpoints, manyPolicies)
	for b.Loop() {
		if _, err := render.Nft(s, nodeName(0)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(0.3, "goal-s")
}

// BenchmarkRenderLoad is nft loading it into a network namespace that ends with it.
func BenchmarkRenderLoad(b *testing.B) {
	result, err := render.Nft(forAll(manyEndpoints, manyPolicies), nodeName(0))
	if err != nil {
		b.Fatal(err)
	}
	if out, err := exec.CommandContext(b.Context(), "unshare", "--net", "nft", "list", "ruleset").CombinedOutput(); err != nil {
		b.Skipf("SKIPPED: nft cannot be asked in a network namespace: %v: %s", err, out)
	}
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), "unshare", "--net", "nft", "-f", "-")
		cmd.Stdin = strings.NewReader(result.Text)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
	}
}
