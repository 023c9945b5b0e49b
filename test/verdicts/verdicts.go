// Package verdicts reads testdata/verdicts: what became of packets on a kernel that the
// agent of Calico had programmed, under many sets of objects.
package verdicts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/edfb3db0/calicoctl/policy"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Set is one set of objects and what became of each packet.
type Set struct {
	Name     string
	Snapshot policy.Snapshot
	// Verdicts has a letter for each packet: "a" for one that arrived and whose answer came
	// back, "n" for one whose answer did not, "d" for one that did not arrive.
	Verdicts string
}

// Read reads the folder: the packets, and the sets in the order of their file names.
func Read(folder string) ([]policy.Flow, []Set, error) {
	var probes struct{ Probes []policy.Flow }
	if err := readJSON(filepath.Join(folder, "probes.json"), &probes); err != nil {
		return nil, nil, err
	}
	files, err := filepath.Glob(filepath.Join(folder, "[0-9]*.json"))
	if err != nil {
		return nil, nil, err
	}
	var sets []Set
	for _, file := range files {
		var recorded struct {
			Name     string            `json:"name"`
			Objects  []json.RawMessage `json:"objects"`
			Verdicts string            `json:"verdicts"`
		}
		if err := readJSON(file, &recorded); err != nil {
			return nil, nil, err
		}
		set := Set{Name: recorded.Name, Verdicts: recorded.Verdicts}
		for _, object := range recorded.Objects {
			if err := add(&set.Snapshot, object); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", file, err)
			}
		}
		if len(set.Verdicts) != len(probes.Probes) {
			return nil, nil, fmt.Errorf("%s: %d verdicts for %d packets", file, len(set.Verdicts), len(probes.Probes))
		}
		sets = append(sets, set)
	}
	return probes.Probes, sets, nil
}

func readJSON(file string, into any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// add puts an object into a snapshot. Kinds that do not touch host endpoints are left out.
func add(s *policy.Snapshot, object []byte) (err error) {
	var kind struct{ Kind string }
	if err := json.Unmarshal(object, &kind); err != nil {
		return err
	}
	switch kind.Kind {
	case "HostEndpoint":
		s.HostEndpoints, err = decoded[v3.HostEndpoint](s.HostEndpoints, object)
	case "GlobalNetworkPolicy":
		s.GlobalNetworkPolicies, err = decoded[v3.GlobalNetworkPolicy](s.GlobalNetworkPolicies, object)
	case "Tier":
		s.Tiers, err = decoded[v3.Tier](s.Tiers, object)
	case "Profile":
		s.Profiles, err = decoded[v3.Profile](s.Profiles, object)
	case "GlobalNetworkSet":
		s.GlobalNetworkSets, err = decoded[v3.GlobalNetworkSet](s.GlobalNetworkSets, object)
	case "NetworkSet":
		s.NetworkSets, err = decoded[policy.NetworkSet](s.NetworkSets, object)
	case "FelixConfiguration":
		s.FelixConfigurations, err = decoded[v3.FelixConfiguration](s.FelixConfigurations, object)
	case "Node":
		s.Nodes, err = decoded[v3.Node](s.Nodes, object)
	case "NetworkPolicy", "StagedGlobalNetworkPolicy":
	default:
		err = fmt.Errorf("unexpected kind %s", kind.Kind)
	}
	return err
}

// decoded is the list with one more object, of which every field is known.
func decoded[T any](list []*T, data []byte) ([]*T, error) {
	object := new(T)
	decoder := json.NewDecoder(bytes.NewReader(data))
	if _, isSet := any(object).(*policy.NetworkSet); !isSet { // which has no apiVersion and kind
		decoder.DisallowUnknownFields()
	}
	if err := decoder.Decode(object); err != nil {
		return nil, fmt.Errorf("%w in %s", err, data)
	}
	return append(list, object), nil
}
