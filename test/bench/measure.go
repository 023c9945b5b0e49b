package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// row is one line of the table.
type row struct {
	title string
	figures
	// tenth is what a tenth of the objects took, if that was measured.
	tenth  usage
	target target
	known  string
}

// measureFamily makes a row for each size.
func (b *bench) measureFamily(ctx context.Context, f family) ([]row, error) {
	var rows []row
	var tenth usage
	for _, n := range f.sizes {
		if n > medium && !b.large || !strings.Contains(f.titleFor(n), b.only) {
			continue
		}
		used, err := b.measure(ctx, f, n)
		if err != nil {
			return nil, err
		}
		r := row{title: f.titleFor(n), figures: used, tenth: tenth, known: f.known[n]}
		if n == 0 || n == medium {
			r.target = f.target
		}
		rows, tenth = append(rows, r), used.usage
	}
	return rows, nil
}

func (f family) titleFor(n int) string {
	if n == 0 {
		return f.title
	}
	return fmt.Sprintf(f.title, grouped(n))
}

// quickRuns is how many times as often commands run that take milliseconds.
const quickRuns = 5

// measure runs a command as often as it is due.
func (b *bench) measure(ctx context.Context, f family, n int) (figures, error) {
	times := b.runs
	switch {
	case n == 0:
		times *= quickRuns
	case n > medium:
		times = 1
	}
	args := f.args(n)
	if f.input != "" {
		file, err := b.manifest(f.input, n)
		if err != nil {
			return figures{}, err
		}
		args = slices.Concat(args, []string{"-f", file})
	}
	var runs []usage
	for range times {
		if err := b.use(ctx, f.before, n); err != nil {
			return figures{}, err
		}
		used, err := b.command(ctx, args, f.prints(n))
		if err != nil {
			return figures{}, err
		}
		runs = append(runs, used)
	}
	progress("%s:", f.titleFor(n))
	for _, used := range runs {
		progress(" %s", duration(used.time))
	}
	progress("\n")
	if f.proof != nil {
		if _, err := b.command(ctx, f.proof, expected{lines: f.proved(n)}); err != nil {
			return figures{}, err
		}
	}
	if f.after != "" {
		if err := copyDatastore(b.datastore(), b.prepared(f.after, n)); err != nil {
			return figures{}, err
		}
	}
	return summarize(runs), nil
}
