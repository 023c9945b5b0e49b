package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// document is what one chunk holds.
type document struct {
	items    []Item
	warnings []Mistake
	mistakes []Mistake
}

// decoder reads chunks one after the other. Its state is about the object at hand, but
// for the descriptions of types, which it keeps.
type decoder struct {
	fieldSets map[reflect.Type]*fieldSet
	options   Options

	chunk   *chunk
	object  string
	lenient bool

	depth, inAlias, aliasedValues, aliasedText int
	// overLimit ends the reading of the document.
	overLimit bool

	mistakes, warnings []Mistake
}

func newDecoder() *decoder { return &decoder{fieldSets: map[reflect.Type]*fieldSet{}} }

func (d *decoder) document(c *chunk) *document {
	*d = decoder{fieldSets: d.fieldSets, options: d.options, chunk: c}
	out := &document{}
	if text := c.refusal(); text != "" {
		d.report(Mistake{Position: Position{File: c.file, Line: c.line}, Text: text})
	} else {
		d.parse(func(root *yaml.Node, i int) {
			out.items = append(out.items, d.root(root, meaning{}, []int{i})...)
		})
	}
	out.warnings, out.mistakes = d.warnings, d.mistakes
	return out
}

// parse calls f with the root of the chunk's document, if it has one. It is the first
// and only one, unless YAML sees a line end where split does not.
func (d *decoder) parse(f func(root *yaml.Node, i int)) {
	dec := yaml.NewDecoder(bytes.NewReader(d.chunk.data))
	for i := 0; ; i++ {
		var n yaml.Node
		err := dec.Decode(&n)
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			d.report(d.syntaxMistake(err))
			return
		case len(n.Content) > 0:
			f(n.Content[0], i)
		}
	}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?`)

func (d *decoder) syntaxMistake(err error) Mistake {
	text := err.Error()
	m := yamlLine.FindStringSubmatch(text)
	at := Position{File: d.chunk.file, Line: d.chunk.line}
	if m != nil {
		text = text[len(m[0]):]
		if n, err := strconv.Atoi(m[1]); err == nil {
			at.Line += n - 1
		}
	}
	if strings.HasPrefix(text, "exceeded max depth") {
		text = tooDeep // for the parser has a limit of its own, a higher one
	}
	if strings.Contains(text, "tab character") || strings.Contains(text, "cannot start any token") && bytes.ContainsRune(d.chunk.data, '\t') {
		text += "; YAML indents with spaces"
	}
	return Mistake{Position: at, Text: text}
}

// meaning is what a list says about its items.
type meaning struct{ apiVersion, kind string }

// root reads a document, or an item of a list: an object, a list, or an array.
func (d *decoder) root(n *yaml.Node, inherited meaning, index []int) []Item {
	n, leave, ok := d.enter(n, path{})
	if !ok {
		return nil
	}
	defer leave()
	d.object = ""
	switch {
	case isNull(n):
		return nil
	case n.Kind == yaml.SequenceNode:
		return d.elements(n, inherited, index)
	case n.Kind != yaml.MappingNode:
		d.mistake(n, path{}, "expected an object with apiVersion, kind, metadata and spec, found "+describe(n))
		return nil
	}
	m := meaning{apiVersion: scalarField(n, "apiVersion"), kind: scalarField(n, "kind")}
	if items := field(n, "items"); items != nil && strings.HasSuffix(m.kind, "List") {
		return d.list(n, items, m, index)
	}
	if m.kind == "" && m.apiVersion == "" {
		m = inherited
	}
	item, ok := d.readObject(n, m)
	if !ok {
		return nil
	}
	item.Position, item.chunk, item.index = d.chunk.position(n), d.chunk, index
	return []Item{item}
}

func (d *decoder) elements(n *yaml.Node, inherited meaning, index []int) []Item {
	var items []Item
	for i, element := range n.Content {
		if element.Kind == yaml.SequenceNode {
			d.object = ""
			d.mistake(element, path{}.index(i), "expected an object, found a list")
			continue
		}
		items = append(items, d.root(element, inherited, append(append([]int(nil), index...), i))...)
	}
	return items
}

// list reads the items of a List, whose own kind is theirs if they have none.
func (d *decoder) list(n, items *yaml.Node, m meaning, index []int) []Item {
	for items.Kind == yaml.AliasNode {
		items = items.Alias
	}
	inherited := meaning{apiVersion: m.apiVersion, kind: strings.TrimSuffix(m.kind, "List")}
	if inherited.kind != "" {
		if _, ok := d.kind(n, inherited); !ok {
			return nil
		}
	}
	if isNull(items) {
		return nil
	}
	if items.Kind != yaml.SequenceNode {
		d.mistake(items, path{}.child("items"), "expected a list, found "+describe(items))
		return nil
	}
	out := d.elements(items, inherited, index)
	for _, item := range out {
		if inherited.kind == "" || item.Kind.Name == inherited.kind {
			continue
		}
		wrong := n
		for _, i := range item.index[len(index):] {
			wrong = element(wrong, i)
		}
		d.object = item.Kind.Key(shorten(item.Object.GetName(), nameWidth)).String()
		d.mistake(field(follow(wrong), "kind"), path{}.child("kind"),
			fmt.Sprintf("this does not belong in a %s; write kind: List for a list of several kinds", m.kind))
	}
	return out
}

func (d *decoder) readObject(n *yaml.Node, m meaning) (Item, bool) {
	kind, ok := d.kind(n, m)
	if !ok {
		return Item{}, false
	}
	d.object = m.kind + "(" + shorten(objectName(n), nameWidth) + ")"
	before := len(d.mistakes)
	var object resources.Object
	if m.apiVersion == v3.GroupVersion {
		object = kind.New()
		d.value(n, reflect.ValueOf(object).Elem(), path{})
		object.GetObjectKind().SetGroupVersionKind(v3.SchemeGroupVersion.WithKind(kind.Name))
	} else {
		object = d.kubernetesNode(n)
	}
	item := Item{Kind: kind, Object: object}
	for _, m := range d.mistakes[before:] {
		item.mistaken = append(item.mistaken, segments(m.Path))
	}
	// What is wrong with a Kubernetes node has paths that are not those of the object made of it.
	return item, len(item.mistaken) == 0 || m.apiVersion == v3.GroupVersion
}

// kind finds the kind that a document says it is, or notes what is nearly right.
func (d *decoder) kind(n *yaml.Node, m meaning) (*resources.Kind, bool) {
	kind, known := resources.ByName(m.kind)
	isKubernetesNode := m.apiVersion == "v1" && m.kind == resources.Node.Name
	if known && (m.apiVersion == v3.GroupVersion || isKubernetesNode) {
		return kind, true
	}
	text := fmt.Sprintf("unknown resource type (%s) and/or version (%s)", shorten(m.kind, nameWidth), shorten(m.apiVersion, nameWidth))
	if !known {
		var names []string
		for _, k := range resources.All() {
			names = append(names, k.Name)
		}
		near, ok := nearest(m.kind, names)
		if byWord, isWord := resources.ByWord(m.kind); isWord {
			near, ok = byWord.Name, true
		}
		if ok {
			text += "; did you mean kind: " + near + "?"
			known = true
		} else {
			text += "; known kinds are " + join(names)
		}
	}
	if known && m.apiVersion != v3.GroupVersion {
		text += "; write apiVersion: " + v3.GroupVersion
	}
	culprit := "kind"
	if _, known := resources.ByName(m.kind); known {
		culprit = "apiVersion"
	}
	at := n
	if value := field(n, culprit); value != nil {
		at = value
	}
	d.mistake(at, path{}, text)
	return nil, false
}

// kubernetesNode reads a node as Kubernetes writes it. Its identity and revision belong
// to the cluster that it comes from and stay there.
func (d *decoder) kubernetesNode(n *yaml.Node) resources.Object {
	var in resources.KubernetesNode
	d.lenient = true
	d.value(n, reflect.ValueOf(&in).Elem(), path{})
	d.lenient = false
	node, ignored := resources.NodeFromKubernetes(&in, resources.KubernetesNodeOptions{UsePodCIDR: d.options.UsePodCIDR})
	for _, text := range ignored {
		d.warn(n, path{}, text)
	}
	node.UID, node.ResourceVersion = "", ""
	return node
}

func objectName(n *yaml.Node) string {
	if metadata := field(n, "metadata"); metadata != nil && metadata.Kind == yaml.MappingNode {
		return scalarField(metadata, "name")
	}
	return ""
}

// field finds the value of a key of a mapping, as the decoder would, or nil.
func field(n *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if strings.EqualFold(n.Content[i].Value, name) {
			return n.Content[i+1]
		}
	}
	return nil
}

func scalarField(n *yaml.Node, name string) string {
	if value := field(n, name); value != nil && value.Kind == yaml.ScalarNode {
		if s := resolve(value); s.kind != scalarNull {
			return s.text
		}
	}
	return ""
}

// report adds a mistake. With the first one that is not shown, reading ends.
func (d *decoder) report(m Mistake) {
	d.mistakes = append(d.mistakes, m)
	d.overLimit = d.overLimit || len(d.mistakes) > MaxMistakes
}

func (d *decoder) mistake(n *yaml.Node, at path, text string) {
	if !d.overLimit {
		d.report(d.note(n, at, text))
	}
}

func (d *decoder) warn(n *yaml.Node, at path, text string) {
	if !d.lenient && len(d.warnings) <= MaxMistakes {
		d.warnings = append(d.warnings, d.note(n, at, text))
	}
}

func (d *decoder) note(n *yaml.Node, at path, text string) Mistake {
	where := d.chunk.position(n)
	return Mistake{Position: where, Object: d.object, Path: at.String(), Text: shorten(text, textWidth), Excerpt: d.chunk.excerpt(where)}
}

func (c *chunk) lineOf(n *yaml.Node) int { return c.line + n.Line - 1 }

func (c *chunk) position(n *yaml.Node) Position {
	return Position{File: c.file, Line: c.lineOf(n), Column: n.Column}
}

// ReadObject reads one object of a known kind from JSON or YAML that no user has
// written, as strictly as Read. Mistakes, returned as Mistakes, and warnings have no
// position.
func ReadObject(kind *resources.Kind, data []byte) (resources.Object, []Mistake, error) {
	d := newDecoder()
	d.chunk = &chunk{data: resources.YAMLSafeJSON(data)}
	var object resources.Object
	d.parse(func(root *yaml.Node, _ int) {
		if item, ok := d.readObject(root, meaning{apiVersion: v3.GroupVersion, kind: kind.Name}); ok {
			object = item.Object
		}
	})
	for _, list := range [][]Mistake{d.mistakes, d.warnings} {
		for i := range list {
			list[i].Position, list[i].Excerpt = Position{}, ""
		}
	}
	if len(d.mistakes) > 0 {
		return nil, d.warnings, Mistakes(d.mistakes)
	}
	if object == nil {
		return nil, d.warnings, Mistakes{{Text: "there is no object"}}
	}
	return object, d.warnings, nil
}
