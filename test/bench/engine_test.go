package main

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// The sizes that the goals of the engine are about.
const (
	fewEndpoints, fewPolicies   = 1_000, 100
	manyEndpoints, manyPolicies = 5_000, 1_000
)

const zones = 10

// endpoint is one of a cluster in which every tenth has the same role, and every tenth of those is in the same zone.
func endpoint(i int) *v3.HostEndpoint {
	h := &v3.HostEndpoint{Spec: v3.HostEndpointSpec{
		Node: nodeName(i), InterfaceName: v3.AllInterfaces, ExpectedIPs: []string{addressAt("10.0.0.1", i).String()},
		Profiles: []string{v3.ProfileDefaultAllow},
	}}
	h.Name = nodeName(i) + "-auto-hep"
	h.Labels = map[string]string{"role": fmt.Sprintf("role-%d", i%zones), "zone": fmt.Sprintf("zone-%d", i/zones%zones)}
	return h
}

// twoPorts is a policy about one role in one zone. It opens two ports to another role.
func twoPorts(i int) *v3.GlobalNetworkPolicy {
	tcp := v3.Protocol{Name: v3.ProtocolTCP}
	port := uint16(1024 + i*2%60000)
	p := &v3.GlobalNetworkPolicy{Spec: v3.GlobalNetworkPolicySpec{
		Selector: fmt.Sprintf("role == 'role-%d' && zone == 'zone-%d'", i%zones, i/zones%zones),
		Types:    []v3.PolicyType{v3.PolicyTypeIngress},
		Ingress: []v3.Rule{{
			Action: v3.Allow, Protocol: &tcp, Source: v3.EntityRule{Selector: fmt.Sprintf("role == 'role-%d'", (i+i/zones)%zones)},
			Destination: v3.EntityRule{Ports: []v3.Port{{Min: port, Max: port}, {Min: port + 1, Max: port + 1}}},
		}},
	}}
	order := float64(i)
	p.Name, p.Spec.Order = fmt.Sprintf("policy-%05d", i), &order
	return p
}

func snapshot(endpoints, policies int) policy.Snapshot {
	var s policy.Snapshot
	for i := range endpoints {
		s.HostEndpoints = append(s.HostEndpoints, endpoint(i))
	}
	for i := range policies {
		s.GlobalNetworkPolicies = append(s.GlobalNetworkPolicies, twoPorts(i))
	}
	return s
}

// connectivity lists all that is open, as the command does.
func connectivity(tb testing.TB, s policy.Snapshot) {
	tb.Helper()
	engine, boxes := policy.New(s), 0
	for _, c := range engine.Connections(policy.Query{Paths: []policy.Path{policy.Input, policy.Output, policy.Local, policy.Forward}}) {
		boxes += len(c.Allowed.Outlines())
	}
	if boxes == 0 || engine.Err() != nil {
		tb.Fatalf("%d boxes are open: %v", boxes, engine.Err())
	}
}

// BenchmarkEngineConnectivity is about the whole connectivity, at 1, 2, 4 and 8 times the endpoints and the policies.
// The goals: 1 s for 1,000 endpoints and 100 policies, 10 s for 5,000 and 1,000; no worse than linear in endpoints.
func BenchmarkEngineConnectivity(b *testing.B) {
	sizes := [][2]int{{manyEndpoints, manyPolicies}}
	for _, times := range []int{1, 2, 4, 8} {
		sizes = append(sizes, [2]int{times * fewEndpoints, fewPolicies})
	}
	for _, times := range []int{2, 4, 8} {
		sizes = append(sizes, [2]int{fewEndpoints, times * fewPolicies})
	}
	for _, size := range sizes {
		b.Run(fmt.Sprintf("endpoints=%d/policies=%d", size[0], size[1]), func(b *testing.B) {
			s := snapshot(size[0], size[1])
			b.ReportAllocs()
			for b.Loop() {
				connectivity(b, s)
			}
		})
	}
}

// BenchmarkEngineTrace is one explained flow of a loaded snapshot; the goal is 1 ms.
func BenchmarkEngineTrace(b *testing.B) {
	engine := policy.New(snapshot(manyEndpoints, manyPolicies))
	port := uint16(10250)
	trace := func(n int) {
		f := policy.Flow{
			From: addressAt("10.0.0.1", n%manyEndpoints), To: addressAt("10.0.0.1", (n+7)%manyEndpoints),
			Protocol: v3.Protocol{Name: v3.ProtocolTCP}, Port: &port,
		}
		if _, err := engine.Trace(f); err != nil {
			b.Fatal(err)
		}
	}
	for n := range manyEndpoints { // which compiles what has to be compiled
		trace(n)
	}
	n := 0
	for b.Loop() {
		n++
		trace(n)
	}
	b.ReportMetric(0.001, "goal-s")
}

