package local

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

const (
	queryObject  = `SELECT revision, body FROM objects WHERE kind = ? AND name = ?`
	queryObjects = `SELECT name, revision, body FROM objects WHERE kind = ? ORDER BY name`
	insertObject = `INSERT INTO objects (kind, name, revision, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`
	updateObject = `UPDATE objects SET revision = ?, body = ? WHERE kind = ? AND name = ?`
	deleteObject = `DELETE FROM objects WHERE kind = ? AND name = ?`
)

// stored is a row of an object.
type stored struct {
	revision int64
	body     []byte
}

// readStored reads the row of queryObject, or fails with sql.ErrNoRows.
func readStored(row *sql.Row) (s stored, err error) {
	err = row.Scan(&s.revision, &s.body)
	return s, err
}

// identity is the metadata that an object has for life.
type identity struct {
	Metadata struct {
		UID               types.UID   `json:"uid"`
		CreationTimestamp metav1.Time `json:"creationTimestamp"`
	} `json:"metadata"`
}

// Get implements datastore.Store.
func (t *tx) Get(ctx context.Context, key resources.Key) (resources.Object, error) {
	if o, ok := datastore.BuiltIn(key); ok {
		return o, nil
	}
	leave, err := t.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	row, err := t.find("get", key)
	if err != nil {
		return nil, err
	}
	return row.object("get", key)
}

// find reads a row, or fails with ErrNotFound.
func (t *tx) find(op string, key resources.Key) (stored, error) {
	s, err := t.statement(queryObject)
	if err != nil {
		return stored{}, t.failed(op, key, err)
	}
	row, err := readStored(s.QueryRowContext(t.brief, key.Kind.Name, key.Name))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return stored{}, datastore.ErrorOf(op, key, datastore.ErrNotFound, "")
	case err != nil:
		return stored{}, t.failed(op, key, err)
	}
	return row, nil
}

func (s stored) object(op string, key resources.Key) (resources.Object, error) {
	o, err := decode(key, s.revision, s.body)
	if err != nil {
		return nil, undecodable(op, key, err)
	}
	return o, nil
}

// List implements datastore.Store.
func (t *tx) List(ctx context.Context, kind *resources.Kind) (*resources.List, error) {
	leave, err := t.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	r, err := t.counter()
	if err != nil {
		return nil, t.failed("list", kind.Key(""), err)
	}
	rows, err := t.sql.QueryContext(ctx, queryObjects, kind.Name)
	if err != nil {
		return nil, t.failed("list", kind.Key(""), err)
	}
	defer func() { _ = rows.Close() }()
	objects, err := decodeRows(kind, rows)
	var undecodable *datastore.Error
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, &undecodable):
		return nil, err
	case err != nil:
		return nil, t.failed("list", kind.Key(""), err)
	}
	return kind.NewList(formatRevision(r.current), datastore.WithBuiltIn(kind, objects)), nil
}

// keyOf names an object that is to be written.
func keyOf(op string, o resources.Object) (resources.Key, error) {
	key, ok := resources.KeyOf(o)
	switch {
	case !ok:
		return key, datastore.ErrorOf(op, resources.Key{}, datastore.ErrInvalid,
			fmt.Sprintf("unknown kind %q", o.GetObjectKind().GroupVersionKind().Kind))
	case key.Name == "":
		return key, datastore.ErrorOf(op, key, datastore.ErrInvalid, "it has no name")
	}
	return key, datastore.RefuseBuiltIn(op, key)
}

// Create implements datastore.Store.
func (t *tx) Create(ctx context.Context, o resources.Object) (resources.Object, error) {
	key, err := keyOf("create", o)
	if err != nil {
		return nil, err
	}
	o = o.DeepCopyObject().(resources.Object)
	if o.GetUID() == "" {
		o.SetUID(types.UID(uuid.NewString()))
	}
	if at := o.GetCreationTimestamp(); at.IsZero() {
		o.SetCreationTimestamp(metav1.NewTime(t.store.clock()))
	}
	leave, err := t.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	return t.put("create", key, o, created, func(revision int64, body []byte) error {
		inserted, err := t.exec(insertObject, key.Kind.Name, key.Name, revision, string(body))
		if err == nil && !inserted {
			return datastore.ErrorOf("create", key, datastore.ErrExists, "")
		}
		return t.failedIf("create", key, err)
	})
}

