package local

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
)

// Only its owner may read a datastore. SQLite gives the files that it keeps beside it
// the mode of the file itself.
const (
	folderMode = 0o700
	fileMode   = 0o600
)

// createFile makes sure that there is a file, though perhaps an empty one, and gives its
// absolute path. It opens no file that exists: closing it again would drop the locks
// that another Store of this process holds on it.
func (s *Store) createFile() (string, error) {
	if s.path == "" {
		return "", invalid("the path of the datastore is empty")
	}
	path, err := filepath.Abs(s.path)
	if err != nil {
		return "", s.failure("open", resources.Key{}, err)
	}
	orphan := orphanedLog(path) // before the file itself, which once written never gets empty
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		info, err = createEmpty(path)
	}
	switch {
	case err != nil:
		return "", s.failure("open", resources.Key{}, err)
	case info.IsDir():
		return "", invalid(s.path + " is a folder, not a file")
	case !info.Mode().IsRegular():
		return "", invalid(s.path + " is not a regular file")
	case info.Size() == 1: // SQLite takes it for empty
		return "", invalid(s.damaged("it has a single byte"))
	case info.Size() == 0 && orphan == "" && info.Mode().Perm()&^fileMode != 0: // empty ones are ours to make
		if err := os.Chmod(path, fileMode); err != nil {
			return "", s.failure("open", resources.Key{}, err)
		}
	case info.Size() == 0 && orphan != "":
		return "", invalid(fmt.Sprintf("%s is empty or missing, but %s holds changes to it: "+
			"restore the file beside it or move it away", s.path, orphan))
	}
	return path, nil
}

func createEmpty(path string) (fs.FileInfo, error) {
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return os.Stat(path)
}

// orphanedLog finds the write-ahead log that belongs to a file, if it holds anything.
// SQLite deletes it when the file is empty.
func orphanedLog(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	log := path + "-wal"
	if info, err := os.Stat(log); err == nil && info.Size() > 0 {
		return log
	}
	return ""
}

// checkFile fails if the file is no longer where it was opened. What is written to a
// file that has been removed or replaced is lost.
func (s *Store) checkFile(op string, key resources.Key) error {
	if s.file == nil {
		return nil
	}
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(info, s.file) {
		return datastore.ErrorOf(op, key, datastore.ErrUnavailable, s.path+" has been removed or replaced since it was opened")
	}
	return s.failure(op, key, err)
}

func invalid(detail string) error {
	return datastore.ErrorOf("open", resources.Key{}, datastore.ErrInvalid, detail)
}

// memory is a database that exists as long as its only connection.
const memory = ":memory:"

// source is how the driver is told to open the file of an absolute path, which exists.
// It applies to each connection, also to one to a file that turns out not to be ours, so
// that nothing here may write.
func (s *Store) source(path string) string {
	parameters := url.Values{
		"_txlock":       {"immediate"},
		"_busy_timeout": {fmt.Sprint(s.patience.Milliseconds())},
		"_synchronous":  {"EXTRA"}, // a commit is on the disk before it is acknowledged
		"_defensive":    {"1"},
		"_dqs":          {"0"},
		"_error_rc":     {"1"},
		"_pragma":       {"trusted_schema(0)", fmt.Sprintf("journal_size_limit(%d)", maxIdleLog)},
	}
	if s.maxPages > 0 {
		parameters.Add("_pragma", fmt.Sprintf("max_page_count(%d)", s.maxPages))
	}
	if path == memory {
		return "file::memory:?" + parameters.Encode()
	}
	parameters.Set("mode", "rw")
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive letter
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: parameters.Encode()}).String()
}

// maxIdleLog is the size in bytes that the write-ahead log is cut back to after a large
// transaction.
const maxIdleLog = 8 << 20
