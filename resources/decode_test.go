package resources_test

import (
	"fmt"
	"os"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/edfb3db0/calicoctl/resources"
)

const validateDir = "../testdata/validate"

// decode reads one document strictly into an object of the kind that it names.
func decode(document []byte) (resources.Object, error) {
	var head struct{ Kind string }
	if err := yaml.Unmarshal(document, &head); err != nil {
		return nil, err
	}
	kind, ok := resources.ByName(head.Kind)
	if !ok {
		return nil, fmt.Errorf("unknown kind %q", head.Kind)
	}
	o := kind.New()
	return o, yaml.UnmarshalStrict(document, o)
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