// changed is the snapshot with another policy in the place of one.
func changed(s policy.Snapshot) policy.Snapshot {
	next := s
	next.GlobalNetworkPolicies = append([]*v3.GlobalNetworkPolicy(nil), s.GlobalNetworkPolicies...)
	p := next.GlobalNetworkPolicies[len(next.GlobalNetworkPolicies)/2].DeepCopy()
	p.Spec.Ingress[0].Destination.Ports = p.Spec.Ingress[0].Destination.Ports[:1]
	next.GlobalNetworkPolicies[len(next.GlobalNetworkPolicies)/2] = p
	return next
}

// BenchmarkEngineDiff compares 5,000 endpoints and 1,000 policies with one changed policy, from the objects on; the goal
// is 0.5 s.
func BenchmarkEngineDiff(b *testing.B) {
	s := snapshot(manyEndpoints, manyPolicies)
	next := changed(s)
	for b.Loop() {
		before := policy.New(s)
		if len(policy.Diff(before, before.Next(next))) == 0 {
			b.Fatal("nothing changes")
		}
	}
	b.ReportMetric(0.5, "goal-s")
}

// files is a folder with a manifest for each object.
func files(b *testing.B, endpoints, policies int) string {
	b.Helper()
	folder := b.TempDir()
	for i := range endpoints {
		h := endpoint(i)
		write(b, filepath.Join(folder, fmt.Sprintf("hep-%05d.yaml", i)), fmt.Sprintf(`apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: %s, labels: {role: %s, zone: %s}}
spec: {node: %s, interfaceName: "*", expectedIPs: [%s], profiles: [%s]}
`, h.Name, h.Labels["role"], h.Labels["zone"], h.Spec.Node, h.Spec.ExpectedIPs[0], v3.ProfileDefaultAllow))
	}
	for i := range policies {
		p := twoPorts(i)
		rule := p.Spec.Ingress[0]
		write(b, filepath.Join(folder, fmt.Sprintf("policy-%05d.yaml", i)), fmt.Sprintf(`apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: %s}
spec:
  selector: %s
  order: %v
  types: [Ingress]
  ingress:
  - {action: Allow, protocol: TCP, source: {selector: %s}, destination: {ports: [%d, %d]}}
`, p.Name, p.Spec.Selector, *p.Spec.Order, rule.Source.Selector, rule.Destination.Ports[0].Min, rule.Destination.Ports[1].Min))
	}
	return folder
}

func write(b *testing.B, file, text string) {
	b.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}

// flowsFile has flows between the ends of a cluster, one in a line.
func flowsFile(b *testing.B, n, endpoints int, end func(i int) string) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "flows.jsonl")
	err := create(path, func(w io.Writer) error {
		buffered := bufio.NewWriter(w)
		at := func(i int) string { return end(i % endpoints) }
		for i := range n {
			_, _ = fmt.Fprintf(buffered, "{\"from\": %q, \"to\": %q, \"protocol\": \"TCP\", \"port\": %d}\n", at(i), at(i*7+1), 1024+i%3000)
		}
		return buffered.Flush()
	})
	if err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkCommandPolicy measures whole commands, from the start of the process to its end, on manifests alone. The
// goals: connectivity of 1,000 endpoints and 100 policies 1 s and 200 MB; a trace on 1,000 manifests 0.3 s; 10,000 flows
// 1 s. On 5,000 endpoints and 1,000 policies, lint 15 s, and 10,000 flows between names and tests 5 s each.
func BenchmarkCommandPolicy(b *testing.B) {
	w := onServer(b, `"datastoreType": "local"`)
	few, some := files(b, fewEndpoints, fewPolicies), files(b, fewEndpoints-fewPolicies, fewPolicies)
	many := files(b, manyEndpoints, manyPolicies)
	flows := flowsFile(b, 10_000, fewEndpoints, func(i int) string { return addressAt("10.0.0.1", i).String() })
	manyFlows := flowsFile(b, 10_000, manyEndpoints, nodeName)
	tests := filepath.Join(b.TempDir(), "tests.yaml")
	write(b, tests, `- {name: own port, from: all(), to: self, deny: [tcp/9099]}
- {name: role to role, from: role == 'role-1', to: role == 'role-2', deny: [tcp/80]}
- {name: the internet, from: internet, to: all(), deny: [tcp/10250]}
`)
	for _, c := range []struct {
		name string
		goal float64 // in seconds
		want expected
		args []string
	}{
		{"connectivity/endpoints=1000/policies=100", 1, expected{text: "accept"}, []string{"connectivity", "-f", few}},
		{"connectivity/endpoints=5000/policies=1000", 10, expected{text: "accept"}, []string{"connectivity", "-f", many}},
		{"lint/endpoints=5000/policies=1000", 15, expected{text: "finding"}, []string{"lint", "-f", many}},
		{"lint/lanes=512/shadowed=400", 15, expected{text: "CL202"}, []string{"lint", "-f", shadowed(b, 9, 400)}},
		{"trace/manifests=1000", 0.3, expected{text: "denied"}, []string{"trace", "-f", some, "--from", "10.0.0.1", "--to", "10.0.0.9", "--protocol", "tcp", "--port", "80"}},
		{"flows=10000/endpoints=1000/policies=100", 1, expected{lines: 10_000}, []string{"trace", "-f", few, "--flows", flows}},
		{"flows=10000/endpoints=5000/policies=1000", 5, expected{lines: 10_000}, []string{"trace", "-f", many, "--flows", manyFlows}},
		{"test/endpoints=5000/policies=1000", 5, expected{text: "3 tests"}, []string{"test", tests, "-f", many}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var total sum
			for b.Loop() {
				total.add(w.mustRun(b, c.want, append(c.args, "--base", "none")...))
			}
			total.report(b, 0)
			b.ReportMetric(c.goal, "goal-s")
		})
	}
}

