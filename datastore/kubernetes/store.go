package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/client-go/rest"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// Store is a connection to the Kubernetes API. It implements datastore.Bulk and datastore.Completer.
type Store struct {
	client *rest.RESTClient
	// server is the host and port, for messages.
	server string
	// secrets are texts that no message may show.
	secrets []string
	token   *lastToken
	// certificateEnds is when the client certificate expires; zero if there is none.
	certificateEnds time.Time
	group           string
	// groupHint ends the message that a kind is missing, when the group was chosen by hand.
	groupHint   string
	timeout     time.Duration
	concurrency int
	node        resources.KubernetesNodeOptions
	nodes       nodeMemory
	tolerating  datastore.Tolerating
}

// Tolerate implements datastore.Tolerant.
func (s *Store) Tolerate(t datastore.Tolerance) { s.tolerating.Tolerate(t) }

var (
	_ datastore.Bulk     = (*Store)(nil)
	_ datastore.Tolerant = (*Store)(nil)
)

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
	body, err := s.fetch(ctx, op, key, c, name)
	if err != nil {
		return nil, err
	}
	return decoded(op, key, c, body)
}

// fetch reads an object as the server sends it.
func (s *Store) fetch(ctx context.Context, op string, key resources.Key, c collection, name string) ([]byte, error) {
	if !canBeName(name) {
		return nil, datastore.ErrorOf(op, key, datastore.ErrNotFound, "")
	}
	body, err := s.do(ctx, s.client.Get().AbsPath(c.item(name)))
	return body, s.failure(ctx, op, key, c.request("get"), err)
}

// canBeName tells whether an object may have this name. Any other would be the path of something else.
func canBeName(name string) bool {
	return name != "" && len(content.IsPathSegmentName(name)) == 0 && !strings.ContainsAny(name, "?#")
}

func decoded(op string, key resources.Key, c collection, body []byte) (resources.Object, error) {
	o, err := c.decode(body)
	if err != nil {
		return nil, datastore.ErrorOf(op, key, datastore.ErrInvalid, "what is stored cannot be understood: "+datastore.Unreadable(err))
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

// listTries bounds how often a list is begun again.
const listTries = 5

// listAll reads a collection page by page, from the start again if the server cannot go on.
func (s *Store) listAll(ctx context.Context, c collection) (items []resources.Object, revision string, err error) {
	for range listTries {
		items, revision, err = s.listPages(ctx, c)
		if !errors.Is(err, datastore.ErrCompacted) {
			return items, revision, err
		}
	}
	return nil, "", datastore.ErrorOf("list", c.kind.Key(""), datastore.ErrUnavailable,
		fmt.Sprintf("the server has forgotten the start of the list before its end, %d times; try again when it has less to do", listTries))
}

// listPages reads the next page while it decodes one.
func (s *Store) listPages(ctx context.Context, c collection) ([]resources.Object, string, error) {
	var decoder errgroup.Group
	decoder.SetLimit(1) // after another, for the order
	found := decodedItems{store: s, collection: c}
	revision, err := s.eachPage(ctx, c, func(items []json.RawMessage) {
		decoder.Go(func() error {
			found.add(items)
			return nil
		})
	})
	_ = decoder.Wait() // what is broken is in found
	if err != nil {
		return nil, "", err
	}
	if len(found.broken) > 0 {
		return nil, "", datastore.ErrorOf("list", c.kind.Key(""), datastore.ErrInvalid,
			"what is stored cannot be understood: "+strings.Join(found.broken, "; ")+datastore.MendOrDelete)
	}
	return found.objects, revision, nil
}

// eachPage hands on the items of one page after another.
func (s *Store) eachPage(ctx context.Context, c collection, use func(items []json.RawMessage)) (revision string, err error) {
	next := ""
	for {
		r := s.client.Get().AbsPath(c.path).Param("limit", listPage)
		if next != "" {
			r = r.Param("continue", next)
		}
		body, err := s.do(ctx, r)
		if err != nil {
			return "", s.failure(ctx, "list", c.kind.Key(""), c.request("list"), err)
		}
		var page struct {
			Metadata struct{ ResourceVersion, Continue string }
			Items    []json.RawMessage
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return "", datastore.ErrorOf("list", c.kind.Key(""), datastore.ErrInvalid, "the server's answer cannot be understood: "+err.Error())
		}
		use(page.Items)
		next = page.Metadata.Continue
		if next == "" {
			return page.Metadata.ResourceVersion, nil
		}
	}
}

// decodedItems are the objects of a list, and what is wrong with those that cannot be read.
type decodedItems struct {
	store      *Store
	collection collection
	objects    []resources.Object
	broken     []string
}

func (d *decodedItems) add(items []json.RawMessage) {
	for _, item := range items {
		o, err := d.collection.decode(item)
		switch {
		case err == nil:
			d.objects = append(d.objects, o)
		case !d.store.tolerating.LeavesOut(d.collection.kind.Key(nameOf(item)), err):
			d.broken = append(d.broken, nameOf(item)+" ("+datastore.Unreadable(err)+")")
		}
	}
}

func nameOf(item []byte) string {
	var o struct{ Metadata struct{ Name string } }
	_ = json.Unmarshal(item, &o) // it is for a message
	return o.Metadata.Name
}

// Endpoints is where the server is reached, as host:port.
func (s *Store) Endpoints() []string {
	if _, _, err := net.SplitHostPort(s.server); err != nil {
		return []string{net.JoinHostPort(s.server, "443")}
	}
	return []string{s.server}
}
