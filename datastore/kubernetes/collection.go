package kubernetes

import (
	"encoding/json"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// collection is where and how the objects of a kind are stored.
type collection struct {
	kind *resources.Kind
	// path is that of the collection's URL, and group the API group of its access rules.
	path, group, resource string
	// decode reads an object as the server sends it.
	decode func(body []byte) (resources.Object, error)
	// encode writes the body of a request that makes o of an object with the metadata stored; nil where
	// objects are not written as a whole.
	encode func(o resources.Object, stored metav1.ObjectMeta) ([]byte, error)
}

// collectionOf is where objects of a kind are written.
func (s *Store) collectionOf(kind *resources.Kind) collection {
	if kind == resources.Node {
		return collection{kind: kind, path: "/api/v1/nodes", resource: "nodes", decode: s.decodeAndRememberNode}
	}
	c := collection{
		kind: kind, path: "/apis/" + s.group + "/" + kind.Plural, resource: kind.Plural,
		group: strings.Split(s.group, "/")[0],
	}
	c.decode = func(body []byte) (resources.Object, error) {
		return s.tolerating.Decode(kind.Key(nameIfMended(kind, body)), body, func(body []byte) (resources.Object, error) {
			return decodeCustom(kind, s.group, body)
		})
	}
	c.encode = func(o resources.Object, stored metav1.ObjectMeta) ([]byte, error) {
		return encodeCustom(kind, s.group, o, stored)
	}
	return c
}

// nameIfMended is the name of an object of a kind for which that has to be known before it is read.
func nameIfMended(kind *resources.Kind, body []byte) string {
	if !kind.Mends() {
		return ""
	}
	return nameOf(body)
}

func (c collection) item(name string) string { return c.path + "/" + name }

// decodeCustom reads a custom resource of either group.
func decodeCustom(kind *resources.Kind, group string, body []byte) (resources.Object, error) {
	o := kind.New()
	if err := json.Unmarshal(body, o); err != nil {
		return nil, err
	}
	o.GetObjectKind().SetGroupVersionKind(v3.SchemeGroupVersion.WithKind(kind.Name))
	o.SetManagedFields(nil)
	if group == groupV3 {
		return o, nil
	}
	return o, fromV1(o)
}

func encodeCustom(kind *resources.Kind, group string, o resources.Object, stored metav1.ObjectMeta) ([]byte, error) {
	out := o.DeepCopyObject().(resources.Object)
	out.SetManagedFields(nil)
	out.SetGeneration(0)
	if group == groupV1 {
		if err := toV1(kind, out, stored); err != nil {
			return nil, err
		}
	}
	return json.Marshal(out)
}

// decodeNode reads a Kubernetes node as a Calico node.
func (s *Store) decodeNode(body []byte) (resources.Object, error) {
	_, node, err := s.parseNode(body)
	return node, err
}

// decodeAndRememberNode reads a node that may be written next.
func (s *Store) decodeAndRememberNode(body []byte) (resources.Object, error) {
	in, node, err := s.parseNode(body)
	if err == nil {
		s.nodes.remember(in)
	}
	return node, err
}

func (s *Store) parseNode(body []byte) (*resources.KubernetesNode, resources.Object, error) {
	var in resources.KubernetesNode
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, nil, fmt.Errorf("the node: %w", err)
	}
	node, ignored := resources.NodeFromKubernetes(&in, s.node)
	remarks := make([]string, len(ignored))
	for i, text := range ignored {
		remarks[i] = "The " + text + ". Correct it or remove it."
	}
	s.tolerating.Remark(resources.Node.Key(in.Name), remarks)
	return &in, node, nil
}
