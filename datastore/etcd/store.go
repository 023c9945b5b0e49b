package etcd

import (
	"context"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// Get implements datastore.Store.
func (s *Store) Get(ctx context.Context, key resources.Key) (resources.Object, error) {
	if o, ok := datastore.BuiltIn(key); ok {
		return o, nil
	}
	return s.get(ctx, "get", key)
}

func (s *Store) get(ctx context.Context, op string, key resources.Key) (resources.Object, error) {
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	answer, err := s.client.Get(bounded, pathOf(key))
	if err != nil {
		return nil, s.failure(ctx, op, key, err)
	}
	if len(answer.Kvs) == 0 {
		return nil, datastore.ErrorOf(op, key, datastore.ErrNotFound, "")
	}
	o, err := s.decode(key, answer.Kvs[0].Value, answer.Kvs[0].ModRevision)
	if err != nil {
		return nil, undecodable(op, key, err)
	}
	return o, nil
}

// listPage is how many keys one request reads.
const listPage = 2000

// List implements datastore.Store. All pages are of one revision, which is the list's.
func (s *Store) List(ctx context.Context, kind *resources.Kind) (*resources.List, error) {
	var items []resources.Object
	var broken []string
	folder := folderOf(kind)
	start, end := folder, clientv3.GetPrefixRangeEnd(folder)
	var revision int64
	for more := true; more; {
		answer, err := s.listPage(ctx, start, end, revision)
		if err != nil {
			return nil, s.failure(ctx, "list", kind.Key(""), err)
		}
		if revision == 0 {
			revision = answer.Header.Revision
		}
		for _, kv := range answer.Kvs {
			start = string(kv.Key) + "\x00"
			name, ok := nameOf(kind, string(kv.Key))
			if !ok {
				continue
			}
			o, err := s.decode(kind.Key(name), kv.Value, kv.ModRevision)
			if err != nil && s.tolerating.LeavesOut(kind.Key(name), err) {
				continue
			}
			if err != nil {
				broken = append(broken, kind.Key(name).String()+" ("+datastore.Unreadable(err)+")")
				continue
			}
			items = append(items, o)
		}
		more = answer.More
	}
	if len(broken) > 0 {
		return nil, datastore.ErrorOf("list", kind.Key(""), datastore.ErrInvalid,
			"what is stored under "+folder+" cannot be understood: "+strings.Join(broken, "; ")+datastore.MendOrDelete)
	}
	return kind.NewList(formatRevision(revision), datastore.WithBuiltIn(kind, items)), nil
}

func (s *Store) listPage(ctx context.Context, start, end string, revision int64) (*clientv3.GetResponse, error) {
	bounded, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.client.Get(bounded, start, clientv3.WithRange(end), clientv3.WithLimit(listPage), clientv3.WithRev(revision))
}

// Create implements datastore.Store.
func (s *Store) Create(ctx context.Context, o resources.Object) (resources.Object, error) {
	key, _ := resources.KeyOf(o)
	return s.one(ctx, datastore.Change{Op: datastore.ChangeCreate, Key: key, Object: o})
}

// Update implements datastore.Store.
func (s *Store) Update(ctx context.Context, o resources.Object) (resources.Object, error) {
	key, _ := resources.KeyOf(o)
	return s.one(ctx, datastore.Change{Op: datastore.ChangeUpdate, Key: key, Object: o})
}

// Delete implements datastore.Store.
func (s *Store) Delete(ctx context.Context, key resources.Key, resourceVersion string) error {
	_, err := s.one(ctx, datastore.Change{Op: datastore.ChangeDelete, Key: key, ResourceVersion: resourceVersion})
	return err
}

func (s *Store) one(ctx context.Context, c datastore.Change) (resources.Object, error) {
	outcome := s.WriteAll(ctx, []datastore.Change{c}, nil)[0]
	return outcome.Object, outcome.Err
}

// Endpoints is where the members are reached, as host:port.
func (s *Store) Endpoints() []string {
	endpoints := make([]string, len(s.endpoints))
	for i, endpoint := range s.endpoints {
		_, address, ok := strings.Cut(endpoint, "://")
		if !ok {
			address = endpoint
		}
		endpoints[i] = address
	}
	return endpoints
}
