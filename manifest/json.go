package manifest

import (
	"bytes"
	"encoding/json"
	"errors"

	"go.yaml.in/yaml/v3"
)

var errNoted = errors.New("the mistake is noted")

// toJSON writes a node in JSON with the meaning that resolve gives its scalars.
func (d *decoder) toJSON(n *yaml.Node, at path) ([]byte, error) {
	var b bytes.Buffer
	if err := d.writeJSON(&b, n, at); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (d *decoder) writeJSON(b *bytes.Buffer, n *yaml.Node, at path) error {
	n, leave, ok := d.enter(n, at)
	if !ok {
		return errNoted
	}
	defer leave()
	var err error
	switch n.Kind {
	case yaml.MappingNode:
		b.WriteByte('{')
		separator := ""
		d.entries(n, at, func(key, value *yaml.Node) {
			b.WriteString(separator)
			separator = ","
			writeString(b, resolve(key).text)
			b.WriteByte(':')
			if wrong := d.writeJSON(b, value, at.key(key.Value)); wrong != nil {
				err = wrong
			}
		})
		b.WriteByte('}')
	case yaml.SequenceNode:
		b.WriteByte('[')
		for i, element := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if wrong := d.writeJSON(b, element, at.index(i)); wrong != nil {
				err = wrong
			}
		}
		b.WriteByte(']')
	default:
		if s := resolve(n); s.kind == scalarString {
			writeString(b, s.text)
		} else {
			b.WriteString(s.text)
		}
	}
	return err
}

func writeString(b *bytes.Buffer, s string) {
	quoted, _ := json.Marshal(s) // text always has a JSON form
	b.Write(quoted)
}
