package controller

import (
	"slices"
	"time"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// report is what came of the last look at a node.
type report struct {
	// pending counts the endpoints that could not be written.
	pending  int
	problems []autohep.Problem
}

// report keeps what came of a look, and gives the problems that the one before did not have.
func (s *state) report(node string, r report) (news []autohep.Problem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.planner == nil {
		return nil // switched off meanwhile
	}
	before := s.reports[node]
	for _, p := range r.problems {
		if !slices.Contains(before.problems, p) {
			news = append(news, p)
		}
	}
	if len(r.problems) == 0 && r.pending == 0 {
		delete(s.reports, node)
	} else {
		s.reports[node] = r
	}
	return news
}

// remark keeps what is left out of a node, and tells whether that is news.
func (s *state) remark(node string, remarks []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Equal(s.remarks[node], remarks) {
		return false
	}
	if len(remarks) == 0 {
		delete(s.remarks, node)
	} else {
		s.remarks[node] = remarks
	}
	return true
}

// remarked are the problems that parts of nodes are left out.
func (s *state) remarked(nodes []*v3.Node) (problems []autohep.Problem) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, node := range nodes {
		problems = append(problems, problemsOf(resources.Node.Key(node.Name), s.remarks[node.Name])...)
	}
	return problems
}

// forget drops what was kept of a node that is gone.
func (s *state) forget(node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.reports, node)
}

// arrival is the appearance of a node that does not have all its endpoints yet.
type arrival struct {
	at time.Time
	// waits is set while an endpoint cannot be made because somebody else's has its name.
	waits bool
}

// firstProtected tells when a node appeared that has all its endpoints now; false for one that waits for the name of one, has
// been told of, or was there from the beginning, and for one that neither had to wait nor had any written.
func (s *state) firstProtected(node string, waits, written bool) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.appeared[node]
	if !ok {
		return time.Time{}, false
	}
	if waits {
		s.appeared[node] = arrival{at: a.at, waits: true}
		return time.Time{}, false
	}
	delete(s.appeared, node)
	return a.at, (written || a.waits) && len(s.on[node]) > 0
}

// counts are what metrics tell of the state.
type counts struct {
	nodes, unprotected, withProblems int
	automatic, foreign, pending      int
	// leaving are automatic endpoints that are being deleted. They protect nobody.
	leaving int
}

// leaving counts the automatic endpoints of a node that are being deleted.
func (s *state) leaving(node string) (n int) {
	for name := range s.on[node] {
		if autohep.Leaving(s.endpoints[name]) {
			n++
		}
	}
	return n
}

func (s *state) counts() counts {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := counts{nodes: len(s.nodes)}
	for name := range s.nodes {
		if s.leaving(name) == len(s.on[name]) {
			n.unprotected++
		}
	}
	for name := range s.unread {
		if s.nodes[name] != nil {
			continue // the watch is about to tell that it cannot be understood
		}
		n.nodes++
		if s.leaving(name) == len(s.on[name]) {
			n.unprotected++
		}
	}
	for node, endpoints := range s.on {
		leaving := s.leaving(node)
		n.automatic += len(endpoints) - leaving
		n.leaving += leaving
	}
	n.foreign = len(s.endpoints) - n.automatic - n.leaving
	for _, r := range s.reports {
		n.pending += r.pending
		if len(r.problems) > 0 {
			n.withProblems++
		}
	}
	return n
}

// stillForeign says that what somebody else has done to endpoints is not repaired yet.
func (s *state) stillForeign(endpoints ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range endpoints {
		s.foreign[name] = true
		s.dropForeign(name)
	}
}

// forgetForeign drops what others have changed so far.
func (s *state) forgetForeign() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.foreign)
}
