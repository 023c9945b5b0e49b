package controller

import (
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// state is what the controller knows of the datastore, with an index for every question that
// it asks. Objects in it are never changed, only replaced.
type state struct {
	mu        sync.RWMutex
	nodes     map[string]*v3.Node
	endpoints map[string]*v3.HostEndpoint
	// on are the names of the automatic endpoints on each node, known or not.
	on map[string]names
	// claims are the nodes that each name may belong to, and claimed the other way round.
	claims  map[string]names
	claimed map[string][]string
	planner *autohep.Planner
	// own are writes of this process that the watch has not told of yet, by endpoint.
	own map[string]*ownWrite
	// deeds are what this process has done to endpoints of which it may still hear.
	deeds map[string]*deeds
	// foreign are endpoints that somebody else has changed or deleted, until that is repaired
	// or turns out to be right.
	foreign map[string]bool
	// reports are what came of each node's last look.
	reports map[string]report
	// remarks are of what is left out of nodes.
	remarks map[string][]string
	// unread are why nodes could not be understood when they were read last.
	unread map[string]error
	// appeared is when this process first saw a node that was not there from the beginning.
	appeared map[string]arrival
}

type names map[string]struct{}

func newState() *state {
	return &state{
		nodes: map[string]*v3.Node{}, endpoints: map[string]*v3.HostEndpoint{},
		on: map[string]names{}, claims: map[string]names{}, claimed: map[string][]string{},
		own: map[string]*ownWrite{}, deeds: map[string]*deeds{}, foreign: map[string]bool{},
		reports: map[string]report{}, remarks: map[string][]string{}, unread: map[string]error{}, appeared: map[string]arrival{},
	}
}

func (n names) has(name string) bool {
	_, ok := n[name]
	return ok
}

// enter adds a name to the set under key, and leave takes it out.
func enter(index map[string]names, key, name string) {
	if index[key] == nil {
		index[key] = names{}
	}
	index[key][name] = struct{}{}
}

func leave(index map[string]names, key, name string) {
	delete(index[key], name)
	if len(index[key]) == 0 {
		delete(index, key)
	}
}

// reduced is a node without what no endpoint follows from. It takes node over.
func reduced(node *v3.Node) *v3.Node {
	node.Annotations, node.OwnerReferences, node.Finalizers = nil, nil, nil
	node.Spec.OrchRefs = nil
	node.Status = v3.NodeStatus{}
	return node
}

// sameNode tells whether nothing has changed that endpoints follow from.
func sameNode(a, b *v3.Node) bool {
	return maps.Equal(a.Labels, b.Labels) && equality.Semantic.DeepEqual(a.Spec, b.Spec)
}

// putNode takes a node over and gives the names of the nodes to look at.
func (s *state) putNode(node *v3.Node, now time.Time) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.setNode(node, now)
}

func (s *state) setNode(node *v3.Node, now time.Time) []string {
	_, mended := s.unread[node.Name]
	delete(s.unread, node.Name)
	before := s.nodes[node.Name]
	if before == node {
		return nil
	}
	node = reduced(node)
	if before != nil && before.UID == node.UID && sameNode(before, node) && !mended {
		s.nodes[node.Name] = node // of a newer revision
		return nil
	}
	if before == nil && s.planner != nil {
		s.appeared[node.Name] = arrival{at: now}
	}
	s.nodes[node.Name] = node
	return append(s.claim(node), node.Name)
}

func (s *state) deleteNode(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.removeNode(name)
}

func (s *state) removeNode(name string) []string {
	delete(s.nodes, name)
	delete(s.appeared, name)
	delete(s.remarks, name)
	claimed := s.claimed[name]
	others := s.unclaim(name)
	for _, endpoint := range claimed {
		s.dropForeign(endpoint)
	}
	return append(others, name)
}

// claim brings the names that a node may have up to date, and gives the other nodes that
// have to do with names of which that is news.
func (s *state) claim(node *v3.Node) []string {
	if s.planner == nil {
		return nil
	}
	now := s.planner.Names(node)
	if slices.Equal(now, s.claimed[node.Name]) {
		return nil
	}
	others := s.unclaim(node.Name)
	for _, name := range now {
		for other := range s.claims[name] {
			others = append(others, other)
		}
		enter(s.claims, name, node.Name)
	}
	s.claimed[node.Name] = now
	return others
}

func (s *state) unclaim(node string) (others []string) {
	for _, name := range s.claimed[node] {
		leave(s.claims, name, node)
		for other := range s.claims[name] {
			others = append(others, other)
		}
	}
	delete(s.claimed, node)
	return others
}

// replaceNodes makes a whole list of nodes what is known.
func (s *state) replaceNodes(list []*v3.Node, now time.Time) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var look []string
	there := make(names, len(list))
	for _, node := range list {
		there[node.Name] = struct{}{}
		look = append(look, s.setNode(node, now)...)
	}
	for name := range s.nodes {
		if !there.has(name) {
			look = append(look, s.removeNode(name)...)
		}
	}
	return look
}

