package selector

import (
	"crypto/sha256"
	"encoding/base64"
	"math"
	"slices"
)

// A Selector is a parsed expression. It never changes. The zero value is all().
type Selector struct {
	expr string
	// nodes holds the tree with children before their parents, so the first node is the leftmost condition and the
	// last one is the root.
	nodes []node
	sets  []span // The members of all sets, as parts of expr.
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

// MaxDepth is how many parentheses may be open at once. It is more than a policy's selector of 1024 bytes can have.
const MaxDepth = 1000

// Parse reads an expression; an empty or blank one is all(). Every error is a [*ParseError]. The Selector keeps the
// expression alive. The only limits are 512 bytes for a label, MaxDepth, and 2 GiB for the whole.
func Parse(expr string) (*Selector, error) {
	p := parser{expr: expr}
	if p.space(); p.pos == len(expr) {
		return &Selector{}, nil
	}
	if len(expr) > math.MaxInt32 {
		return nil, p.fail(0, "a selector has at most %d bytes, this one has %d", math.MaxInt32, len(expr))
	}
	p.nodes = make([]node, 0, nodesIn(expr))
	if err := p.parse(); err != nil {
		return nil, err
	}
	link(p.nodes)
	return &Selector{expr: expr, nodes: p.nodes, sets: p.sets}, nil
}

// Matches evaluates the selector for the labels in a map, which may be nil.
func (s *Selector) Matches(labels map[string]string) bool {
	return s.Evaluate(Map(labels))
}

// Evaluate is [Selector.Matches] for labels that are not in one map. It allocates nothing, asks for labels from left
// to right, and stops as soon as the answer is certain.
func (s *Selector) Evaluate(labels Labels) bool {
	at := int32(accept)
	if len(s.nodes) > 0 {
		at = 0
	}
	for at >= 0 {
		n := &s.nodes[at]
		if s.holds(n, labels) {
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
		if label := s.nodes[i].label; label != (span{}) {
			names = append(names, s.text(label))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// UniqueID is a short name for the selector: "s:" and 38 characters of URL-safe base64, a hash of the canonical form.
// Expressions share one if they differ only in spacing, quotes, the order of a set, or parentheses around a single
// condition.
func (s *Selector) UniqueID() string {
	sum := sha256.Sum224([]byte("s:" + s.String()))
	return "s:" + base64.RawURLEncoding.EncodeToString(sum[:])
}
