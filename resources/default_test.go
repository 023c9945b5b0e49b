package resources_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// TestDefaultTwice checks that setting defaults again changes nothing, for objects that
// lack any of the fields that have one.
func TestDefaultTwice(t *testing.T) {
	for name, draw := range map[string]func(*rapid.T) resources.Object{
		"GlobalNetworkPolicy":          drawPolicy,
		"StagedGlobalNetworkPolicy":    drawStagedPolicy,
		"Tier":                         drawTier,
		"KubeControllersConfiguration": drawControllers,
		"FelixConfiguration":           drawFelix,
	} {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			kind, _ := resources.ByName(name)
			o := draw(t)
			kind.Default(o)
			once := o.DeepCopyObject()
			kind.Default(o)
			if diff := cmp.Diff(once, o); diff != "" {
				t.Errorf("(-once +twice):\n%s", diff)
			}
		}))
	}
}

// TestDefaultKeepsWhatIsSet checks that defaults only fill gaps.
func TestDefaultKeepsWhatIsSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t).(*v3.GlobalNetworkPolicy)
		before := p.DeepCopy()
		resources.GlobalNetworkPolicy.Default(p)
		if before.Spec.Tier == "" {
			before.Spec.Tier = p.Spec.Tier
		}
		if len(before.Spec.Types) == 0 {
			before.Spec.Types = p.Spec.Types
		}
		if diff := cmp.Diff(before.Spec, p.Spec); diff != "" {
			t.Errorf("(-given +defaulted):\n%s", diff)
		}
		if got := p.Labels[v3.LabelTier]; got != p.Spec.Tier {
			t.Errorf("label %s is %q in tier %q", v3.LabelTier, got, p.Spec.Tier)
		}
	})
}

// TestFelixDefaults checks that "nothing" is told from "not given" where both exist.
func TestFelixDefaults(t *testing.T) {
	got, err := decode([]byte("kind: FelixConfiguration\nspec: {failsafeInboundHostPorts: [], floatingIPs: Enabled}"))
	if err != nil {
		t.Fatal(err)
	}
	resources.FelixConfiguration.Default(got)
	want := `{"kind":"FelixConfiguration","apiVersion":"projectcalico.org/v3","metadata":{},` +
		`"spec":{"failsafeInboundHostPorts":[],"nftablesMode":"Auto",` +
		`"nftablesFlowTableOffload":"Disabled","bpfLogLevel":"","bpfConnectTimeLoadBalancing":"TCP",` +
		`"bpfHostNetworkedNATWithoutCTLB":"Enabled","floatingIPs":"Enabled"}}`
	if diff := cmp.Diff(want, encode(t, got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// maybe draws a pointer to one of some values, or nil.
func maybe[E any](t *rapid.T, name string, values ...E) *E {
	if !rapid.Bool().Draw(t, "has "+name) {
		return nil
	}
	value := rapid.SampledFrom(values).Draw(t, name)
	return &value
}

func drawPolicySpec(t *rapid.T) v3.GlobalNetworkPolicySpec {
	rules := rapid.SliceOfN(rapid.Just(v3.Rule{Action: v3.Allow}), 0, 2)
	return v3.GlobalNetworkPolicySpec{
		Tier:    rapid.SampledFrom([]string{"", "default", "t1"}).Draw(t, "tier"),
		Order:   maybe(t, "order", 0, 1.5),
		Ingress: rules.Draw(t, "ingress"),
		Egress:  rules.Draw(t, "egress"),
		Types:   rapid.SliceOfN(rapid.SampledFrom([]v3.PolicyType{"Ingress", "Egress", "Foo"}), 0, 3).Draw(t, "types"),
	}
}

func drawMeta(t *rapid.T) metav1.ObjectMeta {
	labels := rapid.MapOf(rapid.SampledFrom([]string{"a", v3.LabelTier}), rapid.SampledFrom([]string{"", "t1", "other"}))
	return metav1.ObjectMeta{Name: "x", Labels: labels.Draw(t, "labels")}
}

func drawPolicy(t *rapid.T) resources.Object {
	return &v3.GlobalNetworkPolicy{ObjectMeta: drawMeta(t), Spec: drawPolicySpec(t)}
}

func drawStagedPolicy(t *rapid.T) resources.Object {
	return &v3.StagedGlobalNetworkPolicy{ObjectMeta: drawMeta(t), Spec: v3.StagedGlobalNetworkPolicySpec{
		StagedAction:            rapid.SampledFrom([]v3.StagedAction{"", "Set", "Delete"}).Draw(t, "stagedAction"),
		GlobalNetworkPolicySpec: drawPolicySpec(t),
	}}
}

func drawTier(t *rapid.T) resources.Object {
	return &v3.Tier{ObjectMeta: drawMeta(t), Spec: v3.TierSpec{
		Order: maybe(t, "order", 0, -1.5), DefaultAction: maybe(t, "defaultAction", v3.Pass, v3.Deny),
	}}
}

func drawControllers(t *rapid.T) resources.Object {
	return &v3.KubeControllersConfiguration{ObjectMeta: drawMeta(t), Spec: v3.KubeControllersConfigurationSpec{
		HealthChecks:          rapid.SampledFrom([]string{"", v3.Disabled}).Draw(t, "healthChecks"),
		PrometheusMetricsPort: maybe(t, "prometheusMetricsPort", 0, 1),
		Controllers: v3.ControllersConfig{
			Node: maybe(t, "node", v3.NodeControllerConfig{}, v3.NodeControllerConfig{
				LeakGracePeriod: &metav1.Duration{Duration: time.Second},
			}),
			LoadBalancer: maybe(t, "loadBalancer", v3.LoadBalancerConfig{}, v3.LoadBalancerConfig{AssignIPs: "RequestedServicesOnly"}),
		},
	}}
}

func drawFelix(t *rapid.T) resources.Object {
	f := &v3.FelixConfiguration{ObjectMeta: drawMeta(t)}
	f.Spec.NFTablesMode = maybe(t, "nftablesMode", "", v3.Enabled)
	f.Spec.NFTablesFlowTableOffload = maybe(t, "nftablesFlowTableOffload", "", v3.Enabled)
	f.Spec.BPFLogLevel = maybe(t, "bpfLogLevel", "", "Debug")
	f.Spec.BPFConnectTimeLoadBalancing = maybe(t, "bpfConnectTimeLoadBalancing", "", v3.Enabled)
	f.Spec.BPFHostNetworkedNATWithoutCTLB = maybe(t, "bpfHostNetworkedNATWithoutCTLB", "", v3.Disabled)
	f.Spec.FloatingIPs = maybe(t, "floatingIPs", "", v3.Enabled)
	return f
}
