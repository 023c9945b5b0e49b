package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// nodeMemory has, of each node that was read, the metadata that a change depends on, so that it need not be read again.
type nodeMemory struct {
	mu   sync.Mutex
	seen map[string]resources.KubernetesNode
}

func (m *nodeMemory) remember(in *resources.KubernetesNode) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil {
		m.seen = map[string]resources.KubernetesNode{}
	}
	m.seen[in.Name] = resources.KubernetesNode{ObjectMeta: metav1.ObjectMeta{
		Name: in.Name, ResourceVersion: in.ResourceVersion, Labels: in.Labels, Annotations: in.Annotations,
	}}
}

// recall gives what is known of a node, if it is known as node was read.
func (m *nodeMemory) recall(node *v3.Node) (*resources.KubernetesNode, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	in, ok := m.seen[node.Name]
	return &in, ok && in.ResourceVersion == node.ResourceVersion
}

// updateNode stores a Calico node in the annotations of its Kubernetes node, of which nothing else is changed.
func (s *Store) updateNode(ctx context.Context, key resources.Key, o resources.Object) (resources.Object, error) {
	node, ok := o.(*v3.Node)
	if !ok {
		return nil, datastore.ErrorOf("update", key, datastore.ErrInvalid, fmt.Sprintf("%T is no node", o))
	}
	c := s.collectionOf(key.Kind)
	in, ok := s.nodes.recall(node)
	if !ok {
		if _, err := s.read(ctx, "update", key, c, key.Name); err != nil {
			return nil, err
		}
		if in, ok = s.nodes.recall(node); !ok {
			return nil, datastore.ErrorOf("update", key, datastore.ErrConflict, "")
		}
	}
	annotations, err := annotationsFor(key, in, node)
	if err != nil {
		return nil, err
	}
	if maps.Equal(annotations, in.Annotations) {
		return s.read(ctx, "update", key, c, key.Name)
	}
	answer, err := s.patchNode(ctx, c, in, annotations)
	if apierrors.IsForbidden(err) {
		answer, err = s.putNode(ctx, c, in, annotations)
	}
	if err != nil {
		return nil, s.failure(ctx, "update", key, request{"patch", "nodes/status"}, err)
	}
	return decoded("update", key, c, answer)
}

// annotationsFor are the annotations that make the Kubernetes node stand for node.
func annotationsFor(key resources.Key, in *resources.KubernetesNode, node *v3.Node) (map[string]string, error) {
	annotations, foreign := resources.KubernetesNodeAnnotations(in, node)
	if len(foreign) > 0 {
		return nil, datastore.ErrorOf("update", key, datastore.ErrInvalid, fmt.Sprintf(
			"Kubernetes has the label %s with another value, and its value counts; change it there: kubectl label node %s --overwrite %s=%s",
			strings.Join(foreign, ", "), key.Name, foreign[0], node.Labels[foreign[0]]))
	}
	if missing := removedLabels(in.Labels, node); len(missing) > 0 {
		return nil, datastore.ErrorOf("update", key, datastore.ErrInvalid, fmt.Sprintf(
			"the label %s is Kubernetes' own; remove it there: kubectl label node %s %s-",
			strings.Join(missing, ", "), key.Name, missing[0]))
	}
	return annotations, nil
}

// patchNode changes the annotations of a node that is still as in.
func (s *Store) patchNode(ctx context.Context, c collection, in *resources.KubernetesNode, annotations map[string]string) ([]byte, error) {
	changed := map[string]any{}
	for name, value := range annotations {
		if before, ok := in.Annotations[name]; !ok || before != value {
			changed[name] = value
		}
	}
	for name := range in.Annotations {
		if _, kept := annotations[name]; !kept {
			changed[name] = nil
		}
	}
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": in.ResourceVersion, "annotations": changed}})
	if err != nil {
		return nil, err
	}
	return s.do(ctx, s.client.Patch(types.MergePatchType).AbsPath(c.item(in.Name), "status").Body(body))
}

// putNode does what patchNode does, for those who may not patch: calicoctl only ever asked for the right to update.
func (s *Store) putNode(ctx context.Context, c collection, in *resources.KubernetesNode, annotations map[string]string) ([]byte, error) {
	body, err := s.do(ctx, s.client.Get().AbsPath(c.item(in.Name)))
	if err != nil {
		return nil, err
	}
	var whole, metadata map[string]json.RawMessage
	if err := json.Unmarshal(body, &whole); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(whole["metadata"], &metadata); err != nil {
		return nil, err
	}
	for field, value := range map[string]any{"annotations": annotations, "resourceVersion": in.ResourceVersion} {
		if metadata[field], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	delete(metadata, "managedFields")
	if whole["metadata"], err = json.Marshal(metadata); err != nil {
		return nil, err
	}
	if body, err = json.Marshal(whole); err != nil {
		return nil, err
	}
	return s.do(ctx, s.client.Put().AbsPath(c.item(in.Name), "status").SetHeader("Content-Type", "application/json").Body(body))
}

// annotationKubeLabels tells, on a node that was read, which of its labels are Kubernetes' own.
const annotationKubeLabels = "projectcalico.org/kube-labels"

// removedLabels are labels of the Kubernetes node that somebody who has read them has removed from node. Who has
// not read them, and writes a manifest by hand, means to leave them alone.
func removedLabels(own map[string]string, node *v3.Node) []string {
	var read map[string]string
	if json.Unmarshal([]byte(node.Annotations[annotationKubeLabels]), &read) != nil {
		return nil
	}
	var removed []string
	for label := range own {
		_, known := read[label]
		if _, kept := node.Labels[label]; known && !kept {
			removed = append(removed, label)
		}
	}
	slices.Sort(removed)
	return removed
}
