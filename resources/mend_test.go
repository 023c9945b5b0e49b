package resources

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// TestMendConfiguration leaves out what is broken and can be done without, and nothing else.
func TestMendConfiguration(t *testing.T) {
	const body = `{"kind": "KubeControllersConfiguration", "apiVersion": "projectcalico.org/v3", "metadata": {"name": "default"},
"spec": {"etcdV3CompactionPeriod": "soon", "prometheusMetricsPort": 1,
 "controllers": {"policy": {"reconcilerPeriod": "banana"}, "namespace": 5,
  "node": {"reconcilerPeriod": "2m", "leakGracePeriod": ["x"], "hostEndpoint": {"autoCreate": "Enabled"}}}},
"status": {"runningConfig": {"controllers": {"policy": {"reconcilerPeriod": "banana"}}}, "environmentVars": {"A": "b"}}}`
	rest, remarks, ok := KubeControllersConfiguration.Mend([]byte(body))
	if !ok {
		t.Fatal("it is not mended")
	}
	var got v3.KubeControllersConfiguration
	if err := json.Unmarshal(rest, &got); err != nil {
		t.Fatal(err)
	}
	port := 1
	want := v3.KubeControllersConfiguration{
		TypeMeta: metav1.TypeMeta{Kind: "KubeControllersConfiguration", APIVersion: "projectcalico.org/v3"}, ObjectMeta: metav1.ObjectMeta{Name: "default"},
		Spec: v3.KubeControllersConfigurationSpec{
			PrometheusMetricsPort: &port,
			Controllers: v3.ControllersConfig{
				Policy: &v3.ReconcilerConfig{},
				Node: &v3.NodeControllerConfig{
					ReconcilerPeriod: &metav1.Duration{Duration: 2 * time.Minute}, HostEndpoint: &v3.AutoHostEndpointConfig{AutoCreate: "Enabled"},
				},
			},
		},
		Status: v3.KubeControllersConfigurationStatus{
			RunningConfig:   &v3.KubeControllersConfigurationSpec{Controllers: v3.ControllersConfig{Policy: &v3.ReconcilerConfig{}}},
			EnvironmentVars: map[string]string{"A": "b"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var about []string
	for _, text := range remarks {
		about = append(about, strings.SplitN(text, ",", 2)[0])
	}
	wantAbout := []string{
		`spec.controllers.namespace is 5`, `spec.controllers.node.leakGracePeriod is ["x"]`, `spec.controllers.policy.reconcilerPeriod is "banana"`,
		`spec.etcdV3CompactionPeriod is "soon"`, `status.runningConfig.controllers.policy.reconcilerPeriod is "banana"`,
	}
	if diff := cmp.Diff(wantAbout, about); diff != "" {
		t.Error(diff)
	}
}

// TestMendPeriods leaves out a period that is none, or longer than any that can be, and keeps the longest.
func TestMendPeriods(t *testing.T) {
	for text, mended := range map[string]bool{`"9999999h"`: true, `"5"`: true, `""`: true, `300`: true, `"2562047h"`: false} {
		body := `{"spec": {"controllers": {"node": {"reconcilerPeriod": ` + text + `}}}}`
		_, remarks, ok := KubeControllersConfiguration.Mend([]byte(body))
		told := len(remarks) == 1 && strings.HasPrefix(remarks[0],
			"spec.controllers.node.reconcilerPeriod is "+text+", which cannot be understood and is left out, as if it were not there (")
		if ok != mended || told != mended {
			t.Errorf("%s: %v, %q", text, ok, remarks)
		}
	}
}

// TestMendRefuses keeps what nobody can do without.
func TestMendRefuses(t *testing.T) {
	for _, body := range []string{
		`{`, `5`, `{"spec": 5}`, `{"metadata": 5}`, `{"kind": {}}`, `{"spec": {"controllers": []}}`, `{"spec": {"controllers": {"node": 1}}}`,
		`{"spec": {"controllers": {"node": {"hostEndpoint": "Enabled"}}}}`,
		`{"spec": {"controllers": {"node": {"hostEndpoint": {"autoCreate": true}}}}}`,
		`{"spec": {"controllers": {"node": {"hostEndpoint": {"templates": [{"interfaceCIDRs": 1}]}}}}}`,
		`{"metadata": {"name": "default"}}`,
	} {
		if rest, remarks, ok := KubeControllersConfiguration.Mend([]byte(body)); ok {
			t.Errorf("%s is mended to %s, with %q", body, rest, remarks)
		}
	}
}
