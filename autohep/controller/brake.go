package controller

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/edfb3db0/calicoctl/autohep"
)

// brake keeps somebody else, who wants something else of the same endpoint, and this process
// from writing it in turns as fast as they can.
type brake struct {
	mu      sync.Mutex
	repairs map[string]*rate.Limiter
	// swept is when those at rest were dropped last.
	swept time.Time
}

const (
	// repairsAtOnce are how many repairs of one endpoint are made without waiting.
	repairsAtOnce = 20
	// repairPause is how long one repair more than these takes to be allowed.
	repairPause = 10 * time.Second
	// brakeRoom is how many endpoints are kept until those at rest are dropped.
	brakeRoom = 1000
)

// errContested says that a repair waits because there have been many.
var errContested = errors.New("somebody else keeps changing or deleting it")

// take allows a repair of an endpoint and counts it, or says why it has to wait.
func (b *brake) take(name string, now time.Time) error {
	err := b.check(name, now)
	if err == nil {
		b.count(name, now)
	}
	return err
}

// check is take without the counting, for a repair that may still fail.
func (b *brake) check(name string, now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if limit := b.repairs[name]; limit != nil && limit.TokensAt(now) < 1 {
		return fmt.Errorf("%w: it is repaired once in %v", errContested, repairPause)
	}
	return nil
}

// count takes note of a repair.
func (b *brake) count(name string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.repairs == nil {
		b.repairs = map[string]*rate.Limiter{}
	}
	limit := b.repairs[name]
	if limit == nil {
		b.dropRested(now)
		limit = rate.NewLimiter(rate.Every(repairPause), repairsAtOnce)
		b.repairs[name] = limit
	}
	limit.AllowN(now, 1)
}

// dropRested makes room. It goes through all, so it does so no more often than there is something to gain.
func (b *brake) dropRested(now time.Time) {
	if len(b.repairs) < brakeRoom || now.Sub(b.swept) < repairPause {
		return
	}
	b.swept = now
	for name, limit := range b.repairs {
		if limit.TokensAt(now) >= repairsAtOnce {
			delete(b.repairs, name)
		}
	}
}

// contested counts the endpoints of which no further repair is allowed yet.
func (b *brake) contested(now time.Time) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, limit := range b.repairs {
		if limit.TokensAt(now) < 1 {
			n++
		}
	}
	return n
}

// contested are the problems that somebody else keeps changing or deleting endpoints of a scene, which changes are to repair.
func (c *Controller) contested(s scene, changes autohep.Changes) (problems []autohep.Problem) {
	nodeOf := map[string]string{}
	for _, h := range slices.Concat(s.existing, changes.Create, changes.Update) {
		nodeOf[h.Name] = h.Spec.Node
	}
	for _, name := range slices.Sorted(maps.Keys(nodeOf)) {
		if c.brake.check(name, c.Now()) != nil {
			problems = append(problems, autohep.Problem{Node: nodeOf[name], Endpoint: name, Text: fmt.Sprintf(
				"Node %q: somebody else keeps changing or deleting its host endpoint %q, which is therefore repaired only once in %v. "+
					"Find out who does, and have that stopped.", nodeOf[name], name, repairPause)})
		}
	}
	return problems
}
