package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// Store is a connection to the Kubernetes API. It implements datastore.Bulk.
type Store struct {
	client  *rest.RESTClient
	server  string
	group   string
	timeout time.Duration
	node    resources.KubernetesNodeOptions
}

var _ datastore.Bulk = (*Store)(nil)

// Close implements datastore.Store.
func (s *Store) Close() error {
	s.client.Client.CloseIdleConnections()
	return nil
}

// do sends a request, within the time-out, and returns the body of the answer.
func (s *Store) do(ctx context.Context, r *rest.Request) ([]byte, error) {
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	result := r.Do(bounded)
	body, _ := result.Raw()
	if err := result.Error(); err != nil {
		return nil, errors.Join(err, bounded.Err())
	}
	return body, nil
}

// Get implements datastore.Store.
func (s *Store) Get(ctx context.Context, key resources.Key) (resources.Object, error) {
	if o, ok := datastore.BuiltIn(key); ok {
		return o, nil
	}
	c, name := s.collectionOf(key.Kind), key.Name
	if key.Kind == resources.Profile {
		var ok bool
		if c, name, ok = profileSource(key.Name); !ok {
			return nil, datastore.ErrorOf("get", key, datastore.ErrNotFound, "")
		}
	}
	return s.read(ctx, "get", key, c, name)
}

func (s *Store) read(ctx context.Context, op string, key resources.Key, c collection, name string) (resources.Object, error) {
	if name == "" || strings.ContainsAny(name, "/%?#") {
		return nil, datastore.ErrorOf(op, key, datastore.ErrNotFound, "")
	}
	body, err := s.do(ctx, s.client.Get().AbsPath(c.item(name)))
	if err != nil {
		return nil, s.failure(ctx, op, key, c.request("get"), err)
	}
	return decoded(op, key, c, body)
}

func decoded(op string, key resources.Key, c collection, body []byte) (resources.Object, error) {
	o, err := c.decode(body)
	if err != nil {
		return nil, datastore.ErrorOf(op, key, datastore.ErrInvalid, "what is stored cannot be understood: "+err.Error())
	}
	return o, nil
}

// List implements datastore.Store.
func (s *Store) List(ctx context.Context, kind *resources.Kind) (*resources.List, error) {
	sources := []collection{s.collectionOf(kind)}
	if kind == resources.Profile {
		sources = profileSources()
	}
	var items []resources.Object
	var revision string
	for _, c := range sources {
		found, at, err := s.listAll(ctx, c)
		if err != nil {
			return nil, err
		}
		items, revision = append(items, found...), at
	}
	return kind.NewList(revision, datastore.WithBuiltIn(kind, items)), nil
}

// listPage is how many objects one request reads.
const listPage = "500"

// listAll reads a collection page by page, from the start again if the server cannot go on.
func (s *Store) listAll(ctx context.Context, c collection) (items []resources.Object, revision string, err error) {
	for {
		items, revision, err = s.listPages(ctx, c)
		if !errors.Is(err, datastore.ErrCompacted) {
			return items, revision, err
		}
	}
}

func (s *Store) listPages(ctx context.Context, c collection) (items []resources.Object, revision string, err error) {
	var broken []string
	next := ""
	for {
		r := s.client.Get().AbsPath(c.path).Param("limit", listPage)
		if next != "" {
			r = r.Param("continue", next)
		}
		body, err := s.do(ctx, r)
		if err != nil {
			return nil, "", s.failure(ctx, "list", c.kind.Key(""), c.request("list"), err)
		}
		var page struct {
			Metadata struct{ ResourceVersion, Continue string }
			Items    []json.RawMessage
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, "", datastore.ErrorOf("list", c.kind.Key(""), datastore.ErrInvalid, "the server's answer cannot be understood: "+err.Error())
		}
		for _, item := range page.Items {
			o, err := c.decode(item)
			if err != nil {
				broken = append(broken, nameOf(item)+" ("+err.Error()+")")
				continue
			}
			items = append(items, o)
		}
		next, revision = page.Metadata.Continue, page.Metadata.ResourceVersion
		if next == "" {
			break
		}
	}
	if len(broken) > 0 {
		return nil, "", datastore.ErrorOf("list", c.kind.Key(""), datastore.ErrInvalid,
			"what is stored cannot be understood: "+strings.Join(broken, "; "))
	}
	return items, revision, nil
}

func nameOf(item []byte) string {
	var o struct{ Metadata struct{ Name string } }
	_ = json.Unmarshal(item, &o) // it is for a message
	return o.Metadata.Name
}

