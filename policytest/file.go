package policytest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/resources"
)

// Word is a word of a test, and where it is written.
type Word struct {
	Text     string
	Position manifest.Position
}

// Test is what policy is expected to do to traffic.
type Test struct {
	Name     string
	Position manifest.Position
	From, To []Word
	// Except are addresses that From and To leave out.
	Except []Word
	// Path is Forward or nothing, and On the nodes that the traffic passes through.
	Path policy.Path
	On   []Word
	// Allow and Deny are the services that have to be allowed and denied.
	Allow, Deny []Service
}

// Self stands in To for the nodes of From.
const Self = "self"

const maxFile = 4 << 20

var fieldNames = []string{"name", "from", "to", "except", "path", "on", "allow", "deny"}

// Read reads the tests of a file. Everything that is wrong with it comes back as
// manifest.Mistakes, beside the tests in which nothing is.
func Read(file string, data []byte) ([]Test, error) {
	r := &reader{file: file, names: map[string]manifest.Position{}}
	if len(data) > maxFile {
		r.wrong(nil, "", "the file is larger than 4 MiB: write several")
		return nil, r.mistakes
	}
	var root, second yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(data))
	if err := documents.Decode(&root); err != nil && !errors.Is(err, io.EOF) {
		r.syntax(err)
		return nil, r.mistakes
	}
	switch err := documents.Decode(&second); {
	case err == nil:
		r.wrong(&second, "", "there is a second document: write one list")
	case !errors.Is(err, io.EOF):
		r.syntax(err)
	}
	if len(root.Content) == 0 || root.Content[0].Kind != yaml.SequenceNode || len(root.Content[0].Content) == 0 {
		r.wrong(&root, "", "a list of tests is expected, such as \"- {name: SSH, from: internet, to: node1, deny: [tcp/22]}\"")
		return nil, r.mistakes
	}
	var tests []Test
	for i, n := range root.Content[0].Content {
		before := len(r.mistakes)
		t := r.test(n, fmt.Sprintf("[%d]", i))
		if len(r.mistakes) == before {
			tests = append(tests, t)
		}
	}
	if len(r.mistakes) > 0 {
		return tests, r.mistakes
	}
	return tests, nil
}

type reader struct {
	file     string
	names    map[string]manifest.Position
	mistakes manifest.Mistakes
}

func (r *reader) position(n *yaml.Node) manifest.Position {
	if n == nil {
		return manifest.Position{File: r.file}
	}
	return manifest.Position{File: r.file, Line: n.Line, Column: n.Column}
}

func (r *reader) wrong(n *yaml.Node, path, text string) {
	r.mistakes = append(r.mistakes, manifest.Mistake{Position: r.position(n), Path: path, Text: text})
}

var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax is a file that is no YAML.
func (r *reader) syntax(err error) {
	m := manifest.Mistake{Position: manifest.Position{File: r.file}}
	found := syntaxLine.FindStringSubmatch(err.Error())
	if found != nil && found[1] != "" {
		m.Line, _ = strconv.Atoi(found[1])
	}
	m.Text = "this is no YAML: " + syntaxLine.ReplaceAllString(err.Error(), "")
	r.mistakes = append(r.mistakes, m)
}

// test reads one test.
func (r *reader) test(n *yaml.Node, path string) Test {
	t := Test{Position: r.position(n)}
	if n.Kind != yaml.MappingNode {
		r.wrong(n, path, "a test is expected, with the fields "+strings.Join(fieldNames, ", "))
		return t
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := path + "." + key.Value
		if seen[key.Value] {
			r.wrong(key, at, "the field is given twice")
		}
		seen[key.Value] = true
		r.field(&t, key, value, at)
	}
	r.complete(&t, n, path, seen)
	return t
}

