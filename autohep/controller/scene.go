package controller

import (
	"slices"

	"github.com/edfb3db0/calicoctl/autohep"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// scene is what a plan for one node has to see: the node, and those that want the same names.
type scene struct {
	// looked is the node that is looked at, known or not.
	looked    string
	planner   *autohep.Planner
	nodes     []*v3.Node
	existing  []*v3.HostEndpoint
	endpoints map[string]*v3.HostEndpoint
	// foreign are endpoints that somebody else has changed or deleted.
	foreign names // those that are repaired are taken out
}

// unrepaired are the endpoints that somebody else has changed or deleted, and that changes were to repair and have not.
func (s scene) unrepaired(changes autohep.Changes) (names []string) {
	for _, h := range slices.Concat(changes.Create, changes.Update, changes.Delete) {
		if s.foreign.has(h.Name) {
			names = append(names, h.Name)
		}
	}
	return names
}

// isTaken tells whether an endpoint of that name is somebody else's, or is being deleted.
func (s scene) isTaken(name string) bool {
	h := s.endpoints[name]
	return h != nil && (!autohep.Owned(h) || autohep.Leaving(h))
}

// scene collects what a plan for a node depends on; nothing without a planner. What is foreign is told once.
func (s *state) scene(node string) scene {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.planner == nil {
		return scene{}
	}
	out := scene{looked: node, planner: s.planner, endpoints: map[string]*v3.HostEndpoint{}, foreign: names{}}
	seen, next := names{node: {}}, []string{node}
	join := func(name string) {
		if h := s.endpoints[name]; h != nil {
			out.endpoints[name] = h
		}
		if h := s.endpoints[name]; s.foreign[name] && (h == nil || !autohep.Leaving(h)) {
			out.foreign[name] = struct{}{}
			delete(s.foreign, name)
		}
		for other := range s.claims[name] {
			if !seen.has(other) {
				seen[other] = struct{}{}
				next = append(next, other)
			}
		}
	}
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		if known := s.nodes[name]; known != nil {
			out.nodes = append(out.nodes, known)
		}
		for endpoint := range s.on[name] {
			join(endpoint)
		}
		for _, endpoint := range s.claimed[name] {
			join(endpoint)
		}
	}
	for _, h := range out.endpoints {
		out.existing = append(out.existing, h)
	}
	return out
}
