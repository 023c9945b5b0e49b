package autohep_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/edfb3db0/calicoctl/autohep"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

func TestTemplates(t *testing.T) {
	// Two interfaces, one address that is on none of them, and one that is spelled long.
	node := func() *v3.Node {
		n := labelled(host("n", "172.16.0.1", "fd00:0::1"), "role", "db", "zone", "a")
		return withInterface(withInterface(n, "eth0", "10.0.0.1"), "eth1", "fd00:0::2", "10.0.0.2")
	}
	marked := func(h *v3.HostEndpoint, pairs ...string) *v3.HostEndpoint {
		h.Labels = pairMap(append(pairs, v3.LabelCreatedBy, v3.CreatedByController))
		return h
	}
	own := func(name, iface string, addresses ...string) *v3.HostEndpoint {
		return marked(endpoint(name, "n", iface, addresses...), "role", "db", "zone", "a")
	}
	tests := []struct {
		name      string
		templates []v3.Template
		want      []*v3.HostEndpoint
		problems  []string
	}{
		{
			name: "networks choose addresses, in the node's order and canonical",
			templates: list(
				v3.Template{GenerateName: "v6", InterfaceCIDRs: list("fd00::/16")},
				v3.Template{GenerateName: "v4", InterfaceCIDRs: list("10.0.0.77/24", "172.16.0.0/12")},
				v3.Template{GenerateName: "none", InterfaceCIDRs: list("192.168.0.0/16")}),
			want: list(
				own("n-v6-auto-hep", "", "fd00::1", "fd00::2"),
				own("n-v4-auto-hep", "", "172.16.0.1", "10.0.0.1", "10.0.0.2")),
		},
		{
			name: "an address alone is a network",
			templates: list(
				v3.Template{GenerateName: "v4", InterfaceCIDRs: list("10.0.0.2")},
				v3.Template{GenerateName: "v6", InterfaceCIDRs: list("fd00:0::2")},
				v3.Template{GenerateName: "mapped", InterfaceCIDRs: list("::ffff:10.0.0.1")},
				v3.Template{GenerateName: "mappednet", InterfaceCIDRs: list("::ffff:10.0.0.0/104")}),
			want: list(
				own("n-v4-auto-hep", "", "10.0.0.2"), own("n-v6-auto-hep", "", "fd00::2"), own("n-mapped-auto-hep", "", "10.0.0.1"),
				own("n-mappednet-auto-hep", "", "10.0.0.1", "10.0.0.2")),
		},
		{
			name: "a pattern finds interfaces, anywhere in their names",
			templates: list(
				v3.Template{GenerateName: "all", InterfacePattern: "th"},
				v3.Template{GenerateName: "one", InterfacePattern: "1$", InterfaceCIDRs: list("10.0.0.0/8")},
				v3.Template{GenerateName: "none", InterfacePattern: "^ens"}),
			want: list(
				own("n-all-eth0-auto-hep", "eth0", "10.0.0.1"),
				own("n-all-eth1-auto-hep", "eth1", "fd00:0::2", "10.0.0.2"),
				own("n-one-eth1-auto-hep", "eth1", "10.0.0.1", "10.0.0.2", "fd00:0::2")),
		},
		{
			name:      "each interface adds its own addresses to those that all have",
			templates: list(v3.Template{GenerateName: "t", InterfacePattern: "eth", InterfaceCIDRs: list("172.16.0.0/12", "10.0.0.2", "fd00::1")}),
			want: list(
				own("n-t-eth0-auto-hep", "eth0", "172.16.0.1", "fd00::1", "10.0.0.2", "10.0.0.1"),
				own("n-t-eth1-auto-hep", "eth1", "172.16.0.1", "fd00::1", "10.0.0.2", "fd00:0::2")),
		},
		{
			name: "selectors see the node's labels",
			templates: list(
				v3.Template{GenerateName: "yes", InterfaceCIDRs: list("10.0.0.1"), NodeSelector: "role == 'db'"},
				v3.Template{GenerateName: "no", InterfaceCIDRs: list("10.0.0.1"), NodeSelector: "!has(zone)"}),
			want: list(own("n-yes-auto-hep", "", "10.0.0.1")),
		},
		{
			name: "labels go over those of the node, annotations are the template's",
			templates: list(v3.Template{
				GenerateName: "t", InterfaceCIDRs: list("10.0.0.1"),
				Labels:      map[string]string{"role": "web", "empty": "", v3.LabelCreatedBy: "me"},
				Annotations: map[string]string{"a": "b"},
			}),
			want: list(changed(
				marked(endpoint("n-t-auto-hep", "n", "", "10.0.0.1"), "role", "web", "empty", "", "zone", "a"),
				func(h *v3.HostEndpoint) { h.Annotations = map[string]string{"a": "b"} })),
		},
		{
			name: "without generateName the name is that of a default endpoint",
			templates: list(
				v3.Template{InterfaceCIDRs: list("10.0.0.1")},
				v3.Template{InterfacePattern: "eth"}),
			want:     list(own("n-auto-hep", "", "10.0.0.1")),
			problems: list(`Template number 2 (which has no generateName): it has an interfacePattern and makes no host endpoints`),
		},
		{
			name:      "neither network nor pattern",
			templates: list(v3.Template{GenerateName: "idle"}),
			problems:  list(`Template "idle": it has neither interfaceCIDRs nor interfacePattern and makes no host endpoints.`),
		},
		{
			name: "the first of two with one name has it",
			templates: list(
				v3.Template{GenerateName: "a-eth0", InterfaceCIDRs: list("10.0.0.1")},
				v3.Template{GenerateName: "a", InterfacePattern: "eth"}),
			want: list(
				own("n-a-eth0-auto-hep", "", "10.0.0.1"),
				own("n-a-eth1-auto-hep", "eth1", "fd00:0::2", "10.0.0.2")),
			problems: list(`Node "n": template "a" would make a host endpoint named "n-a-eth0-auto-hep", ` +
				`but that is the name of one of template "a-eth0", which comes first.`),
		},
		{
			name: "mistakes concern one template only",
			templates: list(
				v3.Template{GenerateName: "sel", InterfaceCIDRs: list("10.0.0.1"), NodeSelector: "role ="},
				v3.Template{GenerateName: "pat", InterfacePattern: "eth["},
				v3.Template{GenerateName: "net", InterfaceCIDRs: list("10.0.0.1", "10/8")},
				v3.Template{GenerateName: "lab", InterfaceCIDRs: list("10.0.0.1"), Labels: map[string]string{"no good": "x"}},
				v3.Template{GenerateName: "Gen", InterfaceCIDRs: list("10.0.0.1")},
				v3.Template{GenerateName: "fine", InterfaceCIDRs: list("10.0.0.1")}),
			want: list(own("n-fine-auto-hep", "", "10.0.0.1")),
			problems: list(
				`Template "Gen": its generateName leads to names that are not valid, such as "node-Gen-auto-hep" (`,
				`Template "lab": its labels or annotations are not valid (`,
				`Template "net": interfaceCIDRs[1] is "10/8", which is neither a network nor an IP address.`,
				`Template "pat": interfacePattern "eth[" does not parse (`,
				`Template "sel": nodeSelector "role =" does not parse (`),
		},
		{
			name: "a bad network does not matter where the others cover the node",
			templates: list(
				v3.Template{GenerateName: "net", InterfaceCIDRs: list("nonsense", "0.0.0.0/0", "::/0")}),
			want:     list(own("n-net-auto-hep", "", "172.16.0.1", "fd00::1", "10.0.0.1", "fd00::2", "10.0.0.2")),
			problems: list(`Template "net": interfaceCIDRs[0] is "nonsense"`),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			planner, problems := autohep.NewPlanner(only(tt.templates...))
			got, more := planner.Desired(node())
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("endpoints (-want +got):\n%s", diff)
			}
			wantProblems(t, tt.problems, append(problems, more...))
		})
	}
}