func (r *reader) field(t *Test, key, value *yaml.Node, at string) {
	switch key.Value {
	case "name":
		r.name(t, value, at)
	case "from":
		t.From = r.words(value, at)
	case "to":
		t.To = r.words(value, at)
	case "except":
		t.Except = r.words(value, at)
	case "on":
		t.On = r.words(value, at)
	case "path":
		if t.Path = policy.Path(value.Value); t.Path != policy.Forward {
			r.wrong(value, at, fmt.Sprintf("%q is no path: write forward, or leave it out for traffic to and from the nodes themselves", value.Value))
		}
	case "allow":
		t.Allow = r.services(value, at)
	case "deny":
		t.Deny = r.services(value, at)
	default:
		text := "there is no such field; there are " + strings.Join(fieldNames, ", ")
		if near, ok := resources.Nearest(key.Value, fieldNames); ok {
			text = "there is no such field; did you mean " + near + "?"
		}
		r.wrong(key, at, text)
	}
}

func (r *reader) name(t *Test, n *yaml.Node, at string) {
	t.Name = n.Value
	if other, ok := r.names[t.Name]; ok && t.Name != "" {
		r.wrong(n, at, fmt.Sprintf("the test at line %d has this name, too: write another", other.Line))
	}
	r.names[t.Name] = r.position(n)
}

// words reads a word, or a list of words.
func (r *reader) words(n *yaml.Node, at string) []Word {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	var words []Word
	for i, word := range list {
		place := at
		if n.Kind == yaml.SequenceNode {
			place = fmt.Sprintf("%s[%d]", at, i)
		}
		if word.Kind != yaml.ScalarNode || word.Value == "" {
			r.wrong(word, place, "a word is expected, or a list of words")
			continue
		}
		words = append(words, Word{word.Value, r.position(word)})
	}
	if len(list) == 0 {
		r.wrong(n, at, "the list is empty: write a word, or leave the field out")
	}
	return words
}

func (r *reader) services(n *yaml.Node, at string) []Service {
	var services []Service
	for i, word := range r.words(n, at) {
		s, err := ParseService(word.Text)
		if err != nil {
			place := at
			if n.Kind == yaml.SequenceNode {
				place = fmt.Sprintf("%s[%d]", at, i)
			}
			r.mistakes = append(r.mistakes, manifest.Mistake{
				Position: word.Position, Path: place, Text: fmt.Sprintf("%q is no service: %s", word.Text, err),
			})
			continue
		}
		services = append(services, s)
	}
	return services
}

// complete says what a test lacks, and which fields do not go together.
func (r *reader) complete(t *Test, n *yaml.Node, path string, seen map[string]bool) {
	for _, name := range []string{"name", "from", "to"} {
		if !seen[name] || name == "name" && t.Name == "" {
			r.wrong(n, path, "a test needs "+name)
		}
	}
	if !seen["allow"] && !seen["deny"] {
		r.wrong(n, path, "a test needs allow or deny, such as \"deny: [tcp/22]\"")
	}
	self := slices.ContainsFunc(t.To, func(w Word) bool { return w.Text == Self })
	switch {
	case self && (len(t.To) > 1 || t.Path != "" || seen["except"]):
		r.wrong(n, path, "\"to: self\" stands alone: write another test for the rest")
	case seen["on"] && !seen["path"]:
		r.wrong(n, path, "\"on\" is for traffic through nodes: write \"path: forward\" with it")
	}
	if slices.ContainsFunc(t.From, func(w Word) bool { return w.Text == Self }) {
		r.wrong(n, path, "self is an end of to alone: name the nodes in from")
	}
}

// ReadAll is Read for several files, whose mistakes come together, beside the tests in which there are none.
func ReadAll(files []string, read func(string) ([]byte, error)) ([]Test, error) {
	var tests []Test
	var all manifest.Mistakes
	for _, file := range files {
		data, err := read(file)
		if err != nil {
			return nil, err
		}
		found, err := Read(file, data)
		if mistakes, ok := errors.AsType[manifest.Mistakes](err); ok {
			all = append(all, mistakes...)
		}
		tests = append(tests, found...)
	}
	if len(all) > 0 {
		return tests, all
	}
	return tests, nil
}
