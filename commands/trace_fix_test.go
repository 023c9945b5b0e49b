package commands

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// TestFixTurnsVerdicts carries out what is offered for packets of recorded sets, as the patches say it, and asks again.
func TestFixTurnsVerdicts(t *testing.T) {
	var probes struct{ Probes []flowQuestion }
	decodeFile(t, filepath.Join(verdictsDir, "probes.json"), &probes)
	files, err := filepath.Glob(filepath.Join(verdictsDir, "[0-9]*.json"))
	if err != nil {
		t.Fatal(err)
	}
	asked, offered := 0, 0
	for i := 0; i < len(files); i += 9 {
		var set recordedSet
		decodeFile(t, files[i], &set)
		if w, ok := worldOf(t, set); ok {
			for j := i % 11; j < len(probes.Probes); j += 11 {
				asked++
				if checkFix(t, set.Name, w, probes.Probes[j]) {
					offered++
				}
			}
		}
	}
	t.Logf("%d of %d verdicts can be turned", offered, asked)
	if offered < asked/2 {
		t.Errorf("only %d of %d verdicts can be turned", offered, asked)
	}
}

func worldOf(t *testing.T, set recordedSet) (*world, bool) {
	t.Helper()
	documents, ok := manifestOf(set)
	if !ok {
		return nil, false
	}
	w := newWorld()
	for _, item := range itemsOf(t, documents) {
		w.put(item.Object)
	}
	return w, true
}

// itemsOf are the objects of documents.
func itemsOf(t *testing.T, documents []byte) []manifest.Item {
	t.Helper()
	file := filepath.Join(t.TempDir(), "objects.yaml")
	if err := os.WriteFile(file, documents, 0o600); err != nil {
		t.Fatal(err)
	}
	input, err := manifest.Read(t.Context(), []string{file}, manifest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	checked(input.Items, "")
	return input.Items
}

// checkFix tells whether a fix is offered, and fails if it does not turn the verdict.
func checkFix(t *testing.T, set string, w *world, q flowQuestion) bool {
	t.Helper()
	tr := newTracer(t.Context(), &Deps{}, w)
	f, err := tr.ends.flow(q)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := tr.parts(q, f, tr.engine.Trace)
	if err != nil {
		t.Fatal(err)
	}
	trace := parts[0].trace
	mended := tr.fix(q, parts)
	if mended.Why != "" {
		return false
	}
	after := w.with(nil)
	for _, step := range mended.Steps {
		if step.Create != nil {
			after.put(step.Create)
			continue
		}
		key := resources.GlobalNetworkPolicy.Key(step.Policy)
		after.put(patchedBy(t, after.objects[key].(*v3.GlobalNetworkPolicy), step))
	}
	turned, err := policy.New(after.snapshot()).Judge(f)
	if err != nil || turned.Verdict != mended.Verdict || turned.Verdict == trace.Verdict {
		t.Errorf("%s: %+v is %s after %s, want %s (%v)", set, f, turned.Verdict, mended, mended.Verdict, err)
	}
	for _, c := range policy.Diff(tr.engine, policy.New(after.snapshot())) {
		if harmed := map[policy.Verdict]policy.Set{policy.Denied: c.Allowed, policy.Allowed: c.Denied}[mended.Verdict]; !harmed.Empty() {
			t.Errorf("%s: %s turns other traffic the other way: %+v", set, mended, harmed.Boxes())
		}
	}
	return true
}

// patchedBy applies the JSON patch of a step, which must come to what the step was judged by.
func patchedBy(t *testing.T, p *v3.GlobalNetworkPolicy, step fixStep) *v3.GlobalNetworkPolicy {
	t.Helper()
	before, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := json.Marshal(step.Patch)
	if err != nil {
		t.Fatal(err)
	}
	text, err := applyPatch(before, patch, patchJSON)
	if err != nil {
		t.Fatalf("%s: %v", patch, err)
	}
	after := &v3.GlobalNetworkPolicy{}
	if err := json.Unmarshal(text, after); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(after.Spec, step.after.Spec) {
		t.Errorf("%s makes %+v, want %+v", patch, after.Spec, step.after.Spec)
	}
	return after
}

const rewrittenWorld = `
apiVersion: projectcalico.org/v3
kind: Node
metadata: {name: n1}
spec: {interfaces: [{name: eth0, addresses: [10.66.0.1]}, {name: eth1, addresses: [10.67.0.1]}]}
---
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: e0, labels: {at: eth0}}
spec: {node: n1, interfaceName: eth0, expectedIPs: [10.66.0.1]}
---
apiVersion: projectcalico.org/v3
kind: Tier
metadata: {name: first}
spec: {order: 1}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: entry}
spec:
  selector: at == 'eth0'
  preDNAT: true
  applyOnForward: true
  ingress: [{action: Deny, protocol: TCP, destination: {notPorts: [30080]}}]
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: first.web}
spec:
  tier: first
  selector: at == 'eth0'
  applyOnForward: true
  ingress:
  - {action: Allow, protocol: TCP, source: {notNets: [10.0.0.0/8]}, destination: {ports: [80]}}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: inside}
spec: {selector: at == 'eth0', applyOnForward: true, ingress: [{action: Allow, source: {nets: [10.0.0.0/8]}}]}
`

// TestFixFollowsDNAT is about a change that opens what DNAT rewrites, and nothing else: a difference does not show it.
func TestFixFollowsDNAT(t *testing.T) {
	w := newWorld().with(itemsOf(t, []byte(rewrittenWorld)))
	tr := newTracer(t.Context(), &Deps{}, w)
	q := flowQuestion{
		Node: "n1", Path: policy.DNATForward, In: "eth0", Out: "eth1", From: "192.0.2.9", To: "10.66.0.1",
		Protocol: v3.Protocol{Name: v3.ProtocolTCP}, Port: new(uint16(30080)), DNATTo: "10.67.0.5", DNATPort: new(uint16(80)),
	}
	f, err := tr.ends.flow(q)
	if err != nil {
		t.Fatal(err)
	}
	trace, err := tr.engine.Trace(f)
	if err != nil || trace.Verdict != policy.Allowed {
		t.Fatalf("%s, %v", trace.Verdict, err)
	}
	changed := w.objects[resources.GlobalNetworkPolicy.Key("first.web")].(*v3.GlobalNetworkPolicy).DeepCopy()
	changed.Spec.Ingress = append([]v3.Rule{{Action: v3.Pass, Protocol: &q.Protocol, Destination: v3.EntityRule{Ports: []v3.Port{{Min: 80, Max: 80}}}}}, changed.Spec.Ingress...)
	after := w.with(nil)
	after.put(changed)
	next := &tracer{world: after, engine: tr.engine.Next(after.snapshot()), ends: tr.ends}
	m := mender{tracer: tr, question: q, trace: trace, wanted: policy.Denied}
	if harm := m.harm(policy.Diff(tr.engine, next.engine)); harm != "" {
		t.Errorf("the difference shows it: %s", harm)
	}
	size, harm := m.rewritten(next)
	if harm != "opens other traffic that is rewritten, which is denied now" || size == 0 {
		t.Errorf("harm is %q, of size %v", harm, size)
	}
	q.DNATTo, q.DNATPort = "", nil
	m.trace.Flow.DNATTo, m.trace.Flow.DNATPort = netip.Addr{}, nil
	if size, harm := m.rewritten(next); size != 0 || harm != "" {
		t.Errorf("what is not rewritten: harm is %q, of size %v", harm, size)
	}
}
