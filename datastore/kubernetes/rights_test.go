package kubernetes

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/test/cluster"
)

// install creates everything in deploy/rbac.yaml and deploy/controller.yaml as it is, and binds users to the roles that
// are for users.
func install(t *testing.T, api *cluster.APIServer) {
	t.Helper()
	created := api.Install(t, "rbac.yaml")
	for kind, n := range api.Install(t, "controller.yaml") {
		created[kind] += n
	}
	want := map[string]int{
		"ClusterRole": 3, "ClusterRoleBinding": 1, "Namespace": 1, "ServiceAccount": 1, "Role": 2, "RoleBinding": 2,
		"Deployment": 1, "PodDisruptionBudget": 1,
	}
	if diff := cmp.Diff(want, created); diff != "" {
		t.Fatal(diff)
	}
	const rbac = "/apis/rbac.authorization.k8s.io/v1/"
	for user, role := range map[string]string{cluster.Reader: "calicoctl-reader", cluster.Operator: "calicoctl-operator"} {
		api.CreateYAML(t, rbac+"clusterrolebindings", fmt.Sprintf(`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: %s},
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: %[2]s}, subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: %[1]s}]}`,
			user, role))
	}
}

// mayDo asks the server's authorizer. The resource may have the name of an object after a colon.
func mayDo(t *testing.T, api *cluster.APIServer, user, verb, resource, namespace string) bool {
	t.Helper()
	resource, name, _ := strings.Cut(resource, ":")
	resource, group, _ := strings.Cut(resource, ".")
	resource, sub, _ := strings.Cut(resource, "/")
	review, err := json.Marshal(map[string]any{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
		"spec": map[string]any{"user": user, "groups": []string{"system:authenticated"}, "resourceAttributes": map[string]string{
			"verb": verb, "group": group, "resource": resource, "subresource": sub, "namespace": namespace, "name": name,
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Status struct{ Allowed bool } }
	if err := json.Unmarshal(api.Do(t, "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Status.Allowed
}

// TestRights asks the real authorizer about everything that matters: each role may do what is listed here, and
// nothing else.
func TestRights(t *testing.T) {
	api := cluster.StartAPIServer(t)
	install(t, api)
	const read = "get list watch"
	reader, operator, controller := map[string]string{}, map[string]string{}, map[string]string{}
	for _, resource := range []string{"nodes", "namespaces", "serviceaccounts"} {
		reader[resource], operator[resource] = read, read
	}
	operator["nodes/status"] = "patch"
	controller["nodes"] = read
	const leases, lease = "leases.coordination.k8s.io", "leases.coordination.k8s.io:calicoctl-controller"
	controller["events in default"] = "create"
	controller[leases+" in calico-system"], controller[lease+" in calico-system"] = "create", "get create update"
	asked := []string{
		"nodes", "nodes/status", "nodes/proxy", "namespaces", "serviceaccounts", "serviceaccounts/token", "secrets", "configmaps", "pods", "pods/exec",
		"events", "events.events.k8s.io", leases, lease, "clusterroles.rbac.authorization.k8s.io",
		"customresourcedefinitions.apiextensions.k8s.io", "ippools.projectcalico.org", "ippools.crd.projectcalico.org",
	}
	for _, group := range []string{".crd.projectcalico.org", ".projectcalico.org"} {
		for _, plural := range []string{
			"felixconfigurations", "globalnetworkpolicies", "globalnetworksets", "hostendpoints", "kubecontrollersconfigurations",
			"stagedglobalnetworkpolicies", "tiers", "clusterinformations",
		} {
			reader[plural+group], operator[plural+group] = read, read+" create update delete"
			asked = append(asked, plural+group, plural+"/status"+group)
		}
		operator["clusterinformations"+group] = read + " create"
		reader["networksets"+group], operator["networksets"+group] = read, read
		asked = append(asked, "networksets"+group)
		controller["hostendpoints"+group] = read + " create update delete"
		controller["kubecontrollersconfigurations"+group] = read + " create update"
		controller["kubecontrollersconfigurations/status"+group] = "update"
	}
	for user, want := range map[string]map[string]string{
		cluster.Reader: reader, cluster.Operator: operator, cluster.Controller: controller, cluster.Nobody: {},
	} {
		got := map[string]string{}
		for _, resource := range asked {
			for _, namespace := range []string{"", "calico-system", metav1.NamespaceDefault} {
				where := resource
				if namespace != "" {
					where += " in " + namespace
				}
				var verbs []string
				for verb := range strings.FieldsSeq(read + " create update delete patch deletecollection bind escalate impersonate") {
					if mayDo(t, api, user, verb, resource, namespace) {
						verbs = append(verbs, verb)
					}
				}
				if all := strings.Join(verbs, " "); all != "" && all != got[resource] {
					got[where] = all // what is allowed everywhere is allowed in the namespace too
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +may:\n%s", user, diff)
		}
	}
}
