package kubernetes

import (
	"context"
	"errors"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

var _ datastore.Refresher = (*Store)(nil)

const (
	// metadataOnly asks for names and revisions alone: a node's status is many times larger. A server writes
	// the binary form in a fraction of the time of the other.
	metadataOnly = "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1," +
		"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
	// uncompressed keeps the server from compressing the list, which takes longer than everything else together.
	uncompressed = "identity"
	// maxReads is how many objects are worth reading one by one.
	maxReads = 100
)

// Refresh implements datastore.Refresher. Objects that are not known are read one by one, and if
// there are many of them the whole list is.
func (s *Store) Refresh(
	ctx context.Context, kind *resources.Kind, known func(name, resourceVersion string) (resources.Object, bool),
) (*resources.List, error) {
	if kind == resources.Profile {
		return s.List(ctx, kind)
	}
	c := s.collectionOf(kind)
	body, err := s.do(ctx, s.client.Get().AbsPath(c.path).SetHeader("Accept", metadataOnly).SetHeader("Accept-Encoding", uncompressed))
	if err != nil {
		return nil, s.failure(ctx, "list", kind.Key(""), c.request("list"), err)
	}
	list, err := readRevisions(body)
	if err != nil {
		return nil, datastore.ErrorOf("list", kind.Key(""), datastore.ErrInvalid, "the server's answer cannot be understood: "+err.Error())
	}
	items := make([]resources.Object, 0, len(list.items))
	var missing []string
	for _, item := range list.items {
		if o, ok := known(item.name, item.revision); ok {
			items = append(items, o)
		} else {
			missing = append(missing, item.name)
		}
	}
	if len(missing) > maxReads {
		return s.List(ctx, kind)
	}
	for _, name := range missing {
		o, err := s.read(ctx, "list", kind.Key(name), c, name)
		if errors.Is(err, datastore.ErrNotFound) {
			continue // it has gone since
		}
		if errors.Is(err, datastore.ErrInvalid) && s.tolerating.LeavesOut(kind.Key(name), err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		items = append(items, o)
	}
	return kind.NewList(list.revision, datastore.WithBuiltIn(kind, items)), nil
}
