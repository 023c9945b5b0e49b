package kubernetes

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// TestNode changes what a Calico node is made of and leaves alone what belongs to Kubernetes and to the node itself.
func TestNode(t *testing.T) {
	api := servers.APIServer(t)
	s := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Admin)})
	api.Do(t, http.MethodPost, "/api/v1/nodes", []byte(`{"apiVersion":"v1","kind":"Node","metadata":{"name":"node-test",
"labels":{"kubernetes.io/hostname":"node-test","environment":"dev"},"annotations":{
"projectcalico.org/IPv4Address":"10.0.0.1/24","projectcalico.org/ASNumber":"64513","projectcalico.org/IPv4IPIPTunnelAddr":"192.168.0.1",
"projectcalico.org/IPv4VXLANTunnelAddr":"192.168.0.2","projectcalico.org/WireguardPublicKey":"key=",
"projectcalico.org/Interfaces":"[{\"name\":\"eth0\",\"addresses\":[\"10.0.0.1\"]}]","other":"x"}},"spec":{"podCIDR":"10.244.0.0/24"}}`))
	key := resources.Node.Key("node-test")
	read := func() *v3.Node {
		t.Helper()
		o, err := s.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return o.(*v3.Node)
	}

	sparse := resources.Node.New().(*v3.Node)
	sparse.Name, sparse.ResourceVersion = key.Name, read().ResourceVersion
	sparse.Labels = map[string]string{"mine": "1"}
	_, err := s.Update(t.Context(), sparse)
	wants(t, err, datastore.ErrInvalid, "the label environment, kubernetes.io/hostname is Kubernetes' own")
	completed, ignored, err := s.Complete(read(), sparse)
	if err != nil || len(ignored) > 0 {
		t.Fatal(ignored, err)
	}
	if _, err := s.Update(t.Context(), completed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(completed.(*v3.Node).Spec, read().Spec); diff != "" {
		t.Errorf("not stored as completed:\n%s", diff)
	}
	var stored struct{ Metadata metav1.ObjectMeta }
	if err := json.Unmarshal(api.Do(t, http.MethodGet, "/api/v1/nodes/node-test", nil), &stored); err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]string{
		"labels": {"kubernetes.io/hostname": "node-test", "environment": "dev"},
		"annotations": {
			"projectcalico.org/IPv4IPIPTunnelAddr": "192.168.0.1", "projectcalico.org/IPv4VXLANTunnelAddr": "192.168.0.2",
			"projectcalico.org/WireguardPublicKey": "key=", "projectcalico.org/Interfaces": `[{"name":"eth0","addresses":["10.0.0.1"]}]`,
			"projectcalico.org/labels": `{"mine":"1"}`, "other": "x",
		},
	}
	if diff := cmp.Diff(want, map[string]map[string]string{"labels": stored.Metadata.Labels, "annotations": stored.Metadata.Annotations}); diff != "" {
		t.Errorf("after a sparse update: -want +stored:\n%s", diff)
	}

	before := read()
	for name, c := range map[string]struct {
		change func(*v3.Node)
		want   string
	}{
		"a label that Kubernetes has with another value": {
			func(n *v3.Node) { n.Labels["environment"] = "prod" },
			"invalid: Node(node-test): Kubernetes has the label environment with another value, and its value counts; " +
				"change it there: kubectl label node node-test --overwrite environment=prod",
		},
		"a label of Kubernetes' removed": {
			func(n *v3.Node) { delete(n.Labels, "environment") },
			"invalid: Node(node-test): the label environment is Kubernetes' own; remove it there: kubectl label node node-test environment-",
		},
		"an old revision": {func(n *v3.Node) { n.ResourceVersion = sparse.ResourceVersion }, "update conflict: Node(node-test)"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := before.DeepCopy()
			c.change(changed)
			_, err := s.Update(t.Context(), changed)
			wants(t, err, nil, c.want)
		})
	}
	if diff := cmp.Diff(before, read()); diff != "" {
		t.Errorf("refused updates have changed the node:\n%s", diff)
	}
	if same, err := s.Update(t.Context(), before); err != nil || same.GetResourceVersion() != before.ResourceVersion {
		t.Errorf("an update that changes nothing gives %v, %v", same, err)
	}

	_, err = s.Create(t.Context(), sparse)
	wants(t, err, datastore.ErrUnsupported, "a node appears when its kubelet registers it with Kubernetes")
	wants(t, s.Delete(t.Context(), key, ""), datastore.ErrUnsupported, "kubectl delete node node-test")
}

