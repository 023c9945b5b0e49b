package local

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// encode gives the JSON that is stored for o: without what is stored beside it.
func encode(o resources.Object) ([]byte, error) {
	o.SetResourceVersion("")
	o.SetManagedFields(nil)
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // selectors are full of & and <
	if err := encoder.Encode(o); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(body.Bytes(), []byte("\n")), nil
}

// decode makes the object that encode was given, of a row with this name and revision.
func decode(key resources.Key, revision int64, body []byte) (resources.Object, error) {
	o := key.Kind.New()
	if err := json.Unmarshal(body, o); err != nil {
		return nil, err
	}
	gvk := v3.SchemeGroupVersion.WithKind(key.Kind.Name)
	if stored := o.GetObjectKind().GroupVersionKind(); stored != gvk {
		return nil, fmt.Errorf("it is stored as a %s of %s", stored.Kind, stored.GroupVersion())
	}
	if o.GetName() != key.Name {
		return nil, fmt.Errorf("it is stored under the name %q", o.GetName())
	}
	o.SetResourceVersion(formatRevision(revision))
	return o, nil
}

func undecodable(op string, key resources.Key, err error) error {
	return datastore.ErrorOf(op, key, datastore.ErrInvalid, "what is stored cannot be understood: "+datastore.Unreadable(err))
}

func formatRevision(revision int64) string { return strconv.FormatInt(revision, 10) }

// batchRows is how many rows are decoded in one go.
const batchRows = 256

// batch is a piece of a list on its way from rows to objects.
type batch struct {
	names     []string
	revisions []int64
	// bodies is the JSON of all rows; ends tells where each one ends.
	bodies []byte
	ends   []int

	objects []resources.Object
	// broken says of each row that could not be decoded which one and why.
	broken []string
}

func (b *batch) add(name string, revision int64, body []byte) {
	b.names = append(b.names, name)
	b.revisions = append(b.revisions, revision)
	b.bodies = append(b.bodies, body...)
	b.ends = append(b.ends, len(b.bodies))
}

// next is an empty batch with room for as much as b has.
func (b *batch) next() *batch {
	return &batch{
		names:     make([]string, 0, len(b.names)),
		revisions: make([]int64, 0, len(b.revisions)),
		bodies:    make([]byte, 0, len(b.bodies)),
		ends:      make([]int, 0, len(b.ends)),
	}
}

// decode fills objects and broken, and lets go of the rows.
func (b *batch) decode(kind *resources.Kind) {
	b.objects = make([]resources.Object, 0, len(b.names))
	start := 0
	for i, name := range b.names {
		o, err := decode(kind.Key(name), b.revisions[i], b.bodies[start:b.ends[i]])
		if err != nil {
			b.broken = append(b.broken, fmt.Sprintf("%s (%s)", kind.Key(name), datastore.Unreadable(err)))
		} else {
			b.objects = append(b.objects, o)
		}
		start = b.ends[i]
	}
	b.names, b.revisions, b.bodies, b.ends = nil, nil, nil, nil
}

// decodeRows makes objects of rows of name, revision and body, in the same order. It
// decodes on all processors while it reads, and holds a few batches of JSON at most. A
// row that cannot be decoded fails the whole list, whose error names every one.
func decodeRows(kind *resources.Kind, rows *sql.Rows) ([]resources.Object, error) {
	var workers errgroup.Group
	workers.SetLimit(runtime.GOMAXPROCS(0))
	var batches []*batch
	current := &batch{}
	flush := func() {
		full := current
		current = full.next()
		batches = append(batches, full)
		workers.Go(func() error {
			full.decode(kind)
			return nil
		})
	}

	var name string
	var revision int64
	var body sql.RawBytes
	var err error
	for err == nil && rows.Next() {
		if err = rows.Scan(&name, &revision, &body); err == nil {
			current.add(name, revision, body)
		}
		if len(current.names) == batchRows {
			flush()
		}
	}
	flush()
	_ = workers.Wait() // the workers report in their batches
	if err == nil {
		err = rows.Err()
	}
	if err != nil {
		return nil, err
	}
	return join(kind, batches)
}

func join(kind *resources.Kind, batches []*batch) ([]resources.Object, error) {
	objects := make([]resources.Object, 0, len(batches)*batchRows)
	var broken []string
	for _, b := range batches {
		objects = append(objects, b.objects...)
		broken = append(broken, b.broken...)
	}
	if len(broken) > 0 {
		return nil, datastore.ErrorOf("list", kind.Key(""), datastore.ErrInvalid,
			"what is stored cannot be understood: "+strings.Join(broken, "; ")+datastore.MendOrDelete)
	}
	return objects, nil
}
