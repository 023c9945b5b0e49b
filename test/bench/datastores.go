package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// content is what a prepared datastore holds.
type content string

const (
	// nothing is what a new datastore has of its own.
	nothing content = "nothing"
	// policies is one global network policy for each object.
	policies content = "policies"
	// nodes is one node for each object, without host endpoints.
	nodes content = "nodes"
	// endpoints is nodes with their automatic host endpoints.
	endpoints content = "endpoints"
)

// enable is the command that makes automatic host endpoints.
var enable = []string{
	"patch", "kubecontrollersconfiguration", "default",
	"--patch", `{"spec": {"controllers": {"node": {"hostEndpoint": {"autoCreate": "Enabled"}}}}}`,
}

// prepared is the file of the datastore that holds c for n objects.
func (b *bench) prepared(c content, n int) string {
	if c == nothing {
		n = 0
	}
	return filepath.Join(b.folder, fmt.Sprintf("%s-%d.db", c, n))
}

// use makes the datastore a fresh copy of a prepared one, which is made if no command
// that was measured before has left it behind.
func (b *bench) use(ctx context.Context, c content, n int) error {
	path := b.prepared(c, n)
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = b.prepare(ctx, c, n); err == nil {
			err = copyDatastore(b.datastore(), path)
		}
	}
	if err != nil {
		return err
	}
	return copyDatastore(path, b.datastore())
}

// prepare fills the datastore.
func (b *bench) prepare(ctx context.Context, c content, n int) error {
	var before content
	var args []string
	switch c {
	case nothing:
		if err := removeDatastore(b.datastore()); err != nil {
			return err
		}
		_, err := b.command(ctx, []string{"delete", "node", "none", "--skip-not-exists"}, expected{})
		return err
	case policies, nodes:
		file, err := b.manifest(c, n)
		if err != nil {
			return err
		}
		before, args = nothing, []string{"apply", "-f", file}
	case endpoints:
		before, args = nodes, enable
	}
	if err := b.use(ctx, before, n); err != nil {
		return err
	}
	used, err := b.command(ctx, args, expected{text: "Successfully "})
	if err == nil {
		progress("prepared %s %s in %v\n", grouped(n), c, used.time.Round(time.Millisecond))
	}
	return err
}

// besides are the endings of the files that a datastore may have beside it.
var besides = []string{"-wal", "-shm", "-journal"}

func removeDatastore(path string) error {
	for _, ending := range append([]string{""}, besides...) {
		if err := os.Remove(path + ending); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func copyDatastore(from, to string) error {
	if err := removeDatastore(to); err != nil {
		return err
	}
	if err := copyFile(from+"-wal", to+"-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return copyFile(from, to)
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return create(to, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
}

// create writes a file and waits until it is on the disk, so that no measured process
// has to wait for that.
func create(path string, write func(io.Writer) error) error {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(out, 64<<10)
	err = write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}