// TestUsePodCIDR takes tunnel addresses from where the configuration says.
func TestUsePodCIDR(t *testing.T) {
	api := servers.APIServer(t)
	api.Do(t, http.MethodPost, "/api/v1/nodes", []byte(`{"apiVersion":"v1","kind":"Node","metadata":{"name":"pod-cidr"},"spec":{"podCIDR":"10.244.7.0/24"}}`))
	s := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Admin), UsePodCIDR: true})
	o, err := s.Get(t.Context(), resources.Node.Key("pod-cidr"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&v3.NodeBGPSpec{IPv4IPIPTunnelAddr: "10.244.7.1"}, o.(*v3.Node).Spec.BGP); diff != "" {
		t.Error(diff)
	}

	node := o.(*v3.Node).DeepCopy()
	node.Spec.BGP.IPv4IPIPTunnelAddr = "10.9.9.9"
	_, err = s.Update(t.Context(), node)
	wants(t, err, datastore.ErrInvalid, "spec.bgp.ipv4IPIPTunnelAddr cannot be changed here: with USE_POD_CIDR it follows from the pod range")
	completed, ignored, err := s.Complete(o, node)
	want := []datastore.Ignored{{Field: "spec.bgp.ipv4IPIPTunnelAddr", Why: "with USE_POD_CIDR it follows from the pod range of the Kubernetes node"}}
	if diff := cmp.Diff(want, ignored); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if diff := cmp.Diff(o, completed); diff != "" {
		t.Errorf("completed: %s", diff)
	}

	o.SetLabels(map[string]string{"mine": "1"})
	if _, err := s.Update(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	var stored struct{ Metadata metav1.ObjectMeta }
	if err := json.Unmarshal(api.Do(t, http.MethodGet, "/api/v1/nodes/pod-cidr", nil), &stored); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"projectcalico.org/labels": `{"mine":"1"}`}, stored.Metadata.Annotations); diff != "" {
		t.Errorf("a tunnel address that follows from the pod range is stored: %s", diff)
	}
}

// TestProfiles reads namespaces and service accounts as profiles, and writes none.
func TestProfiles(t *testing.T) {
	api := servers.APIServer(t)
	s := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Admin)})
	api.Do(t, http.MethodPost, "/api/v1/namespaces", []byte(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","labels":{"team":"a"}}}`))
	api.Do(t, http.MethodPost, "/api/v1/namespaces/shop/serviceaccounts",
		[]byte(`{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"cart.v2","labels":{"role":"db"}}}`))
	allow := []v3.Rule{{Action: v3.Allow}}
	want := map[string]v3.ProfileSpec{
		"kns.shop": {Ingress: allow, Egress: allow, LabelsToApply: map[string]string{
			"pcns.team": "a", "pcns.projectcalico.org/name": "shop", "pcns.kubernetes.io/metadata.name": "shop",
		}},
		"ksa.shop.cart.v2":            {LabelsToApply: map[string]string{"pcsa.role": "db", "pcsa.projectcalico.org/name": "cart.v2"}},
		"projectcalico-default-allow": {Ingress: allow, Egress: allow},
	}
	list, err := s.List(t.Context(), resources.Profile)
	if err != nil {
		t.Fatal(err)
	}
	listed, got := map[string]v3.ProfileSpec{}, map[string]v3.ProfileSpec{}
	for _, o := range list.Items {
		if _, ours := want[o.GetName()]; ours {
			listed[o.GetName()] = o.(*v3.Profile).Spec
		}
	}
	for name := range want {
		o, err := s.Get(t.Context(), resources.Profile.Key(name))
		if err != nil {
			t.Fatal(err)
		}
		got[name] = o.(*v3.Profile).Spec
	}
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("List: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Get: -want +got:\n%s", diff)
	}
	for _, name := range []string{"kns.nosuch", "ksa.shop.nosuch", "ksa.shop", "ksa..cart", "ksa.../cart", "kns.", "other"} {
		_, err := s.Get(t.Context(), resources.Profile.Key(name))
		wants(t, err, datastore.ErrNotFound, "resource does not exist: Profile("+name+")")
	}
	_, err = s.Create(t.Context(), list.Items[0])
	wants(t, err, datastore.ErrUnsupported, "profiles follow from namespaces and service accounts")
	_, err = s.Watch(t.Context(), resources.Profile, list.ResourceVersion)
	wants(t, err, datastore.ErrUnsupported, "namespaces and service accounts")
	nobody := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Nobody)})
	_, err = nobody.List(t.Context(), resources.Profile)
	wants(t, err, datastore.ErrUnauthorized, "it takes the right to list namespaces, which deploy/rbac.yaml")
}

