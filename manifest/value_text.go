package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// ReadText reads a whole file, or standard input for "-", until ctx ends. It may have MaxInput bytes.
func ReadText(ctx context.Context, path string, stdin io.Reader) ([]byte, error) {
	return readAll(ctx, path, stdin)
}

// Documents counts the documents in a text.
func Documents(text []byte) int { return len(split("", text)) }

// JSON gives the one document of a text, of JSON or YAML, in JSON. It is for documents that are no objects, such
// as patches, and has the limits of Read. Keys that are there twice are an error. Errors call the text by name.
func JSON(name string, text []byte) ([]byte, error) {
	chunks := split(name, text)
	switch len(chunks) {
	case 0:
		return []byte("null"), nil
	case 1:
	default:
		return nil, errors.New(name + " has more than one document; write one")
	}
	c := chunks[0]
	if refusal := c.refusal(); refusal != "" {
		return nil, errors.New(name + ": " + refusal)
	}
	d := newDecoder()
	d.chunk = c
	d.parse(func(root *yaml.Node, _ int) { d.weigh(root) })
	if len(d.mistakes) > 0 {
		for i := range d.mistakes {
			d.mistakes[i].Column, d.mistakes[i].Path = 0, ""
		}
		return nil, Mistakes(d.mistakes)
	}
	out, err := sigsyaml.YAMLToJSONStrict(c.data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return out, nil
}

// weigh goes through a value for its depth and its aliases.
func (d *decoder) weigh(n *yaml.Node) {
	n, leave, ok := d.enter(n, path{})
	if !ok {
		return
	}
	defer leave()
	for _, inner := range n.Content {
		d.weigh(inner)
	}
}
