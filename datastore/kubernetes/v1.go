package kubernetes

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/bits"
	"strings"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// metadataAnnotation holds the metadata of an object of projectcalico.org/v3 in the older group.
const metadataAnnotation = "projectcalico.org/metadata"

// toV1 gives o the form in which the older group stores it: its metadata is JSON in an
// annotation, and only labels and annotations of Calico's own stand beside that.
func toV1(kind *resources.Kind, o resources.Object) error {
	uid, err := convertUID(o.GetUID())
	if err != nil {
		return err
	}
	own := maps.Clone(o.GetAnnotations())
	delete(own, metadataAnnotation)
	inner := metav1.ObjectMeta{
		CreationTimestamp: o.GetCreationTimestamp(),
		Labels:            o.GetLabels(),
		Annotations:       own,
		OwnerReferences:   o.GetOwnerReferences(),
		Finalizers:        o.GetFinalizers(),
	}
	if kind.Needs.Kind == resources.Tier.Name {
		inner.Name = o.GetName() // policies once had other names in storage
	}
	if inner.CreationTimestamp.IsZero() {
		inner.CreationTimestamp = metav1.Now().Rfc3339Copy()
	}
	text, err := json.Marshal(inner)
	if err != nil {
		return err
	}
	annotations := mirrored(own)
	annotations[metadataAnnotation] = string(text)
	labels := mirrored(o.GetLabels())
	if len(labels) == 0 {
		labels = nil
	}
	o.GetObjectKind().SetGroupVersionKind(schema.FromAPIVersionAndKind(groupV1, kind.Name))
	o.SetAnnotations(annotations)
	o.SetLabels(labels)
	o.SetUID(uid)
	o.SetCreationTimestamp(metav1.Time{})
	o.SetOwnerReferences(nil)
	o.SetFinalizers(nil)
	return nil
}

// mirrored are the labels or annotations that others look for on the stored object.
func mirrored(all map[string]string) map[string]string {
	out := map[string]string{}
	for key, value := range all {
		if strings.Contains(key, "projectcalico.org/") || strings.Contains(key, "operator.tigera.io/") {
			out[key] = value
		}
	}
	return out
}

// fromV1 gives an object of the older group its own metadata again. One that was written by hand has its
// metadata where every Kubernetes object has it.
func fromV1(o resources.Object) error {
	uid, err := convertUID(o.GetUID())
	if err != nil {
		return err
	}
	o.SetUID(uid)
	text, ok := o.GetAnnotations()[metadataAnnotation]
	if !ok {
		return nil
	}
	var inner metav1.ObjectMeta
	if err := json.Unmarshal([]byte(text), &inner); err != nil {
		return fmt.Errorf("annotation %s: %w", metadataAnnotation, err)
	}
	annotations := merged(o.GetAnnotations(), inner.Annotations)
	delete(annotations, metadataAnnotation)
	if len(annotations) == 0 {
		annotations = nil
	}
	o.SetAnnotations(annotations)
	o.SetLabels(merged(o.GetLabels(), inner.Labels))
	o.SetGeneration(0)
	if !inner.CreationTimestamp.IsZero() {
		o.SetCreationTimestamp(inner.CreationTimestamp)
	}
	if len(inner.OwnerReferences) > 0 {
		o.SetOwnerReferences(inner.OwnerReferences)
	}
	if len(inner.Finalizers) > 0 {
		o.SetFinalizers(inner.Finalizers)
	}
	return nil
}

// merged lays one map over another; nil if both are empty.
func merged(under, over map[string]string) map[string]string {
	if len(under)+len(over) == 0 {
		return nil
	}
	out := maps.Clone(under)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, over)
	return out
}

// convertUID turns the uid of a stored object of the older group into that of the object of
// projectcalico.org/v3, or back: the bits of every byte are reversed but for those two that
// say what sort of UUID it is.
func convertUID(uid types.UID) (types.UID, error) {
	if uid == "" {
		return "", nil
	}
	id, err := uuid.Parse(string(uid))
	if err != nil {
		return "", fmt.Errorf("failed to parse UID for resource: %w", err)
	}
	for i := range id {
		if i != 6 && i != 8 {
			id[i] = bits.Reverse8(id[i])
		}
	}
	return types.UID(id.String()), nil
}

// profilePrefixes are how names of profiles that are not stored begin.
const (
	namespaceProfile      = "kns."
	serviceAccountProfile = "ksa."
)

// namespaceAsProfile is the profile of a namespace: it allows everything and hands on the namespace's labels.
func namespaceAsProfile(body []byte) (resources.Object, error) {
	return profileOf(body, "pcns.", func(m metav1.ObjectMeta) string { return namespaceProfile + m.Name })
}

// serviceAccountAsProfile is the profile of a service account: it hands on the account's labels.
func serviceAccountAsProfile(body []byte) (resources.Object, error) {
	return profileOf(body, "pcsa.", func(m metav1.ObjectMeta) string {
		return serviceAccountProfile + m.Namespace + "." + m.Name
	})
}

func profileOf(body []byte, prefix string, name func(metav1.ObjectMeta) string) (resources.Object, error) {
	var in struct{ Metadata metav1.ObjectMeta }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	p := resources.Profile.New().(*v3.Profile)
	p.Name = name(in.Metadata)
	p.UID, p.ResourceVersion, p.CreationTimestamp = in.Metadata.UID, in.Metadata.ResourceVersion, in.Metadata.CreationTimestamp
	if prefix == "pcns." {
		p.Spec.Ingress, p.Spec.Egress = []v3.Rule{{Action: v3.Allow}}, []v3.Rule{{Action: v3.Allow}}
	}
	p.Spec.LabelsToApply = map[string]string{prefix + "projectcalico.org/name": in.Metadata.Name}
	for key, value := range in.Metadata.Labels {
		p.Spec.LabelsToApply[prefix+key] = value
	}
	return p, nil
}
