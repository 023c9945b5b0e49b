package commands

import (
	"context"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
)

// IO is where a command reads and writes.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
	// OutTerminal and ErrTerminal tell whether a person looks at Out and Err.
	OutTerminal, ErrTerminal bool
	// Color allows colour on terminals.
	Color bool
}

// Build says what was built; linkers set it.
type Build struct {
	Version, Commit, Date string
}

// Deps is everything that commands need from outside.
type Deps struct {
	IO
	Build Build
	// Program is the base name that the program was started by.
	Program string
	// LookupEnv reads the environment, as os.LookupEnv does.
	LookupEnv func(name string) (string, bool)
	// Now is the clock.
	Now func() time.Time
	// Open opens the datastore that a configuration names.
	Open func(ctx context.Context, c Config, a access) (Backend, error)
	// KeepSignals has signals to end that come after the first one not end the process, and gives them; nil where nobody
	// sends any. It has to be called before the first.
	KeepSignals func() <-chan os.Signal
	// EngineSteps is how much work the policy engine may do; 0 leaves that to the engine.
	EngineSteps int64

	log *slog.Logger
}

// Backend is an open datastore.
type Backend struct {
	Store datastore.Store
	// RunsController is set where no cluster is around the datastore, so that commands
	// themselves keep automatic host endpoints in step.
	RunsController bool
	// ClusterType is what a new datastore says of its cluster.
	ClusterType string
}
