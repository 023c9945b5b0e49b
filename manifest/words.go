package manifest

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/edfb3db0/calicoctl/resources"
)

// path is the way from a document's root to a field, innermost first, so that no text
// is built unless there is a mistake.
type path struct {
	parent  *path
	segment string
	// number is an index if segment is empty.
	number int
}

func (p path) child(name string) path { return path{parent: &p, segment: "." + name} }

func (p path) key(name string) path { return path{parent: &p, segment: "[" + name + "]"} }

func (p path) index(i int) path { return path{parent: &p, number: i} }

func (p path) String() string {
	if p.parent == nil {
		return ""
	}
	segment := p.segment
	if segment == "" {
		segment = "[" + strconv.Itoa(p.number) + "]"
	}
	return strings.TrimPrefix(p.parent.String()+shorten(segment, nameWidth), ".")
}

// describe says what a node is, in a user's words.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "fields with values"
	case yaml.SequenceNode:
		return "a list"
	}
	switch s := resolve(n); s.kind {
	case scalarNull:
		return "nothing"
	case scalarString:
		return "the text " + strconv.Quote(shorten(n.Value, valueWidth))
	default:
		return shorten(n.Value, valueWidth)
	}
}

// Messages show this many characters of a value, of a name or a key, of a path, and of
// a text that may repeat any of them.
const (
	valueWidth = 60
	nameWidth  = 253
	pathWidth  = 1000
	textWidth  = 2000
)

func shorten(s string, width int) string {
	if len(s) <= width {
		return s
	}
	n := 0
	for i := range s {
		if n++; n > width {
			return s[:i] + "..."
		}
	}
	return s
}

// nearest finds the name that is meant by a word with a typo.
func nearest(word string, names []string) (string, bool) {
	if len(word) > nameWidth {
		return "", false
	}
	return resources.Nearest(word, names)
}

func expectation(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "a number"
	default:
		return "a whole number"
	}
}

// unquote is the hint for a value that would fit without its quotes.
func unquote(n *yaml.Node, k reflect.Kind) string {
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
		return ""
	}
	inner := resolve(&yaml.Node{Kind: yaml.ScalarNode, Value: n.Value}).kind
	fits := inner == scalarInt || inner == scalarFloat
	if k == reflect.Bool {
		fits = inner == scalarBool
	}
	if !fits {
		return ""
	}
	return "; remove the quotes"
}

func rangeOf(v reflect.Value) string {
	bits := v.Type().Bits()
	if v.CanUint() {
		return fmt.Sprintf("a whole number from 0 to %d", ^uint64(0)>>(64-bits))
	}
	return fmt.Sprintf("a whole number of at most %d bits", bits)
}

func join(words []string) string { return strings.Join(words, ", ") }
