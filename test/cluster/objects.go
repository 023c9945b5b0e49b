package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// Groups are the API groups that the project's custom resource definitions are for.
func Groups() []string { return slices.Sorted(maps.Keys(versions())) }

// versions are the version of each group.
func versions() map[string]string {
	return map[string]string{"projectcalico.org": "v3", "crd.projectcalico.org": "v1"}
}

// crdPatience bounds how long the server may take to serve new definitions.
const crdPatience = time.Minute

// InstallCRDs makes the server serve the kinds of API groups.
func (a *APIServer) InstallCRDs(tb testing.TB, groups ...string) {
	tb.Helper()
	var names []string
	for _, group := range groups {
		files, err := filepath.Glob(filepath.Join(Root(), "deploy", "crds", group+"_*.yaml"))
		if err != nil || len(files) == 0 {
			tb.Fatalf("no custom resource definitions of %s: %v", group, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				tb.Fatal(err)
			}
			names = append(names, a.CreateYAML(tb, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", string(text)))
		}
	}
	for _, name := range names {
		a.awaitCRD(tb, name)
	}
}

// awaitCRD waits until the server serves the objects of a definition.
func (a *APIServer) awaitCRD(tb testing.TB, name string) {
	tb.Helper()
	plural, group, _ := strings.Cut(name, ".")
	for deadline := time.Now().Add(crdPatience); ; time.Sleep(50 * time.Millisecond) {
		_, err := a.do(tb.Context(), http.MethodGet, "/apis/"+group+"/"+versions()[group]+"/"+plural, nil)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%s is not served after %v: %v", name, crdPatience, err)
		}
	}
}

// CreateYAML creates the object that a YAML document describes, as the admin, and returns its name.
func (a *APIServer) CreateYAML(tb testing.TB, path, document string) string {
	tb.Helper()
	object, err := yaml.YAMLToJSON([]byte(document))
	if err != nil {
		tb.Fatal(err)
	}
	var created struct{ Metadata struct{ Name string } }
	if err := json.Unmarshal(a.Do(tb, http.MethodPost, path, object), &created); err != nil {
		tb.Fatal(err)
	}
	return created.Metadata.Name
}

// Do sends a request as the admin and returns the answer, which must be a success.
func (a *APIServer) Do(tb testing.TB, method, path string, body []byte) []byte {
	tb.Helper()
	answer, err := a.do(tb.Context(), method, path, body)
	if err != nil {
		tb.Fatal(err)
	}
	return answer
}

func (a *APIServer) do(ctx context.Context, method, path string, body []byte) (answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, a.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+Token(Admin))
	if body != nil {
		request.Header.Set("Content-Type", contentType(method))
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	answer, err = io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	return answer, err
}

func contentType(method string) string {
	if method == http.MethodPatch {
		return "application/merge-patch+json"
	}
	return "application/json"
}

// Try sends a request as the admin and gives the error of one that is no success.
func (a *APIServer) Try(ctx context.Context, method, path string, body []byte) error {
	_, err := a.do(ctx, method, path, body)
	return err
}

// Install creates everything in a file of deploy/, and fails where it has a field that the server does not know. It
// tells how many objects of each kind that were.
func (a *APIServer) Install(tb testing.TB, file string) map[string]int {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join(Root(), "deploy", file))
	if err != nil {
		tb.Fatal(err)
	}
	const rbac, system, here = "/apis/rbac.authorization.k8s.io/v1/", "namespaces/calico-system/", "namespaces/NAMESPACE/"
	paths := map[string]string{
		"ClusterRole": rbac + "clusterroles", "ClusterRoleBinding": rbac + "clusterrolebindings",
		"Role": rbac + here + "roles", "RoleBinding": rbac + here + "rolebindings",
		"Namespace": "/api/v1/namespaces", "ServiceAccount": "/api/v1/" + system + "serviceaccounts",
		"Deployment":          "/apis/apps/v1/" + system + "deployments",
		"PodDisruptionBudget": "/apis/policy/v1/" + system + "poddisruptionbudgets",
	}
	created := map[string]int{}
	for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var head struct {
			Kind     string
			Metadata struct{ Namespace string }
		}
		if err := yaml.Unmarshal(document, &head); err != nil {
			tb.Fatal(err)
		}
		if head.Kind == "" {
			continue // the comment that the file begins with
		}
		path := strings.ReplaceAll(paths[head.Kind], "NAMESPACE", head.Metadata.Namespace)
		a.CreateYAML(tb, path+"?fieldValidation=Strict", string(document))
		created[head.Kind]++
	}
	return created
}
