package manifest

import (
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Mistake makes a mistake about a field of the item, at the place where the field
// stands, or where the nearest thing around it does if it is not written out.
func (i Item) Mistake(fieldPath, text string) Mistake {
	where := i.locate(fieldPath)
	return Mistake{
		Position: where,
		Object:   i.Kind.Key(shorten(i.Object.GetName(), nameWidth)).String(),
		Path:     shorten(fieldPath, pathWidth),
		Text:     shorten(text, textWidth),
		Excerpt:  i.chunk.excerpt(where),
	}
}

// Doubts tells whether what seems wrong with a field may only follow from what could not be read: from the field
// itself, from one beside it, from anything in the same element of a list, or from a field of the object's root.
func (i Item) Doubts(fieldPath string) bool {
	at := segments(fieldPath)
	return slices.ContainsFunc(i.mistaken, func(mistake []string) bool {
		return len(mistake) <= 1 || isPrefix(at, mistake) || isPrefix(mistake, at) || isPrefix(elementOf(mistake), at) ||
			len(at) == len(mistake) && isPrefix(at[:len(at)-1], mistake)
	})
}

// elementOf is the path of the innermost element of a list around a field, or the field's own.
func elementOf(path []string) []string {
	for i, segment := range slices.Backward(path) {
		if _, err := strconv.Atoi(segment); err == nil {
			return path[:i+1]
		}
	}
	return path
}

func isPrefix(prefix, path []string) bool {
	return len(prefix) <= len(path) && slices.Equal(prefix, path[:len(prefix)])
}

func (i Item) locate(fieldPath string) Position {
	n := i.chunk.tree(i.index[0])
	for _, index := range i.index[1:] {
		if n = element(n, index); n == nil {
			return i.Position
		}
	}
	return i.chunk.position(walk(n, segments(fieldPath)))
}

// element is an entry of an array, or of a list object.
func element(n *yaml.Node, index int) *yaml.Node {
	n = follow(n)
	if n.Kind == yaml.MappingNode {
		n = follow(field(n, "items"))
	}
	if index >= len(n.Content) {
		return nil
	}
	return n.Content[index]
}

func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// walk goes as far along the path as the document does.
func walk(n *yaml.Node, path []string) *yaml.Node {
	for _, segment := range path {
		n = follow(n)
		var next *yaml.Node
		switch n.Kind {
		case yaml.MappingNode:
			next = field(n, segment)
		case yaml.SequenceNode:
			if i, err := strconv.Atoi(segment); err == nil && i >= 0 && i < len(n.Content) {
				next = n.Content[i]
			}
		}
		if next == nil {
			break
		}
		n = next
	}
	return n
}

// segments takes a path such as spec.ingress[0].action or metadata.labels[a.b/c] apart.
func segments(path string) []string {
	var out []string
	for path != "" {
		if rest, ok := strings.CutPrefix(path, "["); ok {
			key, after, _ := strings.Cut(rest, "]")
			out = append(out, key)
			path = strings.TrimPrefix(after, ".")
			continue
		}
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			end = len(path)
		}
		out = append(out, path[:end])
		path = strings.TrimPrefix(path[end:], ".")
	}
	return out
}
