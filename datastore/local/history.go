package local

import (
	"context"
	"fmt"
	"slices"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

const queryHistory = `SELECT revision, name, type, body FROM log WHERE kind = ? ORDER BY revision`

// ListAt reads all objects of a kind as they were at a revision, built-in ones included. It fails with ErrCompacted
// if the log does not reach so far back, and with ErrInvalid if there has been no such revision.
func (s *Store) ListAt(ctx context.Context, kind *resources.Kind, revision int64) (*resources.List, error) {
	key := kind.Key("")
	var objects []resources.Object
	err := s.read(ctx, "list", key, func(t *tx) error {
		r, err := t.counter()
		switch {
		case err != nil:
			return t.failed("list", key, err)
		case revision > r.current:
			return datastore.ErrorOf("list", key, datastore.ErrInvalid, fmt.Sprintf("the newest revision is %d", r.current))
		case revision < r.compacted:
			return datastore.ErrorOf("list", key, datastore.ErrCompacted, fmt.Sprintf("history begins with revision %d", r.compacted))
		}
		objects, err = t.listAt(ctx, kind, revision)
		return err
	})
	if err != nil {
		return nil, err
	}
	return kind.NewList(formatRevision(revision), datastore.WithBuiltIn(kind, objects)), nil
}

func (t *tx) listAt(ctx context.Context, kind *resources.Kind, revision int64) ([]resources.Object, error) {
	key := kind.Key("")
	list, err := t.List(ctx, kind)
	if err != nil {
		return nil, err
	}
	rows, err := t.sql.QueryContext(ctx, queryHistory, kind.Name)
	if err != nil {
		return nil, t.failed("list", key, err)
	}
	defer func() { _ = rows.Close() }()
	history, err := scanLog(rows)
	if err != nil {
		return nil, t.failed("list", key, err)
	}
	last, next := map[string]logged{}, map[string]logged{}
	for _, e := range history {
		if e.revision <= revision {
			last[e.name] = e
		} else if _, ok := next[e.name]; !ok {
			next[e.name] = e
		}
	}
	objects := slices.DeleteFunc(list.Items, func(o resources.Object) bool {
		_, changed := next[o.GetName()]
		return changed
	})
	for name, after := range next {
		before, known := last[name]
		switch {
		case after.kind == created:
			continue
		case after.kind == gone:
			before = logged{stored: stored{max(before.revision, 1), after.body}, name: name}
		case !known || before.kind == gone:
			return nil, datastore.ErrorOf("list", kind.Key(name), datastore.ErrCompacted, "its history does not reach so far back")
		}
		o, err := before.object("list", kind.Key(name))
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	return objects, nil
}
