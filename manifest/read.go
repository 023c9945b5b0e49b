package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/edfb3db0/calicoctl/resources"
)

// Stdin is the file name that means standard input.
const Stdin = "-"

// Options says how to read.
type Options struct {
	// Stdin is read for the file name "-".
	Stdin io.Reader
	// Recursive descends into the sub-directories of directories.
	Recursive bool
	// UsePodCIDR takes the tunnel addresses of Kubernetes nodes from their pod networks.
	UsePodCIDR bool
}

// Item is one object of the input.
type Item struct {
	Kind   *resources.Kind
	Object resources.Object
	// Position is where the object begins.
	Position Position

	chunk *chunk
	// index leads from the chunk's root to the object: one entry for each list.
	index []int
	// mistaken are the paths of what could not be read, in segments.
	mistaken [][]string
}

// Result is what was read.
type Result struct {
	// Items are in input order.
	Items []Item
	// Damaged are the objects of which only a part could be read: Item.Doubts says what is not to be trusted.
	Damaged []Item
	// Warnings are about input that was accepted although it was probably not meant so.
	Warnings []Mistake
	// Empty lists the files and directories in which there were no objects, each as
	// "file NAME" or "directory NAME".
	Empty []string
}

// Read reads every file in order: a file, "-" for standard input, or a directory, of
// which it reads the regular files that end in .yaml, .yml or .json, in lexical order. A
// failure to read is returned as it is; anything wrong with the content as Mistakes,
// about all files together, beside the objects in which nothing is wrong and the damaged ones.
func Read(ctx context.Context, files []string, o Options) (*Result, error) {
	result := &Result{}
	var mistakes Mistakes
	for _, file := range files {
		paths, err := expand(file, o.Recursive)
		if err != nil {
			return nil, err
		}
		if len(paths) == 0 {
			result.Empty = append(result.Empty, "directory "+file)
		}
		for _, path := range paths {
			data, err := readAll(ctx, path, o.Stdin)
			if err != nil {
				return nil, err
			}
			objects, warnings, wrong := parse(ctx, split(path, data), o)
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if len(objects) == 0 && len(wrong) == 0 {
				result.Empty = append(result.Empty, "file "+path)
			}
			for _, item := range objects {
				if len(item.mistaken) == 0 {
					result.Items = append(result.Items, item)
				} else {
					result.Damaged = append(result.Damaged, item)
				}
			}
			result.Warnings = append(result.Warnings, warnings...)
			mistakes = append(mistakes, wrong...)
			if len(mistakes) > MaxMistakes {
				return result, Mistakes(atMost(mistakes, moreMistakes))
			}
		}
	}
	result.Warnings = atMost(result.Warnings, moreWarnings)
	if len(mistakes) > 0 {
		return result, mistakes
	}
	return result, nil
}

func expand(file string, recursive bool) ([]string, error) {
	if file == Stdin {
		return []string{file}, nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, plainOpenError(err)
	}
	if !info.IsDir() {
		return []string{file}, nil
	}
	var paths []string
	root := filepath.Clean(file)
	// A trailing separator makes WalkDir follow a link to a directory.
	err = filepath.WalkDir(root+string(filepath.Separator), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path = filepath.Clean(path)
		if entry.IsDir() {
			if path != root && !recursive {
				return fs.SkipDir
			}
			return nil
		}
		if !slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(path))) {
			return nil
		}
		info, err := os.Stat(path)
		if err != nil {
			return plainOpenError(err)
		}
		if info.Mode().IsRegular() {
			paths = append(paths, path)
		}
		return nil
	})
	return paths, err
}

// plainOpenError words a failed stat as a failed open, which is what the user asked for.
func plainOpenError(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: "open", Path: pathErr.Path, Err: pathErr.Err}
	}
	return err
}

// readAll reads a file until ctx ends: a pipe may never do.
func readAll(ctx context.Context, path string, stdin io.Reader) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := readFile(path, stdin)
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func readFile(path string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if path != Stdin {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // only read from
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, MaxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(data) > MaxInput {
		return nil, fmt.Errorf("%s is larger than the limit of %d MiB; split it", path, MaxInput>>20)
	}
	return data, nil
}

// batch is how many documents are read before the mistakes in them are counted.
const batch = 256

// parse reads chunks on all processors and keeps their order. Damaged objects are among the items.
func parse(ctx context.Context, chunks []*chunk, o Options) (items []Item, warnings, mistakes []Mistake) {
	decoders := make([]*decoder, min(runtime.GOMAXPROCS(0), len(chunks)))
	for i := range decoders {
		decoders[i] = newDecoder()
		decoders[i].options = o
	}
	for part := range slices.Chunk(chunks, batch) {
		parsed := make([]*document, len(part))
		var wait sync.WaitGroup
		for w, d := range decoders {
			wait.Go(func() {
				for i := w; i < len(part); i += len(decoders) {
					parsed[i] = d.document(part[i])
				}
			})
		}
		wait.Wait()
		for _, p := range parsed {
			items = append(items, p.items...)
			warnings = append(warnings, p.warnings...)
			mistakes = append(mistakes, p.mistakes...)
		}
		warnings = warnings[:min(len(warnings), MaxMistakes+1)]
		if len(mistakes) > MaxMistakes || ctx.Err() != nil {
			break
		}
	}
	return items, atMost(warnings, moreWarnings), atMost(mistakes, moreMistakes)
}
