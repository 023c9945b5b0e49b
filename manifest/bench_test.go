package manifest

import (
	"fmt"
	"strings"
	"testing"
)

// manyPolicies is a stream of n different policies.
func manyPolicies(n int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: policy-%d
  labels:
    team: platform
spec:
  selector: has(kubernetes-host) && environment == 'dev'
  order: %d
  ingress:
  - action: Allow
    protocol: TCP
    source:
      nets:
      - 10.0.0.0/8
    destination:
      ports:
      - 10250
      - "2379:2381"
  - action: Allow
    protocol: UDP
    destination:
      ports: [53]
  egress:
  - action: Allow
---
`, i, i)
	}
	return []byte(b.String())
}

func BenchmarkParse(b *testing.B) {
	data := manyPolicies(1000)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		items, _, mistakes := parse(b.Context(), split("policies.yaml", data), Options{})
		if len(items) != 1000 || len(mistakes) > 0 {
			b.Fatal(len(items), mistakes)
		}
	}
}