// Create implements datastore.Store.
func (s *Store) Create(ctx context.Context, o resources.Object) (resources.Object, error) {
	key, _ := resources.KeyOf(o)
	if err := s.refuse("create", key); err != nil {
		return nil, err
	}
	c := s.collectionOf(key.Kind)
	fresh := o.DeepCopyObject().(resources.Object)
	fresh.SetResourceVersion("")
	body, err := c.encode(fresh)
	if err != nil {
		return nil, datastore.ErrorOf("create", key, datastore.ErrInvalid, err.Error())
	}
	answer, err := s.do(ctx, s.client.Post().AbsPath(c.path).SetHeader("Content-Type", "application/json").Body(body))
	if err != nil {
		return nil, s.failure(ctx, "create", key, c.request("create"), err)
	}
	return decoded("create", key, c, answer)
}

// refuse is why a kind or an object is never written.
func (s *Store) refuse(op string, key resources.Key) error {
	switch {
	case key.Kind == resources.Node && op == "create":
		return &datastore.UnsupportedError{Op: op, Key: key.String(), Reason: "a node appears when its kubelet registers it with Kubernetes; apply changes one that is there"}
	case key.Kind == resources.Node && op == "delete":
		return &datastore.UnsupportedError{Op: op, Key: key.String(), Reason: "it is a node of Kubernetes: kubectl delete node " + key.Name}
	}
	if err := datastore.RefuseBuiltIn(op, key); err != nil {
		return err
	}
	if key.Kind == resources.Profile {
		return &datastore.UnsupportedError{Op: op, Key: key.String(), Reason: "on Kubernetes, profiles follow from namespaces and service accounts"}
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
	c := s.collectionOf(key.Kind)
	at, uid := o.GetCreationTimestamp(), o.GetUID()
	if at.IsZero() || uid == "" { // the older group keeps them where the server does not look
		stored, err := s.read(ctx, "update", key, c, key.Name)
		if err != nil {
			return nil, err
		}
		o = o.DeepCopyObject().(resources.Object)
		o.SetUID(stored.GetUID())
		o.SetCreationTimestamp(stored.GetCreationTimestamp())
	}
	body, err := c.encode(o)
	if err != nil {
		return nil, datastore.ErrorOf("update", key, datastore.ErrInvalid, err.Error())
	}
	answer, err := s.do(ctx, s.client.Put().AbsPath(c.item(key.Name)).SetHeader("Content-Type", "application/json").Body(body))
	if err != nil {
		return nil, s.failure(ctx, "update", key, c.request("update"), err)
	}
	return decoded("update", key, c, answer)
}

// Delete implements datastore.Store.
func (s *Store) Delete(ctx context.Context, key resources.Key, resourceVersion string) error {
	if err := s.refuse("delete", key); err != nil {
		return err
	}
	c := s.collectionOf(key.Kind)
	options := `{"kind":"DeleteOptions","apiVersion":"v1"}`
	if resourceVersion != "" {
		text, err := json.Marshal(resourceVersion)
		if err != nil {
			return err
		}
		options = `{"kind":"DeleteOptions","apiVersion":"v1","preconditions":{"resourceVersion":` + string(text) + `}}`
	}
	_, err := s.do(ctx, s.client.Delete().AbsPath(c.item(key.Name)).SetHeader("Content-Type", "application/json").Body([]byte(options)))
	if resourceVersion == "" && apierrors.IsConflict(err) {
		_, err = s.do(ctx, s.client.Delete().AbsPath(c.item(key.Name))) // a new one of that name came in between
	}
	return s.failure(ctx, "delete", key, c.request("delete"), err)
}

// profileSources are the collections that profiles are made of.
func profileSources() []collection {
	return []collection{
		{kind: resources.Profile, path: "/api/v1/namespaces", resource: "namespaces", decode: namespaceAsProfile},
		{kind: resources.Profile, path: "/api/v1/serviceaccounts", resource: "serviceaccounts", decode: serviceAccountAsProfile},
	}
}

// profileSource is where the profile of this name comes from; not ok if from nowhere.
func profileSource(profile string) (c collection, name string, ok bool) {
	sources := profileSources()
	if name, ok = strings.CutPrefix(profile, namespaceProfile); ok {
		return sources[0], name, true
	}
	rest, ok := strings.CutPrefix(profile, serviceAccountProfile)
	namespace, name, dotted := strings.Cut(rest, ".") // a namespace has no dot in its name
	c = sources[1]
	c.path = "/api/v1/namespaces/" + namespace + "/serviceaccounts"
	return c, name, ok && dotted
}
