package output

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

func endpoint(name, node string, ips ...string) *v3.HostEndpoint {
	h := resources.HostEndpoint.New().(*v3.HostEndpoint)
	h.Name, h.Spec.Node, h.Spec.ExpectedIPs = name, node, ips
	return h
}

func one(h *v3.HostEndpoint) Result { return Result{Kind: resources.HostEndpoint, Object: h} }

func list(objects ...resources.Object) Result {
	return Result{Kind: resources.HostEndpoint, List: resources.HostEndpoint.NewList("7", objects)}
}

// TestFormats prints one, several and no results in every format.
func TestFormats(t *testing.T) {
	a, b := endpoint("a", "node-1", "10.0.0.1", "fd00::1"), endpoint("longer-name", "n")
	for name, c := range map[string]struct {
		format  string
		results []Result
		want    string
	}{
		"ps":                   {"ps", []Result{list(a, b)}, "NAME          NODE     \na             node-1   \nlonger-name   n        \n\n"},
		"ps, a table for each": {"ps", []Result{one(b), one(a)}, "NAME          NODE   \nlonger-name   n      \n\nNAME   NODE     \na      node-1   \n\n"},
		"ps, empty":            {"ps", []Result{list()}, "NAME   NODE   \n\n"},
		"ps, nothing":          {"ps", nil, ""},
		"wide":                 {"wide", []Result{one(a)}, "NAME   NODE     INTERFACE   IPS                PROFILES   \na      node-1               10.0.0.1,fd00::1              \n\n"},
		"name":                 {"name", []Result{list(a, b), one(b)}, "hostendpoint/a\nhostendpoint/longer-name\nhostendpoint/longer-name\n"},
		"custom columns":       {"custom-columns=IPS,NAME", []Result{one(a)}, "IPS                NAME   \n10.0.0.1,fd00::1   a      \n\n"},
		"yaml, one":            {"yaml", []Result{one(b)}, "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata:\n  name: longer-name\nspec:\n  node: \"n\"\n"},
		"yml, several":         {"yml", []Result{one(b), one(b)}, strings.Repeat("- apiVersion: projectcalico.org/v3\n  kind: HostEndpoint\n  metadata:\n    name: longer-name\n  spec:\n    node: \"n\"\n", 2)},
		"yaml, empty list":     {"yaml", []Result{list()}, "apiVersion: projectcalico.org/v3\nitems: []\nkind: HostEndpointList\nmetadata:\n  resourceVersion: \"7\"\n"},
		"yaml, nothing":        {"yaml", nil, ""},
		"json, one":            {"json", []Result{one(b)}, "{\n  \"kind\": \"HostEndpoint\",\n  \"apiVersion\": \"projectcalico.org/v3\",\n  \"metadata\": {\n    \"name\": \"longer-name\"\n  },\n  \"spec\": {\n    \"node\": \"n\"\n  }\n}\n"},
		"json, nothing":        {"json", nil, ""},
		"template, a list":     {"go-template={{range .}}{{range .Items}}{{.Name}} {{.Spec.Node}};{{end}}{{end}}", []Result{list(a, b)}, "a node-1;longer-name n;"},
		"template, objects":    {"go-template={{len .}}{{range .}} {{.ObjectMeta.Name}}{{end}}", []Result{one(a), one(b)}, "2 a longer-name"},
		"template functions": {
			`go-template={{range .}}{{join .Spec.ExpectedIPs "+"}} {{joinAndTruncate .Spec.ExpectedIPs "," 9}} {{config "asnumber"}}{{end}}`,
			[]Result{one(a)},
			"10.0.0.1+fd00::1 10.0.0.1,... 64512",
		},
	} {
		t.Run(name, func(t *testing.T) {
			print, err := New(c.format)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := print(&got, c.results); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestFormatErrors words what is wrong with a format, or with its use.
func TestFormatErrors(t *testing.T) {
	for format, want := range map[string]string{
		"foo":                        "unrecognized output format 'foo'; the formats are ps, wide, yaml, json, name, custom-columns=, go-template=, go-template-file=",
		"YAML":                       "unrecognized output format 'YAML'; the formats are ps, wide, yaml, json, name, custom-columns=, go-template=, go-template-file=",
		"custom-columns":             "need to specify at least one column",
		"custom-columns=":            "need to specify at least one column",
		"custom-columns=NAME,BOGUS":  "unknown heading BOGUS, valid values are: NAME, NODE, INTERFACE, IPS, PROFILES",
		"go-template=":               "need to specify a template",
		"go-template={{":             "template: get:1: unclosed action",
		"go-template-file":           "need to specify a template file",
		"go-template-file=/no/such":  "open /no/such: no such file or directory",
		`go-template={{config "x"}}`: `template: get:1:2: executing "get" at <config "x">: error calling config: config: unknown setting "x"; known is asnumber`,
		`go-template={{join 5 ","}}`: `template: get:1:2: executing "get" at <join 5 ",">: error calling join: join: expected a list, found int`,
	} {
		t.Run(format, func(t *testing.T) {
			print, err := New(format)
			if err == nil {
				err = print(io.Discard, []Result{list()})
			}
			if err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

// TestEscape shows what a terminal would obey, and leaves text alone.
func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain, naïve 日本 😀": "plain, naïve 日本 😀",
		"\x1b[2Jx\a":        `\x1b[2Jx\x07`,
		"a\nb\tc\x7f":       `a\x0ab\x09c\x7f`,
		"\u009b31m":         `\x9b31m`,
		"\xff\xfe":          `\xff\xfe`,
		"a\u202eb\u2028":    `a\u202eb\u2028`,
	} {
		if got := Escape(in); got != want {
			t.Errorf("Escape(%q) = %q, want %q", in, got, want)
		}
	}
	if got, want := EscapeLines("a\n\tb\x1b"), "a\n\tb\\x1b"; got != want {
		t.Errorf("EscapeLines = %q, want %q", got, want)
	}
}

// TestEscapingWriter does the same in pieces as at once.
func TestEscapingWriter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text") + "é\x1b日"
		var got bytes.Buffer
		if _, err := io.Copy(EscapingWriter(&got), iotest.OneByteReader(strings.NewReader(text))); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(EscapeLines(text), got.String()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestTableIsSafe keeps every object on one line, whatever it is called.
func TestTableIsSafe(t *testing.T) {
	var got bytes.Buffer
	table := Table{Header: []string{"NAME"}, Rows: [][]string{{"a\nb\x1b[31m"}}}
	if err := table.Render(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("NAME             \na\\x0ab\\x1b[31m   \n\n", got.String()); diff != "" {
		t.Error(diff)
	}
}
