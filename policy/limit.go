package policy

import (
	"errors"
	"math"
)

// ErrTooComplex is why an engine cannot tell what becomes of traffic as a whole. What becomes of a single packet it
// tells all the same.
var ErrTooComplex = errors.New("the policies cut traffic into more pieces than can be told apart")

// Limit ends work that takes too long. Whoever asks an engine about sets of traffic looks at [Engine.Err] afterwards:
// what it gave is worth nothing if that is not nil.
type Limit struct {
	// Steps is how much work an engine does, with those that share its sets; 0 stands for what the largest clusters
	// need many times over.
	Steps int64
	// Stop is asked now and then. An error that it gives ends the work.
	Stop func() error
}

const (
	defaultSteps = 2_000_000_000
	// stepsBetween is how much is done between two looks at the limits.
	stepsBetween = 1 << 16
	// These are for what takes memory as well as time. Ranges of boxes are put into words, too.
	stepsOfNode, stepsOfKid  = 250, 40
	stepsOfBox, stepsOfRange = 500, 200
)

// meter counts the work of a table.
type meter struct {
	limit Limit
	steps int64
	// next is when the limits are looked at again.
	next int64
	// err is why the work has ended. Operations give nothing of worth from then on, and soon.
	err error
}

func newMeter(l Limit) meter {
	if l.Steps <= 0 {
		l.Steps = defaultSteps
	}
	return meter{limit: l, next: min(stepsBetween, l.Steps)}
}

func (m *meter) spend(steps int) {
	if m.steps += int64(steps); m.steps >= m.next {
		m.look()
	}
}

func (m *meter) look() {
	m.next = min(m.steps+stepsBetween, max(m.limit.Steps, m.steps+1))
	switch {
	case m.err != nil:
	case m.steps >= m.limit.Steps:
		m.err = ErrTooComplex
	case m.limit.Stop != nil:
		m.err = m.limit.Stop()
	}
}

// unlimited does what takes no longer than to read the objects, even when the work has ended.
func (m *meter) unlimited(do func()) {
	saved := *m
	m.limit, m.err = Limit{Steps: math.MaxInt64}, nil
	do()
	m.limit, m.err = saved.limit, saved.err
}

// Err is why the engine could not work out sets of traffic: it wraps ErrTooComplex, or is what Limit.Stop gave.
func (e *Engine) Err() error { return e.err }