// Update implements datastore.Store.
func (t *tx) Update(ctx context.Context, o resources.Object) (resources.Object, error) {
	key, err := keyOf("update", o)
	if err != nil {
		return nil, err
	}
	if o.GetResourceVersion() == "" {
		return nil, datastore.ErrorOf("update", key, datastore.ErrInvalid, "it has no resource version")
	}
	leave, err := t.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	row, err := t.match("update", key, o.GetResourceVersion())
	if err != nil {
		return nil, err
	}
	o = o.DeepCopyObject().(resources.Object)
	row.keepIdentity(o)
	return t.put("update", key, o, changed, func(revision int64, body []byte) error {
		_, err := t.exec(updateObject, revision, string(body), key.Kind.Name, key.Name)
		return t.failedIf("update", key, err)
	})
}

// match reads a row that must have the given resource version.
func (t *tx) match(op string, key resources.Key, resourceVersion string) (stored, error) {
	row, err := t.find(op, key)
	if err == nil && formatRevision(row.revision) != resourceVersion {
		err = datastore.ErrorOf(op, key, datastore.ErrConflict,
			fmt.Sprintf("resource version %s was given, and %d is stored", resourceVersion, row.revision))
	}
	return row, err
}

// keepIdentity gives o the identity of the stored object where it has none. There is
// none to keep if the stored object cannot be decoded: an update may repair that.
func (s stored) keepIdentity(o resources.Object) {
	var old identity
	if json.Unmarshal(s.body, &old) != nil {
		return
	}
	if o.GetUID() == "" {
		o.SetUID(old.Metadata.UID)
	}
	if created := o.GetCreationTimestamp(); created.IsZero() {
		o.SetCreationTimestamp(old.Metadata.CreationTimestamp)
	}
}

// put stores o, which it takes over, with the next revision and gives what Get would. It
// is decoded from what is written: an object that could not be read again is refused.
func (t *tx) put(
	op string, key resources.Key, o resources.Object, how change, write func(revision int64, body []byte) error,
) (resources.Object, error) {
	r, err := t.counter()
	if err != nil {
		return nil, t.failed(op, key, err)
	}
	revision := r.current + 1
	body, err := encode(o)
	if err != nil {
		return nil, datastore.ErrorOf(op, key, datastore.ErrInvalid, err.Error())
	}
	out, err := decode(key, revision, body)
	if err != nil {
		return nil, datastore.ErrorOf(op, key, datastore.ErrInvalid, "it could not be read again: "+err.Error())
	}
	if err := write(revision, body); err != nil {
		return nil, err
	}
	if err := t.record(key, how, body); err != nil {
		return nil, t.failed(op, key, err)
	}
	return out, nil
}

// Delete implements datastore.Store.
func (t *tx) Delete(ctx context.Context, key resources.Key, resourceVersion string) error {
	if err := datastore.RefuseBuiltIn("delete", key); err != nil {
		return err
	}
	leave, err := t.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	row, err := t.find("delete", key)
	if resourceVersion != "" {
		row, err = t.match("delete", key, resourceVersion)
	}
	if err != nil {
		return err
	}
	_, err = t.exec(deleteObject, key.Kind.Name, key.Name)
	if err == nil {
		err = t.record(key, gone, row.body)
	}
	return t.failedIf("delete", key, err)
}

// failedIf is failed for errors that may be nil.
func (t *tx) failedIf(op string, key resources.Key, err error) error {
	if err == nil {
		return nil
	}
	return t.failed(op, key, err)
}

// Watch implements datastore.Store: a transaction is too short for it.
func (t *tx) Watch(context.Context, *resources.Kind, string) (datastore.Watcher, error) {
	return nil, datastore.ErrorOf("watch", resources.Key{}, datastore.ErrUnsupported, "inside a transaction")
}

// Atomically implements datastore.Atomic in the transaction that is running already.
func (t *tx) Atomically(ctx context.Context, fn func(tx datastore.Store) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return fn(t)
}

// Close implements datastore.Store and does nothing: the transaction ends with its function.
func (t *tx) Close() error { return nil }
