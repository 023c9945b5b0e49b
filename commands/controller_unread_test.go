package commands

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/autohep/controller"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// unread is a Store with one node, which cannot be understood, and its endpoint.
type unread struct {
	datastore.Store
	tolerance datastore.Tolerance
}

func (s *unread) Tolerate(t datastore.Tolerance) { s.tolerance = t }

func (s *unread) List(_ context.Context, kind *resources.Kind) (*resources.List, error) {
	list := &resources.List{}
	switch kind {
	case resources.Node:
		s.tolerance.LeaveOut(kind.Key("n"), errors.New("no JSON"))
	case resources.HostEndpoint:
		h := kind.New().(*v3.HostEndpoint)
		h.ObjectMeta = metav1.ObjectMeta{Name: "n-auto-hep", Labels: map[string]string{v3.LabelCreatedBy: v3.CreatedByController}}
		h.Spec.Node = "n"
		list.Items = append(list.Items, h)
	case resources.KubeControllersConfiguration:
		kcc := kind.New().(*v3.KubeControllersConfiguration)
		kcc.Name = v3.DefaultName
		kcc.Spec.Controllers.Node = &v3.NodeControllerConfig{HostEndpoint: &v3.AutoHostEndpointConfig{AutoCreate: v3.Enabled}}
		list.Items = append(list.Items, kcc)
	}
	return list, nil
}

// TestUnreadNodeHasARow shows a node that cannot be understood like any other, with its problem.
func TestUnreadNodeHasARow(t *testing.T) {
	environment, err := controller.ReadEnvironment(func(string) (string, bool) { return "", false }, true)
	if err != nil {
		t.Fatal(err)
	}
	r, err := controller.Read(t.Context(), &unread{}, environment)
	if err != nil {
		t.Fatal(err)
	}
	want := []nodeStatus{{Name: "n", Endpoints: []string{"n-auto-hep"}, Problems: []string{
		"Node(n) cannot be understood, and is left as it is: no JSON. Correct it or remove it.",
	}}}
	if diff := cmp.Diff(want, statusOf(r).Nodes); diff != "" {
		t.Error(diff)
	}
}

// TestManyProblemsAreCounted keeps the row of a node with many problems short.
func TestManyProblemsAreCounted(t *testing.T) {
	few, many := nodeStatus{Problems: []string{"a.", "b.", "c."}}, nodeStatus{Problems: []string{"a.", "b.", "c.", "d.", "e."}}
	want := []string{"a. b. c.", "a. b. c. And 2 more: see -o yaml."}
	if diff := cmp.Diff(want, []string{few.problems(), many.problems()}); diff != "" {
		t.Error(diff)
	}
}