// putEndpoint takes what the watch tells of an endpoint, and gives the nodes to look at.
func (s *state) putEndpoint(h *v3.HostEndpoint) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaves(h) {
		s.caughtUp(h.Name)
	}
	if older, over := s.own[h.Name].tells(h.ResourceVersion); older {
		if over {
			s.caughtUp(h.Name)
		}
		return nil
	}
	return s.foreignPut(h)
}

// foreignPut takes an endpoint that somebody else has written, or this process if the answer has not come yet.
func (s *state) foreignPut(h *v3.HostEndpoint) []string {
	before := s.endpoints[h.Name]
	if before != nil && before.ResourceVersion == h.ResourceVersion {
		return nil
	}
	s.blame(h.Name, before, h)
	s.setEndpoint(h)
	return s.concerned(h.Name, before, h)
}

// deleteEndpoint takes the deletion of an endpoint, and gives the nodes to look at.
func (s *state) deleteEndpoint(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if older, over := s.own[name].tells(revisionGone); older {
		if over {
			s.caughtUp(name)
		}
		return nil
	}
	return s.foreignGone(name)
}

func (s *state) foreignGone(name string) []string {
	before := s.endpoints[name]
	s.blame(name, before, nil)
	s.removeEndpoint(name)
	s.dropForeign(name)
	return s.concerned(name, before, nil)
}

// dropForeign forgets that somebody else has deleted an endpoint if no node wants it back.
func (s *state) dropForeign(name string) {
	if s.endpoints[name] == nil && len(s.claims[name]) == 0 {
		delete(s.foreign, name)
	}
}

// concerned are the nodes that an endpoint before or after a change has to do with: those that may have its name or, if
// there are none, those that it is for. Not both, since looks at both at once would write the same, and one too late.
func (s *state) concerned(name string, versions ...*v3.HostEndpoint) []string {
	nodes := slices.Collect(maps.Keys(s.claims[name]))
	claimed := len(nodes) > 0
	for _, h := range versions {
		if !claimed && h != nil && autohep.Owned(h) {
			nodes = append(nodes, h.Spec.Node)
		}
	}
	if len(nodes) == 0 {
		delete(s.foreign, name)
	}
	return nodes
}

func (s *state) setEndpoint(h *v3.HostEndpoint) {
	s.removeEndpoint(h.Name)
	h.ManagedFields = nil
	s.endpoints[h.Name] = h
	if autohep.Owned(h) {
		enter(s.on, h.Spec.Node, h.Name)
	}
}

func (s *state) removeEndpoint(name string) {
	if before := s.endpoints[name]; before != nil {
		leave(s.on, before.Spec.Node, name)
		delete(s.endpoints, name)
	}
}

// replaceEndpoints makes a whole list of endpoints what is known.
func (s *state) replaceEndpoints(list []*v3.HostEndpoint) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.own {
		w.unsure, w.before = true, ""
	}
	var look []string
	there := make(names, len(list))
	for _, h := range list {
		there[h.Name] = struct{}{}
		look = append(look, s.foreignPut(h)...)
	}
	for name := range s.endpoints {
		if !there.has(name) {
			look = append(look, s.foreignGone(name)...)
		}
	}
	maps.DeleteFunc(s.own, func(_ string, w *ownWrite) bool { return w.result != "" })
	s.ageDeeds()
	return look
}

// use makes a planner, nil for none, the one to go by, and gives all nodes that there is anything to know of.
func (s *state) use(planner *autohep.Planner) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.planner = planner
	if planner == nil {
		clear(s.reports) // nobody looks at nodes any more
	}
	s.claims, s.claimed = map[string]names{}, map[string][]string{}
	for _, node := range s.nodes {
		s.claim(node)
	}
	return s.everybody()
}

// all are the names of all nodes that there is anything to know of, in order.
func (s *state) all() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.everybody()
}

func (s *state) everybody() []string {
	all := make(names, len(s.nodes))
	for name := range s.nodes {
		all[name] = struct{}{}
	}
	for name := range s.unread {
		all[name] = struct{}{}
	}
	for name := range s.on {
		all[name] = struct{}{}
	}
	return slices.Sorted(maps.Keys(all))
}

// knownNode gives a node if it is known at this revision.
func (s *state) knownNode(name, resourceVersion string) (resources.Object, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, ok := s.nodes[name]
	return n, ok && n.ResourceVersion == resourceVersion
}

// knownEndpoint gives an endpoint if it is known at this revision.
func (s *state) knownEndpoint(name, resourceVersion string) (resources.Object, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h, ok := s.endpoints[name]
	return h, ok && h.ResourceVersion == resourceVersion
}

// nodeRevision is the revision at which a node is known; empty if it is not.
func (s *state) nodeRevision(name string) string {
	if n, ok := s.knows(name); ok {
		return n.ResourceVersion
	}
	return ""
}

// endpointRevision is the revision at which an endpoint is known; empty if it is not.
func (s *state) endpointRevision(name string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if h := s.endpoints[name]; h != nil {
		return h.ResourceVersion
	}
	return ""
}

// knows tells whether there is a node of that name.
func (s *state) knows(node string) (*v3.Node, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, ok := s.nodes[node]
	return n, ok
}
