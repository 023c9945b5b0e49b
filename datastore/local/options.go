package local

import (
	"time"

	"github.com/edfb3db0/calicoctl/datastore"
)

// Option changes how a store is opened.
type Option func(*options)

type options struct {
	seed  func(tx datastore.Store) error
	clock func() time.Time
	// history is how many of the newest revisions the log keeps.
	history int64
	// patience is how long a write waits for other writers.
	patience time.Duration
	// maxPages limits the size of the file; 0 for no limit.
	maxPages int64
}

// Defaults of the options.
const (
	defaultHistory  = 10_000
	defaultPatience = 10 * time.Second
)

func newOptions(given []Option) options {
	o := options{
		seed:     func(datastore.Store) error { return nil },
		clock:    time.Now,
		history:  defaultHistory,
		patience: defaultPatience,
	}
	for _, change := range given {
		change(&o)
	}
	return o
}

// WithSeed puts the first objects into a store that Open has to create. They are
// written in the transaction that creates it, so that no process ever sees the store
// without them and, of many that open it at once, one alone writes them. If seed fails
// nothing is created and Open fails with that error.
func WithSeed(seed func(tx datastore.Store) error) Option {
	return func(o *options) { o.seed = seed }
}

// WithClock sets the clock that creationTimestamp is read from, in place of time.Now.
func WithClock(clock func() time.Time) Option {
	return func(o *options) { o.clock = clock }
}
