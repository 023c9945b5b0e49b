package controller

import (
	"slices"

	"github.com/edfb3db0/calicoctl/autohep"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// deeds are what this process has done, or was about to do, to an endpoint, by which its own work is told from
// that of others however late, and in whatever way, it comes to know of it.
type deeds struct {
	// revisions are those that it has made, or made others of, and cut those that it has deleted or tried to: a
	// deletion is made on condition of a revision. The last deedsKept of each are kept.
	revisions, cut []string
	// deleting is set by a deletion, until something has been stored since. With open, nobody knows yet what came of the
	// last deed.
	deleting, open bool
	// intents are what it wanted to store. An answer may not have come yet, or never come.
	intents []*v3.HostEndpoint
	// lists are how many lists have been read since the last write.
	lists int
}

// deedsKept is more than the watch is ever behind with one endpoint.
const deedsKept = 4

// deedLists is how many lists after a write nothing that comes can be about it any more.
const deedLists = 2

func remember[T any](last []T, next T, same func(T) bool) []T {
	if slices.ContainsFunc(last, same) {
		return last
	}
	return append(last[max(0, len(last)-deedsKept+1):], next)
}

func equals(revision string) func(string) bool {
	return func(other string) bool { return other == revision }
}

func looksLike(h *v3.HostEndpoint) func(*v3.HostEndpoint) bool {
	return func(other *v3.HostEndpoint) bool { return autohep.Same(h, other) }
}

// expect notes what this process is about to do. That is kept if it fails too: nobody knows then what it came to,
// and somebody else who does the same meanwhile does nothing that has to be repaired.
func (s *state) expect(name string, h *v3.HostEndpoint, deleting bool) {
	d := s.deeds[name]
	if d == nil {
		d = &deeds{}
		s.deeds[name] = d
	}
	d.lists, d.open = 0, true
	switch {
	case deleting:
		d.deleting = true
		d.cut = remember(d.cut, h.ResourceVersion, equals(h.ResourceVersion))
		return
	case h.ResourceVersion != "":
		d.revisions = remember(d.revisions, h.ResourceVersion, equals(h.ResourceVersion))
	}
	d.intents = remember(d.intents, h, looksLike(h))
}

// done notes what an answer tells: the revision that was made; empty for a deletion.
func (d *deeds) done(revision string) {
	if d == nil {
		return
	}
	d.open = false
	if revision != "" {
		d.deleting = false
		d.revisions = remember(d.revisions, revision, equals(revision))
	}
}

// are tells whether a change is this process's work; after is nil for a deletion. An endpoint with finalizers is
// deleted when that is asked for: when they are done and it goes, nobody does anything.
func (d *deeds) are(before, after *v3.HostEndpoint) bool {
	switch {
	case d == nil:
		return false
	case after == nil || autohep.Leaving(after):
		// A list of some time ago may have brought an earlier revision back.
		return slices.Contains(d.cut, before.ResourceVersion) || d.deleting && slices.Contains(d.revisions, before.ResourceVersion)
	}
	return slices.Contains(d.revisions, after.ResourceVersion) || slices.ContainsFunc(d.intents, looksLike(after))
}

// blame notes that somebody else has changed or deleted an automatic endpoint, if it was not this process.
func (s *state) blame(name string, before, after *v3.HostEndpoint) {
	if before == nil || !autohep.Owned(before) || autohep.Leaving(before) || s.deeds[name].are(before, after) {
		return
	}
	if w := s.own[name]; w != nil && w.unsure {
		return // a list may be older than the write that is under way
	}
	s.foreign[name] = true
}

// ageDeeds drops what no news can be about any more when a list has been read.
func (s *state) ageDeeds() {
	for name, d := range s.deeds {
		if d.lists++; d.lists >= deedLists && s.own[name] == nil {
			delete(s.deeds, name)
		}
	}
}
