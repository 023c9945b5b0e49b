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

// nodeMemory has, of each node that was read, what a change depends on, so that it need not be read again.
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
		UID: in.UID, CreationTimestamp: in.CreationTimestamp,
	}, Spec: in.Spec, Status: in.Status}
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
	annotations, err := s.annotationsFor(key, in, node)
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
func (s *Store) annotationsFor(key resources.Key, in *resources.KubernetesNode, node *v3.Node) (map[string]string, error) {
	if err := checkLabels(key, in.Labels, in.Labels, node); err != nil {
		return nil, err
	}
	before, _ := resources.NodeFromKubernetes(in, s.node)
	changed := *in
	changed.Annotations = resources.KubernetesNodeAnnotations(in, before, node)
	got, _ := resources.NodeFromKubernetes(&changed, s.node)
	if lost := resources.LostNodeFields(before, node, got); len(lost) > 0 {
		why := make([]string, len(lost))
		for i, field := range lost {
			why[i] = field + " cannot be changed here: " + ownerOf(field)
		}
		return nil, datastore.ErrorOf("update", key, datastore.ErrInvalid, strings.Join(why, "; "))
	}
	return changed.Annotations, nil
}

var _ datastore.Completer = (*Store)(nil)

// Complete implements datastore.Completer. Only nodes have parts that others write.
func (s *Store) Complete(stored, next resources.Object) (resources.Object, []datastore.Ignored, error) {
	key, _ := resources.KeyOf(next)
	if stored == nil {
		return next, nil, s.refuse("create", key)
	}
	was, ok := stored.(*v3.Node)
	given, isNode := next.(*v3.Node)
	if !ok || !isNode {
		return next, nil, nil
	}
	// Who has not read the node, and writes a manifest by hand, means to leave labels alone that are not in it.
	if err := checkLabels(key, resources.KubernetesLabels(was), resources.KubernetesLabels(given), given); err != nil {
		return nil, nil, err
	}
	completed, fields := resources.CompleteNode(was, given, s.node)
	ignored := make([]datastore.Ignored, len(fields))
	for i, field := range fields {
		ignored[i] = datastore.Ignored{Field: field, Why: ownerOf(field)}
	}
	return completed, ignored, nil
}

// ownerOf says what a field of a node follows from.
func ownerOf(field string) string {
	switch field {
	case resources.FieldAddresses:
		return "the addresses of type CalicoNodeIP follow from spec.bgp, and the others are the Kubernetes node's own, which its kubelet reports"
	case resources.FieldOrchRefs:
		return "it follows from the name of the Kubernetes node"
	case resources.FieldPodCIDRs:
		return "it is spec.podCIDRs of the Kubernetes node, which Kubernetes sets"
	case resources.FieldKubeLabels:
		return "it lists the labels of the Kubernetes node; kubectl label node changes them"
	case resources.FieldFinalizers, resources.FieldOwnerReferences:
		return "it is the Kubernetes node's own; kubectl changes it"
	case resources.FieldIPIPTunnelAddress, resources.FieldWireguardAddress:
		return "with USE_POD_CIDR it follows from the pod range of the Kubernetes node"
	}
	return "a Calico node on Kubernetes cannot have this value"
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

// checkLabels refuses a node with labels of Kubernetes' own changed, or without those of them that its author knows.
func checkLabels(key resources.Key, own, known map[string]string, node *v3.Node) error {
	var changed, removed []string
	for label, value := range own {
		_, meant := known[label]
		switch given, kept := node.Labels[label]; {
		case kept && given != value:
			changed = append(changed, label)
		case !kept && meant:
			removed = append(removed, label)
		}
	}
	slices.Sort(changed)
	slices.Sort(removed)
	if len(changed) > 0 {
		return datastore.ErrorOf("update", key, datastore.ErrInvalid, fmt.Sprintf(
			"Kubernetes has the label %s with another value, and its value counts; change it there: kubectl label node %s --overwrite %s=%s",
			strings.Join(changed, ", "), key.Name, changed[0], node.Labels[changed[0]]))
	}
	if len(removed) > 0 {
		return datastore.ErrorOf("update", key, datastore.ErrInvalid, fmt.Sprintf(
			"the label %s is Kubernetes' own; remove it there: kubectl label node %s %s-",
			strings.Join(removed, ", "), key.Name, removed[0]))
	}
	return nil
}