// TestNamesThatAreNone finds no object under a name that would be the path of something else, such as of the
// whole collection, and deletes nothing.
func TestNamesThatAreNone(t *testing.T) {
	for _, group := range []string{groupV1, groupV3} {
		s := open(t, Config{Kubeconfig: servers.APIServer(t).Kubeconfig(t, cluster.Admin), APIGroup: group})
		kept, err := s.Create(t.Context(), set("kept"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"", ".", "..", "../globalnetworksets", "kept/", "kept/status", "kept?", "kept#", "%2e"} {
			key := resources.GlobalNetworkSet.Key(name)
			about := "resource does not exist: " + key.String()
			_, err := s.Get(t.Context(), key)
			wants(t, err, datastore.ErrNotFound, about)
			wants(t, s.Delete(t.Context(), key, ""), datastore.ErrNotFound, about)
			o := set(name)
			o.ResourceVersion = kept.GetResourceVersion()
			_, err = s.Update(t.Context(), o)
			wants(t, err, datastore.ErrNotFound, about)
			node := resources.Node.New()
			node.SetName(name)
			node.SetResourceVersion("1")
			_, err = s.Update(t.Context(), node)
			wants(t, err, datastore.ErrNotFound, "resource does not exist: "+resources.Node.Key(name).String())
		}
		after, err := s.Get(t.Context(), resources.GlobalNetworkSet.Key("kept"))
		if diff := cmp.Diff(kept, after); err != nil || diff != "" {
			t.Error(err, diff)
		}
	}
}

// TestNodeWithoutPatch changes a node with the rights that calicoctl needs, which may update and not patch.
func TestNodeWithoutPatch(t *testing.T) {
	api := servers.APIServer(t)
	const rbac = "/apis/rbac.authorization.k8s.io/v1/"
	api.CreateYAML(t, rbac+"clusterroles", `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: node-updater},
rules: [{apiGroups: [""], resources: [nodes, nodes/status], verbs: [get, list, update]}]}`)
	api.CreateYAML(t, rbac+"clusterrolebindings", `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: node-updater},
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: node-updater}, subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: nobody}]}`)
	defer func() { api.Do(t, http.MethodDelete, rbac+"clusterrolebindings/node-updater", nil) }()
	api.CreateYAML(t, "/api/v1/nodes", `{apiVersion: v1, kind: Node, metadata: {name: updated-node, annotations: {other: x, projectcalico.org/ASNumber: "64513"}}}`)
	s := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Nobody)})
	key := resources.Node.Key("updated-node")
	read := func() *v3.Node {
		o, err := s.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		return o.(*v3.Node)
	}
	node := read()
	stale := node.DeepCopy()
	node.Spec.BGP.ASNumber, node.Spec.BGP.IPv4Address = nil, "10.0.0.1/24"
	if _, err := s.Update(t.Context(), node); err != nil {
		t.Fatal(err)
	}
	var stored struct{ Metadata metav1.ObjectMeta }
	if err := json.Unmarshal(api.Do(t, http.MethodGet, "/api/v1/nodes/updated-node", nil), &stored); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"other": "x", "projectcalico.org/IPv4Address": "10.0.0.1/24"}
	if diff := cmp.Diff(want, stored.Metadata.Annotations); diff != "" {
		t.Errorf("-want +stored:\n%s", diff)
	}
	stale.Labels = map[string]string{"a": "b"}
	_, err := s.Update(t.Context(), stale)
	wants(t, err, datastore.ErrConflict, "updated-node")
}
