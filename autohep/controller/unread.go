package controller

import (
	"context"
	"errors"
	"fmt"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// unreadProblem is about an object that cannot be understood.
func unreadProblem(key resources.Key, err error) autohep.Problem {
	p := autohep.Problem{Text: fmt.Sprintf("%s cannot be understood, and is left as it is: %v. Correct it or remove it.", key, err)}
	switch key.Kind {
	case resources.Node:
		p.Node = key.Name
	case resources.HostEndpoint:
		p.Endpoint = key.Name
	}
	return p
}

// setUnread notes that a node cannot be understood, and tells whether that is news.
func (s *state) setUnread(node string, why error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.unread[node]
	s.unread[node] = why
	return before == nil || before.Error() != why.Error()
}

// dropUnread forgets a node that could not be understood.
func (s *state) dropUnread(node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unread, node)
}

// whyUnread is why a node cannot be understood; nil if it can, or there is none.
func (s *state) whyUnread(node string) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.unread[node]
}

// unreadNodes counts the nodes that cannot be understood, and gives the first of their names.
func (s *state) unreadNodes() (n int, first string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for name := range s.unread {
		if first == "" || name < first {
			first = name
		}
	}
	return len(s.unread), first
}

// askAgain asks for a node that could not be understood when it was read last: it may be gone since.
func (c *Controller) askAgain(ctx context.Context, node string) error {
	if c.state.whyUnread(node) == nil {
		return nil
	}
	key := resources.Node.Key(node)
	_, err := c.Store.Get(ctx, key)
	switch {
	case errors.Is(err, datastore.ErrNotFound):
		c.state.dropUnread(node)
	case err != nil && !errors.Is(err, datastore.ErrInvalid):
		return fmt.Errorf("get %s: %w", key, err)
	}
	return nil // one that can be understood now is told of by the watch
}

// withoutUnread are stale endpoints but for those of nodes that cannot be understood.
func (s *state) withoutUnread(stale []*v3.HostEndpoint) (rest []*v3.HostEndpoint) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, h := range stale {
		if s.unread[h.Spec.Node] == nil {
			rest = append(rest, h)
		}
	}
	return rest
}
