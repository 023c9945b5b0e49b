package commands

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/datastore/local"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// TestCompareVersions warns of a cluster of another version, and stops nobody.
func TestCompareVersions(t *testing.T) {
	for name, c := range map[string]struct {
		cluster string
		args    []string
		want    string
	}{
		"other":        {"v3.20.0", nil, "warning: the cluster runs Calico v3.20.0 and this is calicoctl v1.2.3; --allow-version-mismatch silences this\n"},
		"same":         {"v1.2.3-0.dev", nil, ""},
		"not told":     {"", nil, ""},
		"not asked to": {"v3.20.0", []string{"--allow-version-mismatch"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			tt := &terminal{t: t, path: filepath.Join(t.TempDir(), "x.db"), build: Build{Version: "v1.2.3"}}
			store, err := local.Open(t.Context(), tt.path)
			if err != nil {
				t.Fatal(err)
			}
			info := resources.ClusterInformation.New().(*v3.ClusterInformation)
			info.Name, info.Spec.CalicoVersion = v3.DefaultName, c.cluster
			_, err = store.Create(context.WithoutCancel(t.Context()), info)
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			want := seen{0, "NAME   NODE   \n\n", c.want}
			if diff := cmp.Diff(want, tt.run(append([]string{"get", "heps"}, c.args...)...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
