package autohep_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// everything asks for default endpoints and those of some templates.
func everything(templates ...v3.Template) autohep.Config {
	return autohep.Config{AutoCreate: true, CreateDefault: true, Templates: templates}
}

// only asks for the endpoints of templates.
func only(templates ...v3.Template) autohep.Config {
	return autohep.Config{AutoCreate: true, Templates: templates}
}

// host is a node with addresses of type InternalIP.
func host(name string, addresses ...string) *v3.Node {
	n := resources.Node.New().(*v3.Node)
	n.Name = name
	for _, a := range addresses {
		n.Spec.Addresses = append(n.Spec.Addresses, v3.NodeAddress{Address: a, Type: v3.InternalIP})
	}
	return n
}

func labelled(n *v3.Node, pairs ...string) *v3.Node {
	n.Labels = pairMap(pairs)
	return n
}

func withInterface(n *v3.Node, name string, addresses ...string) *v3.Node {
	n.Spec.Interfaces = append(n.Spec.Interfaces, v3.NodeInterface{Name: name, Addresses: addresses})
	return n
}

func pairMap(pairs []string) map[string]string {
	m := map[string]string{}
	for pair := range slices.Chunk(pairs, 2) {
		m[pair[0]] = pair[1]
	}
	return m
}

// endpoint is an automatic endpoint without labels of its node.
func endpoint(name, node, iface string, addresses ...string) *v3.HostEndpoint {
	return &v3.HostEndpoint{
		TypeMeta: metav1.TypeMeta{Kind: "HostEndpoint", APIVersion: v3.GroupVersion},
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{v3.LabelCreatedBy: v3.CreatedByController},
		},
		Spec: v3.HostEndpointSpec{
			Node: node, InterfaceName: iface, ExpectedIPs: addresses,
			Profiles: []string{v3.ProfileDefaultAllow},
		},
	}
}

func changed(h *v3.HostEndpoint, change func(*v3.HostEndpoint)) *v3.HostEndpoint {
	h = h.DeepCopy()
	change(h)
	return h
}

func list[T any](items ...T) []T { return items }

func wantChanges(t *testing.T, want, got autohep.Changes) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// wantProblems compares problems with the beginnings of their texts, or with parts of
// them after dots.
func wantProblems(t *testing.T, want []string, got []autohep.Problem) {
	t.Helper()
	same := slices.EqualFunc(want, got, func(part string, p autohep.Problem) bool {
		if rest, ok := strings.CutPrefix(part, "..."); ok {
			return strings.Contains(p.Text, rest)
		}
		return strings.HasPrefix(p.Text, part)
	})
	if same {
		return
	}
	texts := make([]string, len(got))
	for i, p := range got {
		texts[i] = p.Text
	}
	t.Errorf("problems:\n%s\nwant:\n%s", strings.Join(texts, "\n"), strings.Join(want, "\n"))
}
