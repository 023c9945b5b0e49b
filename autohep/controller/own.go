package controller

import (
	"slices"

	"github.com/edfb3db0/calicoctl/autohep"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// revisionGone stands for the revision of a deletion, which the answer to it does not tell.
const revisionGone = "gone"

// ownWrite is a write of this process of which the watch will tell, sooner or later than the
// answer. Until it does, what the watch tells of that endpoint is older than the state.
type ownWrite struct {
	// before is the revision of an earlier write that the watch had not told of when this one
	// began; empty if there is none, or it has since.
	before string
	// told are the revisions that the watch has told of since the write began.
	told []string
	// unsure is set when a list was read in between: then only the watch counts.
	unsure bool
	// result is the revision that the answer gives; empty while there is none.
	result string
}

// tells takes a revision that the watch tells of. It is older than the state, or the state's
// own, if older is set; with over, the watch has caught up.
func (w *ownWrite) tells(revision string) (older, over bool) {
	switch {
	case w == nil:
		return false, false
	case w.result != "":
		return true, revision == w.result
	case w.before != "":
		if revision == w.before {
			w.before = ""
		}
		return true, false
	}
	w.told = append(w.told, revision)
	return false, false
}

// leaves tells whether what the watch tells of an endpoint is that a deletion by this process waits for finalizers.
func (s *state) leaves(h *v3.HostEndpoint) bool {
	w := s.own[h.Name]
	return w != nil && w.result == revisionGone && autohep.Leaving(h)
}

// begin says that this process is about to write an endpoint: h is what it is to be, or with deleting
// what is to go. It is false if planner, which has planned that, is not the one to go by any more: nothing is to be
// written then.
func (s *state) begin(planner *autohep.Planner, name string, h *v3.HostEndpoint, deleting bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.planner != planner {
		return false
	}
	s.expect(name, h, deleting)
	w := &ownWrite{}
	if earlier := s.own[name]; earlier != nil {
		w.before = earlier.result
	}
	s.own[name] = w
	return true
}

// caughtUp says that the watch has told of the last write of an endpoint of which there was an answer.
func (s *state) caughtUp(name string) {
	delete(s.own, name)
	if d := s.deeds[name]; d != nil && !d.open {
		delete(s.deeds, name)
	}
}

// wrote says what came of it: the endpoint as stored, or nil when it is gone.
func (s *state) wrote(name string, h *v3.HostEndpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.own[name]
	if w == nil {
		return
	}
	result := revisionGone
	known := s.endpoints[name]
	revision := ""
	if h != nil {
		result, revision = h.ResourceVersion, h.ResourceVersion
	}
	s.deeds[name].done(revision)
	if w.unsure || slices.Contains(w.told, result) || h != nil && known != nil && known.ResourceVersion == result {
		unsure := w.unsure
		delete(s.own, name) // the watch is there already, or has nothing to tell
		if !unsure {
			s.caughtUp(name)
		}
		return
	}
	w.result, w.told = result, nil
	if h == nil && known != nil && autohep.Leaving(known) {
		s.caughtUp(name)
		return
	}
	if h == nil {
		s.removeEndpoint(name)
		return
	}
	s.setEndpoint(h)
}

// failed says that a write came to nothing, or that nobody knows what it came to.
func (s *state) failed(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w := s.own[name]; w != nil && w.before != "" && !w.unsure {
		w.result, w.before = w.before, ""
		return
	}
	delete(s.own, name)
}
