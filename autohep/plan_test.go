package autohep_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// leaving has an endpoint be deleted once its finalizers are done.
func leaving(h *v3.HostEndpoint) {
	h.DeletionTimestamp, h.Finalizers = &metav1.Time{Time: time.Unix(1000, 0)}, list("me")
}

func TestPlan(t *testing.T) {
	mine := changed(endpoint("mine", "n1", "eth0"), func(h *v3.HostEndpoint) { h.Labels = nil })
	tests := []struct {
		name     string
		nodes    []*v3.Node
		existing []*v3.HostEndpoint
		config   autohep.Config
		want     autohep.Changes
		problems []string
	}{
		{
			name:     "off",
			nodes:    list(host("n1")),
			existing: list(endpoint("n1-auto-hep", "n1", "*"), mine, endpoint("a", "gone", "eth0")),
			config:   autohep.Config{CreateDefault: true, Templates: list(v3.Template{NodeSelector: "bad ="})},
			want:     autohep.Changes{Delete: list(endpoint("a", "gone", "eth0"), endpoint("n1-auto-hep", "n1", "*"))},
		},
		{
			name:     "new, changed and stale, sorted by name",
			nodes:    list(host("n3"), host("n2", "10.0.0.2"), host("n1"), host("n0")),
			existing: list(endpoint("n2-auto-hep", "n2", "*"), endpoint("z", "n2", "eth0"), endpoint("n1-auto-hep", "n1", "*"), endpoint("gone-auto-hep", "gone", "*"), mine),
			config:   everything(),
			want: autohep.Changes{
				Create: list(endpoint("n0-auto-hep", "n0", "*"), endpoint("n3-auto-hep", "n3", "*")),
				Update: list(endpoint("n2-auto-hep", "n2", "*", "10.0.0.2")),
				Delete: list(endpoint("gone-auto-hep", "gone", "*"), endpoint("z", "n2", "eth0")),
			},
		},
		{
			name:     "an endpoint that has wandered to another node",
			nodes:    list(host("n1"), host("n2")),
			existing: list(endpoint("n1-auto-hep", "n2", "*"), endpoint("n2-auto-hep", "n2", "*")),
			config:   everything(),
			want:     autohep.Changes{Update: list(endpoint("n1-auto-hep", "n1", "*"))},
		},
		{
			name:  "endpoints that are being deleted",
			nodes: list(host("n1"), host("n2", "10.0.0.2")),
			existing: list(
				changed(endpoint("n1-auto-hep", "n1", "*"), leaving), changed(endpoint("n2-auto-hep", "n2", "*"), leaving),
				changed(endpoint("z", "n2", "eth0"), leaving)),
			config: everything(),
			problems: list(
				`Node "n1": host endpoint "n1-auto-hep" is being deleted, and waits for its finalizers ["me"]. It is made anew when it is gone.`,
				`Node "n2": host endpoint "n2-auto-hep" is being deleted, and waits for its finalizers ["me"]. It is made anew when it is gone.`),
		},
		{
			name:  "names that are taken",
			nodes: list(host("n1"), host("n2"), host("n3")),
			existing: list(
				changed(mine, func(h *v3.HostEndpoint) { h.Name = "n1-auto-hep" }),
				changed(endpoint("n2-auto-hep", "n2", "*"), func(h *v3.HostEndpoint) { h.Labels[v3.LabelCreatedBy] = "me" }),
				changed(endpoint("n3-auto-hep", "n3", "*"), func(h *v3.HostEndpoint) { h.Labels = nil })),
			config: everything(),
			want:   autohep.Changes{Update: list(endpoint("n3-auto-hep", "n3", "*"))},
			problems: list(
				`Node "n1": host endpoint "n1-auto-hep" is needed, but there is one of that name that is not automatic.`,
				`Node "n2": host endpoint "n2-auto-hep" is as it should be, but its label projectcalico.org/created-by has been changed`),
		},
		{
			name:  "one name on two nodes goes to the first",
			nodes: list(host("n-x", "10.0.0.2"), host("n", "10.0.0.1")),
			config: only(
				v3.Template{GenerateName: "y", InterfaceCIDRs: list("10.0.0.2")},
				v3.Template{GenerateName: "x-y", InterfaceCIDRs: list("10.0.0.1")}),
			want:     autohep.Changes{Create: list(endpoint("n-x-y-auto-hep", "n", "", "10.0.0.1"))},
			problems: list(`Node "n-x": it would have a host endpoint named "n-x-y-auto-hep", but that is the name of one of node "n".`),
		},
		{
			name:     "one name on two nodes stays with the one that has it",
			nodes:    list(host("n-x", "10.0.0.2"), host("n", "10.0.0.1")),
			existing: list(endpoint("n-x-y-auto-hep", "n-x", "", "10.0.0.2")),
			config: only(
				v3.Template{GenerateName: "y", InterfaceCIDRs: list("10.0.0.2")},
				v3.Template{GenerateName: "x-y", InterfaceCIDRs: list("10.0.0.1")}),
			problems: list(`Node "n": it would have a host endpoint named "n-x-y-auto-hep", but that is the name of one of node "n-x".`),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, problems := autohep.Plan(tt.nodes, tt.existing, tt.config)
			wantChanges(t, tt.want, got)
			wantProblems(t, tt.problems, problems)
		})
	}
}

