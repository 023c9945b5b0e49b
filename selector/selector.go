package selector

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
)

// A Selector is a parsed expression. It never changes. The zero value is all().
type Selector struct {
	// nodes holds the tree with children before their parents, so the first node is the leftmost condition and the
	// last one is the root.
	nodes []node
}

// Labels is whatever a selector can be asked about. Get must say false for a label that is absent: an absent label
// and an empty value are two different things.
type Labels interface {
	Get(name string) (value string, ok bool)
}

// Map makes [Labels] of a map; a nil map has no labels. Converting to it costs nothing.
type Map map[string]string

// Get looks the label up in the map.
func (m Map) Get(name string) (string, bool) {
	value, ok := m[name]
	return value, ok
}

// Parse reads an expression; an empty or blank one is all(). Every error is a [*ParseError]. The Selector keeps the
// expression alive, because its labels and values are parts of that string.
func Parse(expr string) (*Selector, error) {
	if strings.Trim(expr, " \t") == "" {
		return &Selector{}, nil
	}
	p := parser{expr: expr, nodes: make([]node, 0, len(expr)/16+1)}
	p.groups = p.few[:0]
	if err := p.parse(); err != nil {
		return nil, err
	}
	link(p.nodes)
	return &Selector{nodes: p.nodes}, nil
}

// Matches evaluates the selector for the labels in a map, which may be nil.
func (s *Selector) Matches(labels map[string]string) bool {
	return s.Evaluate(Map(labels))
}

// Evaluate is [Selector.Matches] for labels that are not in one map. It allocates nothing, asks for labels from left
// to right, and stops as soon as the answer is certain.
func (s *Selector) Evaluate(labels Labels) bool {
	at := accept
	if len(s.nodes) > 0 {
		at = 0
	}
	for at >= 0 {
		n := &s.nodes[at]
		if n.holds(labels) {
			at = n.yes
		} else {
			at = n.no
		}
	}
	return at == accept
}

// Labels lists the label names that the expression mentions, each once, sorted bytewise.
func (s *Selector) Labels() []string {
	var names []string
	for i := range s.nodes {
		if s.nodes[i].label != "" {
			names = append(names, s.nodes[i].label)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// UniqueID is a short name for the selector: "s:" and 38 characters of URL-safe base64, a hash of the canonical form.
// Expressions that differ only in spacing, quotes, redundant parentheses, or the order of a set share one.
func (s *Selector) UniqueID() string {
	sum := sha256.Sum224([]byte("s:" + s.String()))
	return "s:" + base64.RawURLEncoding.EncodeToString(sum[:])
}