func TestInvalidEndpoints(t *testing.T) {
	node := withInterface(withInterface(host("n"), "Eth0", "10.0.0.1"), "eth1", "10.0.0.2")
	node = withInterface(node, "averylonginterface")
	node = withInterface(node, "") // Nothing to find it by.
	planner, _ := autohep.NewPlanner(only(v3.Template{GenerateName: "i", InterfacePattern: ""}, v3.Template{GenerateName: "i", InterfacePattern: ".*"}))
	got, problems := planner.Desired(node)
	if diff := cmp.Diff(list(endpoint("n-i-eth1-auto-hep", "n", "eth1", "10.0.0.2")), got); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	wantProblems(t, list(
		`Node "n": its host endpoint "n-i-Eth0-auto-hep" would not be valid and is not written (`,
		`Node "n": its host endpoint "n-i-auto-hep" would not be valid and is not written (`,
		`...Narrow the interfacePattern of template "i" so that it leaves out interface "averylonginterface", or rename the interface.`), problems)
}

func TestLongNamesAreHashed(t *testing.T) {
	node := host("calinodename", "172.16.1.1")
	long := strings.Repeat("the-quick-brown-fox-jumps-over-the-lazy-dog-", 5) + "the-quick-brown-fox-jumps"
	planner, _ := autohep.NewPlanner(only(v3.Template{GenerateName: long, InterfaceCIDRs: list("0.0.0.0/0")}))
	got, problems := planner.Desired(node)
	want := list(endpoint("2vhzifmgzoee1hgruafve8iewjr1cabezq3o51myej0-auto-hep", "calinodename", "", "172.16.1.1"))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	wantProblems(t, nil, problems)
}

