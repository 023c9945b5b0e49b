package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// Create implements datastore.Store.
func (s *Store) Create(ctx context.Context, o resources.Object) (resources.Object, error) {
	key, _ := resources.KeyOf(o)
	if err := s.refuse("create", key); err != nil {
		return nil, err
	}
	c := s.collectionOf(key.Kind)
	fresh := o.DeepCopyObject().(resources.Object)
	fresh.SetResourceVersion("")
	return s.send(ctx, "create", key, c, s.client.Post().AbsPath(c.path), fresh, metav1.ObjectMeta{})
}

// send writes an object with the request r and gives it as it is stored then.
func (s *Store) send(
	ctx context.Context, op string, key resources.Key, c collection, r *rest.Request, o resources.Object, stored metav1.ObjectMeta,
) (resources.Object, error) {
	body, err := c.encode(o, stored)
	if err != nil {
		return nil, datastore.ErrorOf(op, key, datastore.ErrInvalid, err.Error())
	}
	answer, err := s.do(ctx, r.SetHeader("Content-Type", "application/json").Body(body))
	if err != nil {
		return nil, s.failure(ctx, op, key, c.request(op), err)
	}
	return decoded(op, key, c, answer)
}

// refuse is why a kind or an object is never written.
func (s *Store) refuse(op string, key resources.Key) error {
	switch {
	case key.Kind == resources.Node && op == "create":
		return &datastore.UnsupportedError{
			Op: op, Key: key.String(),
			Reason: "a node appears when its kubelet registers it with Kubernetes; apply changes one that is there",
		}
	case key.Kind == resources.Node && op == "delete":
		return &datastore.UnsupportedError{Op: op, Key: key.String(), Reason: "it is a node of Kubernetes: kubectl delete node " + key.Name}
	}
	if err := datastore.RefuseBuiltIn(op, key); err != nil {
		return err
	}
	if key.Kind == resources.Profile {
		return &datastore.UnsupportedError{Op: op, Key: key.String(), Reason: "on Kubernetes, profiles follow from namespaces and service accounts"}
	}
	if op != "create" && !canBeName(key.Name) {
		return datastore.ErrorOf(op, key, datastore.ErrNotFound, "")
	}
	return nil
}

// Update implements datastore.Store.
func (s *Store) Update(ctx context.Context, o resources.Object) (resources.Object, error) {
	key, _ := resources.KeyOf(o)
	if err := s.refuse("update", key); err != nil {
		return nil, err
	}
	if o.GetResourceVersion() == "" {
		return nil, datastore.ErrorOf("update", key, datastore.ErrInvalid, "there is no resource version")
	}
	if key.Kind == resources.Node {
		return s.updateNode(ctx, key, o)
	}
	if err := s.tolerating.MayReplace("update", key); err != nil {
		return nil, err
	}
	c := s.collectionOf(key.Kind)
	var stored metav1.ObjectMeta
	if s.mustSeeStored(o) {
		var err error
		if o, stored, err = s.withStored(ctx, key, c, o); err != nil {
			return nil, err
		}
	}
	return s.send(ctx, "update", key, c, s.client.Put().AbsPath(c.item(key.Name)), o, stored)
}

// mustSeeStored tells whether an update of o depends on more than o says: on uid or creation time that o leaves
// out, or on where the older group has its finalizers and owners.
func (s *Store) mustSeeStored(o resources.Object) bool {
	at := o.GetCreationTimestamp()
	return at.IsZero() || o.GetUID() == "" || s.group == groupV1 && len(o.GetFinalizers())+len(o.GetOwnerReferences()) > 0
}

// withStored completes o by what is stored, and gives the metadata that the server sees there.
func (s *Store) withStored(ctx context.Context, key resources.Key, c collection, o resources.Object) (resources.Object, metav1.ObjectMeta, error) {
	body, err := s.fetch(ctx, "update", key, c, key.Name)
	if err != nil {
		return nil, metav1.ObjectMeta{}, err
	}
	before, err := decoded("update", key, c, body)
	if err != nil {
		return nil, metav1.ObjectMeta{}, err
	}
	var stored struct{ Metadata metav1.ObjectMeta }
	if err := json.Unmarshal(body, &stored); err != nil {
		return nil, metav1.ObjectMeta{}, datastore.ErrorOf("update", key, datastore.ErrInvalid, err.Error())
	}
	o = o.DeepCopyObject().(resources.Object)
	if at := o.GetCreationTimestamp(); at.IsZero() {
		o.SetCreationTimestamp(before.GetCreationTimestamp())
	}
	if o.GetUID() == "" {
		o.SetUID(before.GetUID())
	}
	return o, stored.Metadata, nil
}

// deleteTries bounds how often a deletion is tried of an object that others keep changing.
const deleteTries = 5

// Delete implements datastore.Store.
func (s *Store) Delete(ctx context.Context, key resources.Key, resourceVersion string) error {
	if err := s.refuse("delete", key); err != nil {
		return err
	}
	c := s.collectionOf(key.Kind)
	var options metav1.DeleteOptions
	if resourceVersion != "" {
		options.Preconditions = &metav1.Preconditions{ResourceVersion: &resourceVersion}
	}
	options.APIVersion, options.Kind = "v1", "DeleteOptions"
	body, err := json.Marshal(options)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		_, err = s.do(ctx, s.client.Delete().AbsPath(c.item(key.Name)).SetHeader("Content-Type", "application/json").Body(body))
		if resourceVersion == "" && apierrors.IsConflict(err) && try < deleteTries {
			continue // it was changed meanwhile, which does not matter
		}
		if resourceVersion != "" && apierrors.IsConflict(err) {
			return datastore.ErrorOf("delete", key, datastore.ErrConflict, fmt.Sprintf("resource version %q is out of date", resourceVersion))
		}
		return s.failure(ctx, "delete", key, c.request("delete"), err)
	}
}
