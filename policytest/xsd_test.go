package policytest_test

import (
	"cmp"
	"encoding/xml"
	"os"
	"slices"
	"strconv"
	"testing"
)

// xsd is a schema in which every element is declared at the top, and consists of a sequence of references and of
// attributes, or of text.
type xsd map[string]node

// readXSD reads a schema, and fails if there is more in it than the type xsd can say.
func readXSD(t *testing.T, file string) xsd {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var root node
	if err := xml.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	s := xsd{}
	for _, element := range root.Children {
		if element.XMLName.Local != "element" || len(element.Children) > 1 {
			t.Fatalf("the schema has a %s", element.XMLName.Local)
		}
		s[element.attribute("name")] = element
		for _, part := range element.parts() {
			known := part.XMLName.Local == "attribute" && part.attribute("type") == "xs:string" ||
				part.XMLName.Local == "sequence" && !slices.ContainsFunc(part.Children, func(n node) bool { return n.attribute("ref") == "" })
			if !known {
				t.Fatalf("the schema has a %s in %s", part.XMLName.Local, element.attribute("name"))
			}
		}
	}
	return s
}

// parts are the sequence and the attributes of a declared element; those of text have none.
func (n node) parts() []node {
	if len(n.Children) == 0 {
		return nil
	}
	return n.Children[0].Children
}

func (n node) attribute(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// check tells what the schema does not allow in a document.
func (s xsd) check(t *testing.T, n node) {
	t.Helper()
	declared, ok := s[n.XMLName.Local]
	if !ok {
		t.Errorf("no element %s is declared", n.XMLName.Local)
		return
	}
	var attributes []string
	rest := n.Children
	for _, part := range declared.parts() {
		if part.XMLName.Local == "sequence" {
			rest = s.take(t, n.XMLName.Local, part.Children, rest)
			continue
		}
		attributes = append(attributes, part.attribute("name"))
		if part.attribute("use") == "required" && n.attribute(part.attribute("name")) == "" {
			t.Errorf("%s lacks %s", n.XMLName.Local, part.attribute("name"))
		}
	}
	if len(rest) > 0 {
		t.Errorf("%s is out of place in %s", rest[0].XMLName.Local, n.XMLName.Local)
	}
	for _, a := range n.Attrs {
		if !slices.Contains(attributes, a.Name.Local) {
			t.Errorf("%s has the attribute %s", n.XMLName.Local, a.Name.Local)
		}
	}
	for _, child := range n.Children {
		s.check(t, child)
	}
}

// take follows a sequence and gives the elements that are left.
func (s xsd) take(t *testing.T, parent string, sequence, elements []node) []node {
	t.Helper()
	for _, want := range sequence {
		n := 0
		for n < len(elements) && elements[n].XMLName.Local == want.attribute("ref") {
			n++
		}
		least, _ := strconv.Atoi(cmp.Or(want.attribute("minOccurs"), "1"))
		most, err := strconv.Atoi(cmp.Or(want.attribute("maxOccurs"), "1"))
		if n < least || err == nil && n > most { // unbounded is no number
			t.Errorf("%s has %d %s, and has to have %d to %s", parent, n, want.attribute("ref"), least, cmp.Or(want.attribute("maxOccurs"), "1"))
		}
		elements = elements[n:]
	}
	return elements
}
