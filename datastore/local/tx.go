package local

import (
	"context"
	"database/sql"
	"sync"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

const (
	queryRevisions  = `SELECT current, compacted FROM revisions`
	updateRevisions = `UPDATE revisions SET current = ?, compacted = ?`
	insertLog       = `INSERT INTO log (revision, kind, name, type, body) VALUES (?, ?, ?, ?, ?)`
	compactLog      = `DELETE FROM log WHERE revision <= ?`
)

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// tx is a transaction, as a Store.
type tx struct {
	store *Store
	sql   *sql.Tx
	// ctx is that of the whole transaction: when it ends, it is rolled back.
	ctx context.Context
	// brief is for statements too short to be interrupted.
	brief context.Context

	mutex      sync.Mutex
	statements map[string]*sql.Stmt
	// revisions is nil until it is needed.
	revisions *revisions
	// written tells whether there is anything to keep.
	written bool
	// broken is the first error of SQLite itself. SQLite may have rolled the transaction
	// back on its own, and then what comes after it must not be kept.
	broken error
}

// revisions is the counter.
type revisions struct {
	// current is the revision of the newest change.
	current int64
	// compacted is the newest revision that the log no longer has.
	compacted int64
}

func newTx(ctx context.Context, s *Store, begun *sql.Tx) *tx {
	return &tx{
		store: s, sql: begun, ctx: ctx, brief: context.WithoutCancel(ctx),
		statements: map[string]*sql.Stmt{},
	}
}

// enter begins an operation: it fails if the transaction or ctx is over, and otherwise
// keeps other operations out until leave is called.
func (t *tx) enter(ctx context.Context) (leave func(), err error) {
	for _, c := range []context.Context{t.ctx, ctx} {
		if err := c.Err(); err != nil {
			return nil, err
		}
	}
	t.mutex.Lock()
	if t.broken != nil {
		t.mutex.Unlock()
		return nil, t.broken
	}
	return t.mutex.Unlock, nil
}

// failed translates an error of SQLite and sees to it that nothing is kept.
func (t *tx) failed(op string, key resources.Key, err error) error {
	if t.ctx.Err() != nil {
		return t.ctx.Err()
	}
	err = t.store.failure(op, key, err)
	if t.broken == nil {
		t.broken = err
	}
	return err
}

// statement prepares a query, once in the transaction.
func (t *tx) statement(query string) (*sql.Stmt, error) {
	if s, ok := t.statements[query]; ok {
		return s, nil
	}
	s, err := t.sql.PrepareContext(t.brief, query)
	if err != nil {
		return nil, err
	}
	t.statements[query] = s
	return s, nil
}

// exec runs a statement and tells whether it changed any row.
func (t *tx) exec(query string, args ...any) (changed bool, err error) {
	s, err := t.statement(query)
	if err != nil {
		return false, err
	}
	result, err := s.ExecContext(t.brief, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// counter reads the revisions, once in the transaction.
func (t *tx) counter() (*revisions, error) {
	if t.revisions == nil {
		var r revisions
		if err := t.sql.QueryRowContext(t.brief, queryRevisions).Scan(&r.current, &r.compacted); err != nil {
			return nil, err
		}
		t.revisions = &r
	}
	return t.revisions, nil
}

// change is what the log says about an object.
type change string

const (
	created change = "NEW"
	changed change = "PUT"
	// gone comes with the object as it last was.
	gone change = "GONE"
)

// event is what a watch tells of a change.
func (c change) event() datastore.EventType {
	if c == gone {
		return datastore.Gone
	}
	return datastore.Put
}

// record appends a change to the log. Its revision is the one after the current one.
func (t *tx) record(key resources.Key, kind change, body []byte) error {
	r, err := t.counter()
	if err != nil {
		return err
	}
	if _, err := t.exec(insertLog, r.current+1, key.Kind.Name, key.Name, string(kind), string(body)); err != nil {
		return err
	}
	r.current++
	t.written = true
	return nil
}

// commit keeps everything that was written.
func (t *tx) commit(op string, key resources.Key) error {
	leave, err := t.enter(t.ctx)
	if err != nil {
		return err
	}
	defer leave()
	if t.written {
		if err := t.count(); err != nil {
			return t.failed(op, key, err)
		}
	}
	if err := t.sql.Commit(); err != nil {
		return t.failed(op, key, err)
	}
	if t.written {
		t.store.announce()
	}
	return nil
}

// count stores the counter, and shortens the log when it is an eighth longer than it
// should be: often enough to bound it, too rarely to cost much.
func (t *tx) count() error {
	r, history := t.revisions, t.store.history
	if r.current-r.compacted > history+history/8 {
		r.compacted = r.current - history
		if _, err := t.exec(compactLog, r.compacted); err != nil {
			return err
		}
	}
	_, err := t.exec(updateRevisions, r.current, r.compacted)
	return err
}
