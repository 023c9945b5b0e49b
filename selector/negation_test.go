package selector

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConditions(t *testing.T) {
	s, err := Parse(`has(a) && (!b == 'x' || c not in {'z', "y", 'z'}) && all() && d starts with 'v'`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Condition{
		{"a", "has", nil},
		{"b", "==", []string{"x"}},
		{"c", "not in", []string{"y", "z"}},
		{"d", "starts with", []string{"v"}},
	}
	if diff := cmp.Diff(want, s.Conditions()); diff != "" {
		t.Error(diff)
	}
	if got := (&Selector{}).Conditions(); got != nil {
		t.Error(got)
	}
}

// TestStrict holds a strict selector against one with has() written out.
func TestStrict(t *testing.T) {
	for _, c := range []struct{ expr, written string }{
		{"a != 'x'", "has(a) && a != 'x'"},
		{"a not in {'x', 'y'}", "has(a) && a not in {'x', 'y'}"},
		{"!(a != 'x') || b == 'y'", "!(has(a) && a != 'x') || b == 'y'"},
		{"!has(a)", "!has(a)"},
		{"!a == 'x'", "!a == 'x'"},
		{"a != 'x' && b != 'y'", "has(a) && a != 'x' && has(b) && b != 'y'"},
		{"", "all()"},
	} {
		s, err := Parse(c.expr)
		if err != nil {
			t.Fatal(err)
		}
		written, err := Parse(c.written)
		if err != nil {
			t.Fatal(err)
		}
		for _, labels := range []map[string]string{
			nil, {"a": "x"}, {"a": "z"}, {"b": "y"}, {"a": "y", "b": "y"}, {"a": "z", "b": "z"},
		} {
			if got, want := s.Strict().Matches(labels), written.Matches(labels); got != want {
				t.Errorf("%s of %v: %v, want %v", c.expr, labels, got, want)
			}
		}
		if s.Strict().String() != s.String() {
			t.Error(s.Strict())
		}
	}
	plain, _ := Parse("a != 'x'")
	plain.Strict()
	if !plain.Matches(nil) {
		t.Error("Strict changes the selector that it is called on")
	}
}
