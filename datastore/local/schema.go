package local

import (
	"context"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

const (
	// applicationID marks a database as a datastore of this package: "CALI".
	applicationID = 0x43414c49
	// formatVersion is the version of the tables below. Whatever raises it must still be
	// able to read the version before, and must do it in one transaction with the change.
	formatVersion = 1
)

// firstRevision is what the counter starts at. The first write gets the next one: 1 is
// the resource version of built-in objects.
const firstRevision = 1

const schema = `
CREATE TABLE objects (
	kind     TEXT    NOT NULL,
	name     TEXT    NOT NULL,
	revision INTEGER NOT NULL,
	body     TEXT    NOT NULL,
	PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE log (
	revision INTEGER PRIMARY KEY,
	kind     TEXT    NOT NULL,
	name     TEXT    NOT NULL,
	type     TEXT    NOT NULL,
	body     TEXT    NOT NULL
);
CREATE TABLE revisions (
	id        INTEGER PRIMARY KEY CHECK (id = 0),
	current   INTEGER NOT NULL,
	compacted INTEGER NOT NULL
);
INSERT INTO revisions VALUES (0, %d, %[1]d);
PRAGMA application_id = %d;
PRAGMA user_version = %d;
`

// origin is what a database says about where it comes from.
type origin struct {
	application, version, pages int64
	// tables counts all of them and own those that have the names of ours.
	tables, own int64
}

const queryOrigin = `SELECT
	(SELECT application_id FROM pragma_application_id),
	(SELECT user_version FROM pragma_user_version),
	(SELECT page_count FROM pragma_page_count),
	(SELECT count(*) FROM sqlite_schema),
	(SELECT count(*) FROM sqlite_schema WHERE name IN ('objects', 'log', 'revisions'))`

func readOrigin(ctx context.Context, q querier) (o origin, err error) {
	err = q.QueryRowContext(ctx, queryOrigin).Scan(&o.application, &o.version, &o.pages, &o.tables, &o.own)
	return o, err
}

// nothing tells whether no application has ever stored anything.
func (o origin) nothing() bool {
	return o.application == 0 && o.version == 0 && o.tables == 0
}

// check tells whether the database is one that this package may write to.
func (s *Store) check(o origin) error {
	switch {
	case o.application != applicationID:
		return invalid(fmt.Sprintf("%s is an SQLite database of another application (application id %d): choose another path",
			s.path, o.application))
	case o.version > formatVersion:
		return invalid(fmt.Sprintf("%s has format version %d, and this calicoctl knows up to %d: use a newer calicoctl",
			s.path, o.version, formatVersion))
	case o.version < 1:
		return invalid(s.damaged(fmt.Sprintf("its format version is %d", o.version)))
	case o.own != 3:
		return invalid(s.damaged("tables are missing"))
	}
	return nil
}

// prepare checks what the file holds, and creates and seeds the tables if it is nothing.
func (s *Store) prepare(ctx context.Context) error {
	found, err := readOrigin(ctx, s.db)
	if err != nil {
		return s.failure("open", resources.Key{}, err)
	}
	// An empty database has pages if something was stored and removed again: not by us.
	if found.nothing() && found.pages == 0 {
		err = s.create(ctx)
	} else {
		err = s.check(found)
	}
	if err != nil || s.path == memory {
		return err
	}
	return s.failure("open", resources.Key{}, s.useLog(ctx))
}

// create makes the tables and seeds them, unless another process has just done it.
//
// It happens before the switch to a write-ahead log, so that a file that has any content
// has its marks in the file itself.
func (s *Store) create(ctx context.Context) error {
	return s.write(ctx, "open", resources.Key{}, func(t *tx) error {
		found, err := readOrigin(ctx, t.sql)
		if err != nil {
			return s.failure("open", resources.Key{}, err)
		}
		if !found.nothing() {
			return s.check(found)
		}
		statements := fmt.Sprintf(schema, firstRevision, applicationID, formatVersion)
		if _, err := t.sql.ExecContext(ctx, statements); err != nil {
			return t.failed("open", resources.Key{}, err)
		}
		s.fresh = true
		return s.seed(t)
	})
}

// useLog switches the file to a write-ahead log, under which readers and a writer do not
// wait for each other. It stays that way: for all but one Open this changes nothing.
func (s *Store) useLog(ctx context.Context) error {
	deadline := time.Now().Add(s.patience)
	for {
		var mode string
		err := s.db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		// SQLite does not wait here for others that are about to do the same.
		var native *sqlite.Error
		if !errors.As(err, &native) || native.Code()&0xff != sqlite3.SQLITE_BUSY || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

var _ datastore.Atomic = (*Store)(nil)
