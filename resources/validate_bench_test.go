package resources_test

import (
	"testing"

	"github.com/edfb3db0/calicoctl/resources"
)

// BenchmarkValidateGlobalNetworkPolicy measures a policy of the size that people write:
// three rules, with selectors, networks and ports.
func BenchmarkValidateGlobalNetworkPolicy(b *testing.B) {
	o, err := decode([]byte(`
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: allow-master-to-master
  labels: {team: platform}
spec:
  order: 200
  selector: has(node-role.kubernetes.io/master) && environment == 'dev'
  ingress:
  - action: Allow
    protocol: TCP
    source: {selector: has(node-role.kubernetes.io/master)}
    destination: {ports: [10250, 6443, "2379:2381", 10251, 10259, 10252, 10257]}
  - action: Allow
    protocol: TCP
    source: {nets: [10.0.0.0/8, 192.168.0.0/16]}
    destination: {ports: [22]}
  egress:
  - action: Allow
`))
	if err != nil {
		b.Fatal(err)
	}
	kind := resources.GlobalNetworkPolicy
	kind.Default(o)
	b.ReportAllocs()
	for b.Loop() {
		if errs := kind.Validate(o); len(errs) > 0 {
			b.Fatal(errs)
		}
	}
}
