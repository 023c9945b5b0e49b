package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// updateNode stores a Calico node in the annotations of its Kubernetes node, of which nothing else is changed.
func (s *Store) updateNode(ctx context.Context, key resources.Key, o resources.Object) (resources.Object, error) {
	c := s.collectionOf(key.Kind)
	node, ok := o.(*v3.Node)
	if !ok {
		return nil, datastore.ErrorOf("update", key, datastore.ErrInvalid, fmt.Sprintf("%T is no node", o))
	}
	body, err := s.fetch(ctx, "update", key, c, key.Name)
	if err != nil {
		return nil, err
	}
	next, err := annotated(key, body, node)
	if err != nil {
		return nil, err
	}
	if next == nil {
		return decoded("update", key, c, body)
	}
	answer, err := s.do(ctx, s.client.Put().AbsPath(c.item(key.Name), "status").SetHeader("Content-Type", "application/json").Body(next))
	if err != nil {
		return nil, s.failure(ctx, "update", key, request{"update", "nodes/status"}, err)
	}
	return decoded("update", key, c, answer)
}

// annotated is the Kubernetes node in body with the annotations that make it stand for node; nil if it
// has them already.
func annotated(key resources.Key, body []byte, node *v3.Node) ([]byte, error) {
	var in resources.KubernetesNode
	var whole, metadata map[string]json.RawMessage
	for _, into := range []any{&in, &whole} {
		if err := json.Unmarshal(body, into); err != nil {
			return nil, datastore.ErrorOf("update", key, datastore.ErrInvalid, "the stored node cannot be understood: "+err.Error())
		}
	}
	if err := json.Unmarshal(whole["metadata"], &metadata); err != nil {
		return nil, datastore.ErrorOf("update", key, datastore.ErrInvalid, "the stored node cannot be understood: "+err.Error())
	}
	if in.ResourceVersion != node.ResourceVersion {
		return nil, datastore.ErrorOf("update", key, datastore.ErrConflict, "")
	}
	annotations, foreign := resources.KubernetesNodeAnnotations(&in, node)
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
	if maps.Equal(annotations, in.Annotations) {
		return nil, nil
	}
	var err error
	if metadata["annotations"], err = json.Marshal(annotations); err != nil {
		return nil, err
	}
	delete(metadata, "managedFields")
	if whole["metadata"], err = json.Marshal(metadata); err != nil {
		return nil, err
	}
	return json.Marshal(whole)
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
