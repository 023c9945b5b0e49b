package kubernetes

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/test/cluster"
)

// grant creates the roles of deploy/rbac.yaml and binds two users to them.
func grant(t *testing.T, api *cluster.APIServer) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cluster.Root(), "deploy", "rbac.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var role map[string]any
		if err := yaml.Unmarshal(document, &role); err != nil {
			t.Fatal(err)
		}
		if role["kind"] == "ClusterRole" {
			api.CreateYAML(t, "/apis/rbac.authorization.k8s.io/v1/clusterroles", string(document))
		}
	}
	for user, role := range map[string]string{cluster.Reader: "calicoctl-reader", cluster.Operator: "calicoctl-operator"} {
		api.CreateYAML(t, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: %s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %[2]s}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: %[1]s}]
`, user, role))
	}
}

// TestRoles has the real authorizer judge the roles: a reader reads everything and writes nothing, an operator writes
// what users write.
func TestRoles(t *testing.T) {
	api := servers.APIServer(t)
	grant(t, api)
	api.Do(t, http.MethodPost, "/api/v1/nodes", []byte(`{"apiVersion":"v1","kind":"Node","metadata":{"name":"roles"}}`))
	for _, group := range []string{groupV1, groupV3} {
		reader := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Reader), APIGroup: group})
		operator := open(t, Config{Kubeconfig: api.Kubeconfig(t, cluster.Operator), APIGroup: group})
		if err := datastore.Initialize(t.Context(), operator, "kdd"); err != nil {
			t.Error(err)
		}
		for _, kind := range resources.All() {
			list, err := reader.List(t.Context(), kind)
			if err != nil {
				t.Fatal(err)
			}
			if kind != resources.Profile {
				w, err := reader.Watch(t.Context(), kind, list.ResourceVersion)
				if err != nil {
					t.Fatal(err)
				}
				_ = w.Close()
			}
			if kind == resources.Node || kind == resources.Profile || kind == resources.ClusterInformation {
				continue
			}
			o := kind.New()
			o.SetName("roles")
			if endpoint, ok := o.(*v3.HostEndpoint); ok {
				endpoint.Spec = v3.HostEndpointSpec{Node: "n", InterfaceName: "*"}
			}
			kind.Default(o)
			if _, err := reader.Create(t.Context(), o); !errors.Is(err, datastore.ErrUnauthorized) {
				t.Errorf("a reader creates a %s: %v", kind.Name, err)
			}
			created, err := operator.Create(t.Context(), o)
			if err != nil {
				t.Fatalf("an operator creates a %s: %v", kind.Name, err)
			}
			if _, err := operator.Update(t.Context(), created); err != nil {
				t.Errorf("an operator updates a %s: %v", kind.Name, err)
			}
			if err := reader.Delete(t.Context(), kind.Key("roles"), ""); !errors.Is(err, datastore.ErrUnauthorized) {
				t.Errorf("a reader deletes a %s: %v", kind.Name, err)
			}
			if err := operator.Delete(t.Context(), kind.Key("roles"), ""); err != nil {
				t.Errorf("an operator deletes a %s: %v", kind.Name, err)
			}
		}
		node, err := operator.Get(t.Context(), resources.Node.Key("roles"))
		if err != nil {
			t.Fatal(err)
		}
		node.SetLabels(map[string]string{"group": group[:3]})
		if _, err := reader.Update(t.Context(), node); !errors.Is(err, datastore.ErrUnauthorized) {
			t.Errorf("a reader labels a node: %v", err)
		}
		if _, err := operator.Update(t.Context(), node); err != nil {
			t.Errorf("an operator labels a node: %v", err)
		}
	}
}
