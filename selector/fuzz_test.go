package selector_test

import (
	"strings"
	"testing"

	"github.com/edfb3db0/calicoctl/selector"
)

// FuzzParse: nothing panics, the naive implementation accepts and understands the same, and canonical forms hold.
func FuzzParse(f *testing.F) {
	for _, r := range readCorpus(f) {
		if r.Group == "hand" || r.Group == "precedence" {
			f.Add(r.Expr, "a", "b")
		}
	}
	f.Add(`!(!(!(has(a)))) && x in {'b',"a",}`, "x", "b")
	f.Fuzz(func(t *testing.T, expr, label, value string) {
		if strings.Count(expr, "(") > selector.MaxDepth {
			t.Skip("the naive implementation has no limit on depth")
		}
		s, err := selector.Parse(expr)
		checkError(t, expr, err)
		n, ok := naiveParse(expr)
		if ok != (err == nil) {
			t.Fatalf("Parse(%q): %v; naive %t", expr, err, ok)
		}
		if err != nil {
			return
		}
		if s.String() != n.canonical() {
			t.Fatalf("Parse(%q) = %s, naive %s", expr, s, n.canonical())
		}
		labels := map[string]string{label: value}
		if s.Matches(labels) != n.matches(labels) {
			t.Fatalf("%q matches %q: %t", expr, labels, s.Matches(labels))
		}
		checkCanonical(t, s, labels)
	})
}
