package etcd

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// root is above all keys of objects.
const root = "/calico/resources/v3/projectcalico.org/"

// metadataAnnotation holds the name of a policy in its stored form.
const metadataAnnotation = "projectcalico.org/metadata"

func folderOf(kind *resources.Kind) string { return root + kind.Plural + "/" }

func pathOf(key resources.Key) string { return folderOf(key.Kind) + key.Name }

// isPolicy tells whether the kind is stored with its name in an annotation: the kinds that live in tiers.
func isPolicy(kind *resources.Kind) bool { return kind.Needs.Kind == resources.Tier.Name }

// encode gives the value to store for o, which it leaves as it is.
func encode(key resources.Key, o resources.Object) ([]byte, error) {
	out := o.DeepCopyObject().(resources.Object)
	out.SetResourceVersion("")
	out.SetManagedFields(nil)
	out.SetGeneration(0)
	if isPolicy(key.Kind) {
		name, err := json.Marshal(map[string]string{"name": key.Name})
		if err != nil {
			return nil, err
		}
		annotations := maps.Clone(out.GetAnnotations())
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[metadataAnnotation] = string(name)
		out.SetAnnotations(annotations)
	}
	return json.Marshal(out)
}

// decode makes the object of a stored value. Its name is that of its key, under which it can be found.
func decode(key resources.Key, value []byte, revision int64) (resources.Object, error) {
	o := key.Kind.New()
	if err := json.Unmarshal(value, o); err != nil {
		return nil, err
	}
	if stored := o.GetObjectKind().GroupVersionKind(); stored.Kind != key.Kind.Name {
		return nil, fmt.Errorf("it is stored as a %q", stored.Kind)
	}
	o.GetObjectKind().SetGroupVersionKind(v3.SchemeGroupVersion.WithKind(key.Kind.Name))
	o.SetName(key.Name)
	if namespace, name, ok := strings.Cut(key.Name, "/"); ok && key.Kind.Namespaced {
		o.SetNamespace(namespace)
		o.SetName(name)
	}
	o.SetResourceVersion(formatRevision(revision))
	if isPolicy(key.Kind) {
		tidyPolicy(key.Kind, o)
	}
	return o, nil
}

// tidyPolicy removes what is only in the stored form of a policy, and adds the label that old ones lack.
func tidyPolicy(kind *resources.Kind, o resources.Object) {
	if annotations := o.GetAnnotations(); annotations != nil {
		delete(annotations, metadataAnnotation)
		if len(annotations) == 0 {
			annotations = nil
		}
		o.SetAnnotations(annotations)
	}
	labels := o.GetLabels()
	if labels[v3.LabelTier] != "" {
		return
	}
	if labels == nil {
		labels = map[string]string{}
	}
	labels[v3.LabelTier] = cmp.Or(kind.Needs.Name(o), v3.TierDefault)
	o.SetLabels(labels)
}

func undecodable(op string, key resources.Key, err error) error {
	return datastore.ErrorOf(op, key, datastore.ErrInvalid,
		"the value of the key "+pathOf(key)+" cannot be understood: "+datastore.Unreadable(err))
}

// withIdentity sets uid and creation time where they are empty.
func withIdentity(o resources.Object) resources.Object {
	out := o.DeepCopyObject().(resources.Object)
	if out.GetUID() == "" {
		out.SetUID(types.UID(uuid.NewString()))
	}
	if at := out.GetCreationTimestamp(); at.IsZero() {
		now := metav1.Now().Rfc3339Copy()
		out.SetCreationTimestamp(now)
	}
	return out
}

func formatRevision(revision int64) string { return strconv.FormatInt(revision, 10) }

// parseRevision reads a resource version that a method was given.
func parseRevision(op string, key resources.Key, resourceVersion string) (int64, error) {
	revision, err := strconv.ParseInt(resourceVersion, 10, 64)
	if err != nil {
		return 0, datastore.ErrorOf(op, key, datastore.ErrInvalid, strconv.Quote(resourceVersion)+" is no resource version of this datastore")
	}
	return revision, nil
}

// nameOf is the name of the object of kind that is stored under path; not ok if path is no such thing.
func nameOf(kind *resources.Kind, path string) (name string, ok bool) {
	name, ok = strings.CutPrefix(path, folderOf(kind))
	parts := 1
	if kind.Namespaced {
		parts = 2
	}
	return name, ok && name != "" && strings.Count(name, "/") == parts-1
}