// TestBrokenTemplatesUnprotectNothing has endpoints of every kind on a node, and breaks
// the template that they are from.
func TestBrokenTemplatesUnprotectNothing(t *testing.T) {
	node := withInterface(withInterface(labelled(host("n", "10.0.0.1", "172.16.0.1"), "a", "b"), "eth0"), "Bad", "10.0.0.3")
	existing := list(
		endpoint("n-t-auto-hep", "n", "", "172.16.0.1"),
		endpoint("n-t-eth0-auto-hep", "n", "eth0"),
		endpoint("n-t-eth9-auto-hep", "n", "eth9"), // Of an interface that is gone.
		changed(endpoint("n-t-eth0-auto-hep", "n", "eth0"), func(h *v3.HostEndpoint) { h.Name = "n-u-eth0-auto-hep" }),
		endpoint("gone-t-auto-hep", "gone", "", "10.0.0.1"),
		endpoint("n-t-Bad-auto-hep", "n", "eth8")) // Edited.
	stale := list(existing[4], existing[3])
	tests := []struct {
		name     string
		template v3.Template
		deleted  []*v3.HostEndpoint
	}{
		{"selector", v3.Template{GenerateName: "t", NodeSelector: "a =", InterfaceCIDRs: list("172.16.0.0/12")}, stale},
		{"pattern", v3.Template{GenerateName: "t", InterfacePattern: "("}, stale},
		{"label", v3.Template{GenerateName: "t", InterfacePattern: ".", Labels: map[string]string{"!": ""}}, stale},
		{"network", v3.Template{GenerateName: "t", InterfaceCIDRs: list("10.0.0.0/8", "172.16.0.0./12")}, stale},
		{
			"pattern, but the node is not selected",
			v3.Template{GenerateName: "t", InterfacePattern: "(", NodeSelector: "a != 'b'"},
			list(existing[4], existing[5], existing[0], existing[1], existing[2], existing[3]),
		},
		{
			"nothing",
			v3.Template{GenerateName: "t", InterfaceCIDRs: list("192.168.0.0/16")},
			list(existing[4], existing[5], existing[0], existing[1], existing[2], existing[3]),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, problems := autohep.Plan(list(node), existing, only(tt.template))
			wantChanges(t, autohep.Changes{Delete: tt.deleted}, got)
			if tt.name != "nothing" && len(problems) != 1 {
				t.Errorf("problems: %v, want one", problems)
			}
		})
	}
}