func TestLongestNameIsKept(t *testing.T) {
	planner, _ := autohep.NewPlanner(everything())
	for length, want := range map[int]bool{244: true, 245: false} {
		name := strings.Repeat("n", length)
		got, _ := planner.Desired(host(name))
		if kept := got[0].Name == name+"-auto-hep"; kept != want {
			t.Errorf("the node's name has %d bytes, the endpoint is %q", length, got[0].Name)
		}
	}
}

// TestDesiredIsNew spoils what it gets, and gets the same again.
func TestDesiredIsNew(t *testing.T) {
	node := labelled(host("n", "10.0.0.1"), "a", "b")
	template := v3.Template{
		GenerateName: "t", InterfaceCIDRs: list("10.0.0.0/8"),
		Labels: map[string]string{"l": "m"}, Annotations: map[string]string{"n": "o"},
	}
	planner, _ := autohep.NewPlanner(everything(template))
	first, _ := planner.Desired(node)
	want := copies(first)
	for _, h := range first {
		clear(h.Labels)
		clear(h.Annotations)
		clear(h.Spec.ExpectedIPs)
	}
	clear(template.Labels)
	again, _ := planner.Desired(node)
	if diff := cmp.Diff(want, again); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNodeLabelsThatEndpointsCannotHave(t *testing.T) {
	node := labelled(host("n"), "good", "yes", "no good", "x", "bad", "a value with spaces")
	planner, _ := autohep.NewPlanner(everything(v3.Template{GenerateName: "t", InterfacePattern: "eth"}))
	withInterface(node, "eth0")
	got, problems := planner.Desired(node)
	label := func(h *v3.HostEndpoint) { h.Labels["good"] = "yes" }
	want := list(
		changed(endpoint("n-auto-hep", "n", "*"), label),
		changed(endpoint("n-t-eth0-auto-hep", "n", "eth0"), label))
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
	wantProblems(t, list(
		`Node "n": the label "bad" with the value "a value with spaces" is not valid and is left out of its host endpoints (`,
		`Node "n": the label "no good" with the value "x" is not valid and is left out of its host endpoints (`), problems)
}
