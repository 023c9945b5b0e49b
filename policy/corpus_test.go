package policy_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

const verdictsDir = "../testdata/verdicts"

// recording is one set of objects and what a kernel did with each packet under it.
type recording struct {
	Name     string            `json:"name"`
	Objects  []json.RawMessage `json:"objects"`
	Verdicts string            `json:"verdicts"`
}

// TestVerdicts holds the engine to every packet of every recorded set.
func TestVerdicts(t *testing.T) {
	var probes struct{ Probes []policy.Flow }
	readJSON(t, filepath.Join(verdictsDir, "probes.json"), &probes)
	files, err := filepath.Glob(filepath.Join(verdictsDir, "[0-9]*.json"))
	if err != nil {
		t.Fatal(err)
	}
	packets := 0
	for _, file := range files {
		var set recording
		readJSON(t, file, &set)
		packets += len(set.Verdicts)
		t.Run(set.Name, func(t *testing.T) { checkSet(t, set, probes.Probes) })
	}
	t.Logf("%d sets, %d packets", len(files), packets)
	if len(files) != 253 || packets != 253*278 {
		t.Errorf("read %d sets and %d packets, want 253 and 253 x 278", len(files), packets)
	}
}

func checkSet(t *testing.T, set recording, probes []policy.Flow) {
	if len(set.Verdicts) != len(probes) {
		t.Fatalf("%d verdicts for %d packets", len(set.Verdicts), len(probes))
	}
	engine := policy.New(snapshotOf(t, set.Objects))
	for i, flow := range probes {
		want := policy.Allowed
		if set.Verdicts[i] == 'd' {
			want = policy.Denied
		}
		got, err := engine.Trace(flow)
		if err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		if got.Verdict != want {
			text, _ := json.Marshal(flow)
			t.Errorf("packet %d %s: %s (%+v), want %s", i, text, got.Verdict, got.Decision, want)
		}
		// Answers of other protocols were not recognised as such by the kernel, which tells nothing about policy.
		if name := flow.Protocol.Name; (name == v3.ProtocolTCP || name == v3.ProtocolUDP) && want == policy.Allowed {
			if lost := set.Verdicts[i] == 'n'; lost != (got.Return != nil && got.Return.Verdict == policy.Denied) {
				text, _ := json.Marshal(flow)
				t.Errorf("packet %d %s: the answer is lost: %v, but told is %+v", i, text, lost, got.Return)
			}
		}
	}
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// snapshotOf decodes objects. Kinds that do not touch host endpoints are left out.
func snapshotOf(t *testing.T, objects []json.RawMessage) policy.Snapshot {
	t.Helper()
	var s policy.Snapshot
	for _, object := range objects {
		var kind struct{ Kind string }
		if err := json.Unmarshal(object, &kind); err != nil {
			t.Fatal(err)
		}
		switch kind.Kind {
		case "HostEndpoint":
			s.HostEndpoints = append(s.HostEndpoints, decode[v3.HostEndpoint](t, object))
		case "GlobalNetworkPolicy":
			s.GlobalNetworkPolicies = append(s.GlobalNetworkPolicies, decode[v3.GlobalNetworkPolicy](t, object))
		case "Tier":
			s.Tiers = append(s.Tiers, decode[v3.Tier](t, object))
		case "Profile":
			s.Profiles = append(s.Profiles, decode[v3.Profile](t, object))
		case "GlobalNetworkSet":
			s.GlobalNetworkSets = append(s.GlobalNetworkSets, decode[v3.GlobalNetworkSet](t, object))
		case "NetworkSet":
			s.NetworkSets = append(s.NetworkSets, decode[policy.NetworkSet](t, object))
		case "FelixConfiguration":
			s.FelixConfigurations = append(s.FelixConfigurations, decode[v3.FelixConfiguration](t, object))
		case "Node":
			s.Nodes = append(s.Nodes, decode[v3.Node](t, object))
		case "NetworkPolicy", "StagedGlobalNetworkPolicy":
		default:
			t.Fatalf("unexpected kind %s", kind.Kind)
		}
	}
	return s
}

func decode[T any](t *testing.T, data []byte) *T {
	t.Helper()
	object := new(T)
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.DisallowUnknownFields()
	if _, isSet := any(object).(*policy.NetworkSet); isSet { // which has no apiVersion and kind
		decoder = json.NewDecoder(strings.NewReader(string(data)))
	}
	if err := decoder.Decode(object); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return object
}
