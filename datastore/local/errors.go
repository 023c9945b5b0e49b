package local

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// failure turns an error of SQLite or of the file system into one of datastore's.
// Those and the errors of contexts pass unchanged.
func (s *Store) failure(op string, key resources.Key, err error) error {
	var known *datastore.Error
	var native *sqlite.Error
	switch {
	case err == nil, errors.As(err, &known),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case s.isClosed():
		return datastore.ErrorOf(op, key, datastore.ErrUnavailable, s.path+" has been closed")
	case errors.As(err, &native):
		detail, sentinel := s.explain(native)
		return datastore.ErrorOf(op, key, sentinel, detail)
	case errors.Is(err, sql.ErrNoRows): // only the counter is always there
		return datastore.ErrorOf(op, key, datastore.ErrInvalid, s.damaged("its counter is missing"))
	case errors.Is(err, sql.ErrTxDone):
		return datastore.ErrorOf(op, key, datastore.ErrUnavailable, "the transaction is over")
	case errors.Is(err, syscall.ENOSPC):
		return datastore.ErrorOf(op, key, datastore.ErrUnavailable, s.noSpace())
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return datastore.ErrorOf(op, key, datastore.ErrUnavailable, err.Error())
	}
	return datastore.ErrorOf(op, key, datastore.ErrUnavailable, s.path+": "+err.Error())
}

// explain says in whose power it is to help against an error of SQLite.
func (s *Store) explain(native *sqlite.Error) (detail string, sentinel error) {
	switch native.Code() {
	case sqlite3.SQLITE_IOERR_SHMSIZE, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_TRUNCATE:
		return s.noSpace() + ", or the disk fails", datastore.ErrUnavailable
	case sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_DATA, sqlite3.SQLITE_IOERR_CORRUPTFS:
		return s.damaged(native.Error()), datastore.ErrInvalid
	}
	switch native.Code() & 0xff { // the rest of the code tells apart causes of the same cure
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return fmt.Sprintf("another process is writing to %s for more than %v", s.path, s.patience), datastore.ErrUnavailable
	case sqlite3.SQLITE_FULL:
		return s.noSpace(), datastore.ErrUnavailable
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH:
		return fmt.Sprintf(
			"%s cannot be written: the file or its folder is read-only (%v)", s.path, native), datastore.ErrUnavailable
	case sqlite3.SQLITE_CANTOPEN:
		return fmt.Sprintf(
			"%s or its companions %[1]s-wal and %[1]s-shm cannot be opened: the folder must be writable (%v)", s.path, native), datastore.ErrUnavailable
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR,
		sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_SCHEMA:
		return s.damaged(native.Error()), datastore.ErrInvalid
	}
	return fmt.Sprintf("%s cannot be read or written: %v", s.path, native), datastore.ErrUnavailable
}

func (s *Store) noSpace() string { return "no space left for " + s.path }

func (s *Store) damaged(why string) string {
	return fmt.Sprintf("%s is damaged (%s): restore it from a backup or move it away", s.path, why)
}
