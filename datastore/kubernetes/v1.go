package kubernetes

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/edfb3db0/calicoctl/resources"
)

// metadataAnnotation holds the metadata of an object of projectcalico.org/v3 in the older group.
const metadataAnnotation = "projectcalico.org/metadata"

// toV1 gives o the form in which the older group stores it: its metadata is JSON in an
// annotation, and only labels and annotations of Calico's own stand beside that. Finalizers and owners that
// the stored object has where the server heeds them stay there.
func toV1(kind *resources.Kind, o resources.Object, stored metav1.ObjectMeta) error {
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
	}
	outer := metav1.ObjectMeta{}
	for _, finalizer := range o.GetFinalizers() {
		into := placeOf(slices.Contains(stored.Finalizers, finalizer), &outer, &inner)
		into.Finalizers = append(into.Finalizers, finalizer)
	}
	for _, owner := range o.GetOwnerReferences() {
		into := placeOf(hasOwner(stored.OwnerReferences, owner), &outer, &inner)
		into.OwnerReferences = append(into.OwnerReferences, owner)
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
	o.SetOwnerReferences(outer.OwnerReferences)
	o.SetFinalizers(outer.Finalizers)
	return nil
}

func placeOf(server bool, outer, inner *metav1.ObjectMeta) *metav1.ObjectMeta {
	if server {
		return outer
	}
	return inner
}

func hasOwner(owners []metav1.OwnerReference, owner metav1.OwnerReference) bool {
	return slices.ContainsFunc(owners, func(o metav1.OwnerReference) bool { return o.UID == owner.UID })
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
	owners, finalizers := o.GetOwnerReferences(), o.GetFinalizers()
	for _, owner := range inner.OwnerReferences {
		if !hasOwner(owners, owner) {
			owners = append(owners, owner)
		}
	}
	for _, finalizer := range inner.Finalizers {
		if !slices.Contains(finalizers, finalizer) {
			finalizers = append(finalizers, finalizer)
		}
	}
	o.SetOwnerReferences(owners)
	o.SetFinalizers(finalizers)
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
