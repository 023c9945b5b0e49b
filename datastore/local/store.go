package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// Store is an open file, or a database in memory. It implements datastore.Atomic.
type Store struct {
	options
	path  string
	db    *sql.DB
	fresh bool
	// file is what was opened; nil in memory.
	file os.FileInfo

	// turn is taken by the one goroutine that writes. Waiting here is cheaper and fairer
	// than polling SQLite's lock, which then only keeps processes apart.
	turn chan struct{}

	mutex sync.Mutex
	// written is closed and replaced after each write of this process.
	written chan struct{}
	// closed is closed with the Store.
	closed chan struct{}
}

// connections bounds how many goroutines read at once.
const connections = 4

// Open opens the datastore in the file at path. A file that is missing is created, for
// its owner alone, with all folders above it. A file of another application, of a newer
// version or a damaged one is refused and left as it is.
func Open(ctx context.Context, path string, given ...Option) (*Store, error) {
	s := newStore(path, given)
	absolute, err := s.createFile()
	if err != nil {
		return nil, err
	}
	s.path = absolute
	if err := s.open(ctx, connections); err != nil {
		return nil, err
	}
	if s.file, err = os.Stat(absolute); err != nil {
		_ = s.db.Close()
		return nil, s.failure("open", resources.Key{}, err)
	}
	return s, nil
}

// OpenMemory makes an empty datastore that lasts until it is closed. In memory, reads
// wait for a running transaction.
func OpenMemory(ctx context.Context, given ...Option) (*Store, error) {
	s := newStore(memory, given)
	if err := s.open(ctx, 1); err != nil {
		return nil, err
	}
	return s, nil
}

func newStore(path string, given []Option) *Store {
	return &Store{
		options: newOptions(given),
		path:    path,
		turn:    make(chan struct{}, 1),
		written: make(chan struct{}),
		closed:  make(chan struct{}),
	}
}

func (s *Store) open(ctx context.Context, connections int) (err error) {
	s.db, err = sql.Open("sqlite", s.source(s.path))
	if err != nil {
		return s.failure("open", resources.Key{}, err)
	}
	s.db.SetMaxOpenConns(connections)
	s.db.SetMaxIdleConns(connections)
	if err := s.prepare(ctx); err != nil {
		_ = s.db.Close()
		return err
	}
	return nil
}

// Fresh tells whether Open created the datastore, rather than finding one.
func (s *Store) Fresh() bool { return s.fresh }

// Close implements datastore.Store. Closing again does nothing. A transaction that runs
// may come to its end; what is begun later fails, and so do watches.
func (s *Store) Close() error {
	s.mutex.Lock()
	already := s.isClosed()
	if !already {
		close(s.closed)
	}
	s.mutex.Unlock()
	if already {
		return nil
	}
	if err := s.db.Close(); err != nil {
		return datastore.ErrorOf("close", resources.Key{}, datastore.ErrUnavailable, s.path+": "+err.Error())
	}
	return nil
}

func (s *Store) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// Get implements datastore.Store.
func (s *Store) Get(ctx context.Context, key resources.Key) (resources.Object, error) {
	if o, ok := datastore.BuiltIn(key); ok {
		return o, nil
	}
	row, err := readStored(s.db.QueryRowContext(ctx, queryObject, key.Kind.Name, key.Name))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, datastore.ErrorOf("get", key, datastore.ErrNotFound, "")
	case err != nil:
		return nil, s.failure("get", key, err)
	}
	return row.object("get", key)
}

// List implements datastore.Store.
func (s *Store) List(ctx context.Context, kind *resources.Kind) (list *resources.List, err error) {
	err = s.read(ctx, "list", kind.Key(""), func(t *tx) error {
		list, err = t.List(ctx, kind)
		return err
	})
	return list, err
}

// Create implements datastore.Store.
func (s *Store) Create(ctx context.Context, o resources.Object) (out resources.Object, err error) {
	key, _ := resources.KeyOf(o)
	err = s.write(ctx, "create", key, func(t *tx) error {
		out, err = t.Create(ctx, o)
		return err
	})
	return result(out, err)
}

// Update implements datastore.Store.
func (s *Store) Update(ctx context.Context, o resources.Object) (out resources.Object, err error) {
	key, _ := resources.KeyOf(o)
	err = s.write(ctx, "update", key, func(t *tx) error {
		out, err = t.Update(ctx, o)
		return err
	})
	return result(out, err)
}

// result drops an object whose transaction failed.
func result(o resources.Object, err error) (resources.Object, error) {
	if err != nil {
		return nil, err
	}
	return o, nil
}

// Delete implements datastore.Store.
func (s *Store) Delete(ctx context.Context, key resources.Key, resourceVersion string) error {
	return s.write(ctx, "delete", key, func(t *tx) error {
		return t.Delete(ctx, key, resourceVersion)
	})
}

// Atomically implements datastore.Atomic. No other process or goroutine writes to the
// datastore while fn runs. tx is itself a datastore.Atomic, whose Atomically runs its
// function in the same transaction: an error of that function undoes nothing unless fn
// returns it too.
func (s *Store) Atomically(ctx context.Context, fn func(tx datastore.Store) error) error {
	return s.write(ctx, "atomically", resources.Key{}, func(t *tx) error { return fn(t) })
}

// read runs fn on one revision of the datastore.
func (s *Store) read(ctx context.Context, op string, key resources.Key, fn func(*tx) error) error {
	begun, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s.failure(op, key, err)
	}
	defer func() { _ = begun.Rollback() }()
	return fn(newTx(ctx, s, begun))
}

// write runs fn in a transaction of its own and keeps what it wrote if it returns nil.
func (s *Store) write(ctx context.Context, op string, key resources.Key, fn func(*tx) error) error {
	if err := s.takeTurn(ctx, op, key); err != nil {
		return err
	}
	defer func() { <-s.turn }()
	if err := s.checkFile(op, key); err != nil {
		return err
	}
	begun, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.failure(op, key, err)
	}
	defer func() { _ = begun.Rollback() }() // does nothing after a commit
	t := newTx(ctx, s, begun)
	if err := fn(t); err != nil {
		return err
	}
	return t.commit(op, key)
}

func (s *Store) takeTurn(ctx context.Context, op string, key resources.Key) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	timeout := time.NewTimer(s.patience)
	defer timeout.Stop()
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return datastore.ErrorOf(op, key, datastore.ErrUnavailable, s.path+" has been closed")
	case <-timeout.C:
		return datastore.ErrorOf(op, key, datastore.ErrUnavailable,
			fmt.Sprintf("another transaction of this process has been writing to %s for more than %v", s.path, s.patience))
	}
}

// announce wakes the watches of this process.
func (s *Store) announce() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	close(s.written)
	s.written = make(chan struct{})
}

// nextWrite is closed after the next write of this process.
func (s *Store) nextWrite() <-chan struct{} {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.written
}