// TestBrokenTemplateWithoutName may have made what has the default endpoint's name, but
// not a default endpoint.
func TestBrokenTemplateWithoutName(t *testing.T) {
	config := only(v3.Template{NodeSelector: "a =", InterfaceCIDRs: list("10.0.0.0/8")})
	existing := list(endpoint("n1-auto-hep", "n1", "*"), endpoint("n2-auto-hep", "n2", "", "10.0.0.1"))
	got, _ := autohep.Plan(list(host("n1"), host("n2")), existing, config)
	wantChanges(t, autohep.Changes{Delete: existing[:1]}, got)
}

// TestPlanForSomeNodes plans node by node, as a controller does, and has the same in the
// end as a plan for all.
func TestPlanForSomeNodes(t *testing.T) {
	planner, _ := autohep.NewPlanner(everything(v3.Template{GenerateName: "t", InterfaceCIDRs: list("10.0.0.0/8")}))
	nodes := list(host("n1", "10.0.0.1"), host("n2"))
	existing := list(
		endpoint("n1-auto-hep", "n1", "eth0"), endpoint("n1-stale", "n1", "eth0"),
		endpoint("n2-t-auto-hep", "n2", "", "10.0.0.2"), endpoint("gone-auto-hep", "gone", "*"))
	want, _ := planner.Plan(nodes, existing)

	var got autohep.Changes
	for _, part := range []struct {
		nodes    []*v3.Node
		existing []*v3.HostEndpoint
	}{{nil, existing[3:]}, {nodes[:1], existing[:2]}, {nodes[1:], existing[2:3]}} {
		changes, _ := planner.Plan(part.nodes, part.existing)
		got.Create = append(got.Create, changes.Create...)
		got.Update = append(got.Update, changes.Update...)
		got.Delete = append(got.Delete, changes.Delete...)
	}
	wantChanges(t, want, got)
	wantChanges(t, autohep.Changes{
		Create: list(endpoint("n1-t-auto-hep", "n1", "", "10.0.0.1"), endpoint("n2-auto-hep", "n2", "*")),
		Update: list(endpoint("n1-auto-hep", "n1", "*", "10.0.0.1")),
		Delete: list(existing[3], existing[1], existing[2]),
	}, got)
}

func TestInvalidEndpointStays(t *testing.T) {
	node := withInterface(host("n"), "averylonginterface")
	existing := list(endpoint("n-t-averylonginterface-auto-hep", "n", "eth0"))
	got, problems := autohep.Plan(list(node), existing, only(v3.Template{GenerateName: "t", InterfacePattern: "."}))
	wantChanges(t, autohep.Changes{}, got)
	wantProblems(t, list(`Node "n": its host endpoint "n-t-averylonginterface-auto-hep" would not be valid`), problems)
}

