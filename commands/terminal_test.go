package commands

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/datastore/local"
	"github.com/edfb3db0/calicoctl/resources"
)

// terminal runs command lines as a person or a pipe would see them.
type terminal struct {
	t          *testing.T
	path       string
	person     bool
	color      bool
	in         string
	now        time.Time
	stepByCall time.Duration
	build      Build
}

type seen struct {
	Code     int
	Out, Err string
}

func (tt *terminal) run(args ...string) seen {
	tt.t.Helper()
	var out, err bytes.Buffer
	code := Run(tt.t.Context(), args, Deps{
		IO: IO{
			In: strings.NewReader(tt.in), Out: &out, Err: &err,
			OutTerminal: tt.person, ErrTerminal: tt.person, Color: tt.color,
		},
		Program:   "calicoctl",
		Build:     tt.build,
		LookupEnv: environment(nil),
		Now: func() time.Time {
			tt.now = tt.now.Add(tt.stepByCall)
			return tt.now
		},
		Open: func(ctx context.Context, _ Config, _ access) (Backend, error) {
			store, err := local.Open(ctx, tt.path, local.WithSeed(func(tx datastore.Store) error { return seed(ctx, tx) }))
			return Backend{Store: store, RunsController: true}, err
		},
	})
	return seen{code, out.String(), err.String()}
}

// environment is a process environment that chooses the embedded datastore, with changes.
func environment(changes map[string]*string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if value := changes[name]; value != nil {
			return *value, true
		}
		if name == "DATASTORE_TYPE" {
			return datastoreLocal, true
		}
		return "", false
	}
}

const twoTiers = "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: a}\n---\napiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: b}\n"

// TestTerminal shows each thing that differs between a person and a pipe.
func TestTerminal(t *testing.T) {
	const table = "NAME            ORDER      \nkube-admin      1000       \ndefault         1000000    \nkube-baseline   10000000   \n\n"
	for name, c := range map[string]struct {
		person, color bool
		in            string
		args          []string
		want          seen
	}{
		"table in a pipe":        {args: []string{"get", "tiers"}, want: seen{0, table, ""}},
		"table without colour":   {person: true, args: []string{"get", "tiers"}, want: seen{0, table, ""}},
		"table with a bold head": {person: true, color: true, args: []string{"get", "tiers"}, want: seen{0, "\x1b[1mNAME            ORDER      \x1b[22m\n" + table[len("NAME            ORDER      \n"):], ""}},
		"template in a pipe is raw": {
			args: []string{"get", "tier", "default", "-o", "go-template={{\"\\x1b[2J\"}}"}, want: seen{0, "\x1b[2J", ""},
		},
		"template on a terminal is harmless": {
			person: true, args: []string{"get", "tier", "default", "-o", "go-template={{\"\\x1b[2J\"}}"}, want: seen{0, `\x1b[2J`, ""},
		},
		"write in a pipe": {
			in: twoTiers, args: []string{"apply", "-f", "-"}, want: seen{0, "Successfully applied 2 'Tier' resource(s)\n", ""},
		},
		"write on a terminal is summed up": {
			person: true, in: twoTiers, args: []string{"apply", "-f", "-"},
			want: seen{0, "Successfully applied 2 'Tier' resource(s)\n", "2 created in 0s\n"},
		},
		"errors are never raw": {
			args: []string{"get", "tier", "\x1b]0;x\a"}, want: seen{1, "", "resource does not exist: Tier(\\x1b]0;x\\x07)\n"},
		},
		"errors are red for a person": {
			person: true, color: true, args: []string{"get", "tier", "x"},
			want: seen{1, "", "\x1b[31mresource does not exist: Tier(x)\x1b[0m\n"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt := &terminal{t: t, path: filepath.Join(t.TempDir(), "d", "x.db"), person: c.person, color: c.color, in: c.in}
			if diff := cmp.Diff(c.want, tt.run(c.args...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestProgress shows a bar only to a person, and only for work that takes a while.
func TestProgress(t *testing.T) {
	for name, c := range map[string]struct {
		person bool
		step   time.Duration
		want   bool
	}{
		"slow, person": {true, 2 * time.Second, true},
		"fast, person": {true, time.Millisecond, false},
		"slow, pipe":   {false, 2 * time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			tt := &terminal{t: t, path: filepath.Join(t.TempDir(), "x.db"), person: c.person, stepByCall: c.step, in: twoTiers}
			if got := tt.run("apply", "-f", "-"); strings.Contains(got.Err, "1/2") != c.want {
				t.Errorf("bar shown: %v, want %v:\n%q", !c.want, c.want, got.Err)
			}
		})
	}
}

// TestSummary words every part of a summary.
func TestSummary(t *testing.T) {
	var err bytes.Buffer
	d := &Deps{IO: IO{Err: &err, ErrTerminal: true}, Now: func() time.Time { return time.Unix(1, 0) }}
	d.summarize([]datastore.Result{
		{Action: datastore.Created},
		{Action: datastore.Unchanged},
		{Action: datastore.Deleted, Parts: []resources.Key{{}, {}}},
		{Err: datastore.ErrExists},
	}, autohep.Result{Created: 3, Deleted: 1}, time.Unix(0, 0))
	want := "1 created, 1 unchanged, 1 deleted, 2 deleted with them, 3 automatic host endpoint(s) created, 1 automatic host endpoint(s) deleted in 1s\n"
	if diff := cmp.Diff(want, err.String()); diff != "" {
		t.Error(diff)
	}
}