// shadowed writes endpoints of which no two have the same policies, for all subsets of some labels, and policies about all
// of them, each twice.
func shadowed(b *testing.B, labels, policies int) string {
	b.Helper()
	var text strings.Builder
	for i := range 1 << labels {
		fmt.Fprintf(&text, "---\n{apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {name: %[1]s, labels: {all: ''", nodeName(i))
		for k := range labels {
			if i>>k&1 == 1 {
				fmt.Fprintf(&text, ", l%d: ''", k)
			}
		}
		fmt.Fprintf(&text, "}}, spec: {node: %s, interfaceName: '*', expectedIPs: [%s], profiles: [%s]}}\n", nodeName(i), addressAt("10.0.0.1", i), v3.ProfileDefaultAllow)
	}
	add := func(name, selector string, order, port int) {
		fmt.Fprintf(&text, "---\n{apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {name: %s}, spec: {selector: has(%s), order: %d, types: [Egress], egress: [{action: Allow, protocol: TCP, destination: {ports: [%d]}}]}}\n", name, selector, order, port)
	}
	for k := range labels {
		add(fmt.Sprintf("l%d", k), fmt.Sprintf("l%d", k), k, 30_000+k)
	}
	for i := range policies {
		add(fmt.Sprintf("first-%d", i), "all", labels+i, 1024+3*i)
		add(fmt.Sprintf("second-%d", i), "all", labels+policies+i, 1024+3*i)
	}
	file := filepath.Join(b.TempDir(), "shadowed.yaml")
	write(b, file, text.String())
	return file
}

// BenchmarkGuard measures a write among 5,000 endpoints and 1,000 policies, with the guard and without. The difference,
// which has the time in it to read all that, is to be below 0.5 s.
func BenchmarkGuard(b *testing.B) {
	w := onServer(b, fmt.Sprintf(`"datastoreType": "local", "localPath": %q`, filepath.Join(b.TempDir(), "datastore.db")))
	many := files(b, manyEndpoints, manyPolicies)
	w.mustRun(b, expected{text: "Successfully applied"}, "apply", "-f", many, "--guard=off")
	order := 2 * manyPolicies // another one each time, so that there is something to write
	for _, mode := range []string{"off", "warn"} {
		b.Run("guard="+mode, func(b *testing.B) {
			var total sum
			for b.Loop() {
				order++
				total.add(w.mustRun(b, expected{text: "Successfully patched"}, "patch", "gnp", twoPorts(manyPolicies/2).Name,
					"-p", fmt.Sprintf(`{"spec": {"order": %d}}`, order), "--guard="+mode))
			}
			total.report(b, 0)
			b.ReportMetric(0.5, "goal-s")
		})
	}
}

// BenchmarkEngineAsk is 1,000 tests of ranges, from the objects on. The goals: 1 s against 1,000 endpoints and 100
// policies, 10 s against 5,000 and 1,000.
func BenchmarkEngineAsk(b *testing.B) {
	for _, size := range []struct {
		endpoints, policies int
		goal                float64 // in seconds
	}{{fewEndpoints, fewPolicies, 1}, {manyEndpoints, manyPolicies, 10}} {
		b.Run(fmt.Sprintf("endpoints=%d/policies=%d", size.endpoints, size.policies), func(b *testing.B) {
			ask(b, snapshot(size.endpoints, size.policies))
			b.ReportMetric(size.goal, "goal-s")
		})
	}
}

func ask(b *testing.B, s policy.Snapshot) {
	b.Helper()
	roles := make([][]netip.Prefix, zones)
	for i, h := range s.HostEndpoints {
		address := netip.MustParseAddr(h.Spec.ExpectedIPs[0])
		roles[i%zones] = append(roles[i%zones], netip.PrefixFrom(address, address.BitLen()))
	}
	for b.Loop() {
		asker := policy.New(s).Asker()
		denied := 0
		for i := range 1_000 {
			first := uint16(i * 50)
			q := policy.Question{
				From: roles[i%zones], To: roles[i/zones%zones],
				Services: []policy.Box{{
					Protocols: []policy.Range{{First: 6, Last: 6}}, Ports: []policy.Range{{First: first, Last: first + 999}},
				}},
			}
			for _, answer := range asker.Ask(q) {
				if !answer.Denied.Empty() {
					denied++
				}
			}
		}
		if denied == 0 {
			b.Fatal("nothing is denied")
		}
	}
}