// TestEveryEditIsRepaired changes every field that there is, one at a time.
func TestEveryEditIsRepaired(t *testing.T) {
	node := labelled(host("n", "10.0.0.1", "10.0.0.2"), "a", "b")
	right := changed(endpoint("n-auto-hep", "n", "*", "10.0.0.1", "10.0.0.2"), func(h *v3.HostEndpoint) { h.Labels["a"] = "b" })
	edits := map[string]func(*v3.HostEndpoint){
		"label added":      func(h *v3.HostEndpoint) { h.Labels["x"] = "" },
		"label changed":    func(h *v3.HostEndpoint) { h.Labels["a"] = "c" },
		"label removed":    func(h *v3.HostEndpoint) { delete(h.Labels, "a") },
		"annotation added": func(h *v3.HostEndpoint) { h.Annotations = map[string]string{"x": ""} },
		"order":            func(h *v3.HostEndpoint) { h.Spec.ExpectedIPs = list("10.0.0.2", "10.0.0.1") },
	}
	spec := map[string]func(*v3.HostEndpointSpec){
		"Node":          func(s *v3.HostEndpointSpec) { s.Node = "other" },
		"InterfaceName": func(s *v3.HostEndpointSpec) { s.InterfaceName = "eth0" },
		"ExpectedIPs":   func(s *v3.HostEndpointSpec) { s.ExpectedIPs = nil },
		"Profiles":      func(s *v3.HostEndpointSpec) { s.Profiles = nil },
		"Ports":         func(s *v3.HostEndpointSpec) { s.Ports = list(v3.EndpointPort{Name: "http", Port: 80}) },
	}
	for field := range reflect.TypeFor[v3.HostEndpointSpec]().Fields() {
		edit, ok := spec[field.Name]
		if !ok {
			t.Fatalf("there is no edit of spec field %s", field.Name)
		}
		edits[field.Name] = func(h *v3.HostEndpoint) { edit(&h.Spec) }
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			got, problems := autohep.Plan(list(node), list(changed(right, edit)), everything())
			wantChanges(t, autohep.Changes{Update: list(right)}, got)
			wantProblems(t, nil, problems)
		})
	}
}

func TestUpdateKeepsWhatIsNotOurs(t *testing.T) {
	stored := changed(endpoint("n-auto-hep", "n", "eth0"), func(h *v3.HostEndpoint) {
		h.UID, h.ResourceVersion, h.Generation = "u", "7", 3
		h.CreationTimestamp = metav1.NewTime(time.Unix(1, 0))
		h.OwnerReferences = list(metav1.OwnerReference{Name: "o"})
		h.Finalizers = list("f")
		h.ManagedFields = list(metav1.ManagedFieldsEntry{Manager: "m"})
		h.TypeMeta = metav1.TypeMeta{}
	})
	before := stored.DeepCopy()
	got, _ := autohep.Plan(list(host("n")), list(stored), everything())
	want := changed(stored, func(h *v3.HostEndpoint) {
		h.TypeMeta = endpoint("", "", "").TypeMeta
		h.Spec.InterfaceName = "*"
	})
	wantChanges(t, autohep.Changes{Update: list(want)}, got)
	if diff := cmp.Diff(before, stored); diff != "" {
		t.Errorf("the stored object has changed:\n%s", diff)
	}
}

func TestConfigFrom(t *testing.T) {
	kcc := func(section *v3.AutoHostEndpointConfig) *v3.KubeControllersConfiguration {
		c := &v3.KubeControllersConfiguration{}
		c.Spec.Controllers.Node = &v3.NodeControllerConfig{HostEndpoint: section}
		return c
	}
	templates := list(v3.Template{GenerateName: "t"})
	tests := []struct {
		name string
		kcc  *v3.KubeControllersConfiguration
		want autohep.Config
	}{
		{"no object", nil, autohep.Config{}},
		{"empty object", &v3.KubeControllersConfiguration{}, autohep.Config{}},
		{"no section", kcc(nil), autohep.Config{}},
		{"as every cluster begins", resources.NewKubeControllersConfiguration(), autohep.Config{CreateDefault: true}},
		{"empty section", kcc(&v3.AutoHostEndpointConfig{}), autohep.Config{CreateDefault: true}},
		{"on", kcc(&v3.AutoHostEndpointConfig{AutoCreate: "Enabled", Templates: templates}), everything(templates...)},
		{"letter case", kcc(&v3.AutoHostEndpointConfig{AutoCreate: "enabled", CreateDefaultHostEndpoint: "enabled"}), autohep.Config{}},
		{"no default", kcc(&v3.AutoHostEndpointConfig{AutoCreate: "Enabled", CreateDefaultHostEndpoint: "Disabled"}), only()},
		{"default explicit", kcc(&v3.AutoHostEndpointConfig{AutoCreate: "Enabled", CreateDefaultHostEndpoint: "Enabled"}), everything()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, autohep.ConfigFrom(tt.kcc)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
