package policytest_test

import (
	"encoding/xml"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/policy"
	"github.com/edfb3db0/calicoctl/policytest"
)

func TestRead(t *testing.T) {
	got, err := policytest.Read("t.yaml", []byte("- name: a\n  from: [n1, n2]\n  to: self\n  allow: [TCP/22-23, icmp/8/0, all]\n"))
	if err != nil {
		t.Fatal(err)
	}
	at := func(line, column int) manifest.Position {
		return manifest.Position{File: "t.yaml", Line: line, Column: column}
	}
	want := []policytest.Test{{
		Name: "a", Position: at(1, 3), From: []policytest.Word{{Text: "n1", Position: at(2, 10)}, {Text: "n2", Position: at(2, 14)}},
		To: []policytest.Word{{Text: "self", Position: at(3, 7)}},
		Allow: []policytest.Service{
			{Text: "TCP/22-23", Box: policy.Box{Protocols: []policy.Range{{First: 6, Last: 6}}, Ports: []policy.Range{{First: 22, Last: 23}}}},
			{Text: "icmp/8/0", Box: policy.Box{
				IPVersion: 4, Protocols: []policy.Range{{First: 1, Last: 1}}, ICMP: []policy.ICMPRange{{Types: policy.Range{First: 8, Last: 8}}},
			}},
			{Text: "all"},
		},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"":          "t.yaml: a list of tests is expected",
		"a: [":      "t.yaml:1: this is no YAML: ",
		"- 1":       "t.yaml:1:3: [0]: a test is expected",
		"- &a [*a]": "t.yaml:1:3: [0]: a test is expected",
		"- {name: a, from: x, to: y, deny: [tcp/1]}\n---\n- b":                                                "t.yaml:2:1: there is a second document",
		"- {name: a, from: x, to: y, deny: [tcp/1]}\n---\n- {name: b, from: x, to: y, deny: [tcp/1]}\n- z: }": "t.yaml:3: this is no YAML: ",
	} {
		_, err := policytest.Read("t.yaml", []byte(text))
		if mistakes, ok := errors.AsType[manifest.Mistakes](err); !ok || !strings.HasPrefix(mistakes.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("- {name: a, from: x, to: [y], deny: [tcp/1-2, icmp/3/4], path: forward, on: z, except: w}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tests, err := policytest.Read("t.yaml", data)
		if err == nil && len(tests) == 0 {
			t.Error("neither a test nor a mistake")
		}
	})
}

// node is an element of any XML.
type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []node     `xml:",any"`
}

// schema is what the common JUnit schema says of each element: the attributes it needs, and its children in their order.
var schema = map[string]struct{ attributes, children []string }{
	"testsuites": {nil, []string{"testsuite"}},
	"testsuite": {
		[]string{"package", "id", "name", "timestamp", "hostname", "tests", "failures", "errors", "time"},
		[]string{"properties", "testcase", "system-out", "system-err"},
	},
	"properties": {nil, []string{"property"}}, "property": {[]string{"name", "value"}, nil}, "system-out": {}, "system-err": {},
	"testcase": {[]string{"name", "classname", "time"}, []string{"error", "failure"}},
	"error":    {[]string{"message", "type"}, nil},
	"failure":  {[]string{"message", "type"}, nil},
}

func (n node) check(t *testing.T) {
	t.Helper()
	rule, ok := schema[n.XMLName.Local]
	if !ok {
		t.Errorf("there is no element %s", n.XMLName.Local)
	}
	var names []string
	for _, a := range n.Attrs {
		names = append(names, a.Name.Local)
	}
	if diff := cmp.Diff(rule.attributes, names); diff != "" {
		t.Errorf("%s: %s", n.XMLName.Local, diff)
	}
	last := 0
	for _, child := range n.Children {
		place := slices.Index(rule.children, child.XMLName.Local)
		if place < last {
			t.Errorf("%s in %s is out of place", child.XMLName.Local, n.XMLName.Local)
		}
		last = place
		child.check(t)
	}
}

func TestWriteJUnit(t *testing.T) {
	var b strings.Builder
	err := policytest.WriteJUnit(&b, []policytest.Case{
		{Name: "a", File: "one.yaml", Line: 1, Took: time.Millisecond},
		{Name: "b <&> \x01", File: "one.yaml", Line: 2, Failure: "tcp/1 is \"open\"", Details: "trace"},
		{Name: "c", File: "two.yaml", Line: 3, Failure: "who knows", Unknown: true},
	}, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	var root node
	if err := xml.Unmarshal([]byte(b.String()), &root); err != nil {
		t.Fatal(err)
	}
	root.check(t)
	readXSD(t, "testdata/junit/jenkins-junit.xsd").check(t, root)
	for _, want := range []string{
		`name="one.yaml" timestamp="2026-01-02T03:04:05" hostname="localhost" tests="2" failures="1" errors="0" time="0.001000"`,
		`name="two.yaml" timestamp="2026-01-02T03:04:05" hostname="localhost" tests="1" failures="0" errors="1" time="0.000000"`,
		`<failure message="tcp/1 is &#34;open&#34;" type="failed">one.yaml:2`, `<error message="who knows" type="unknown">two.yaml:3`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s is not in\n%s", want, b.String())
		}
	}
}
