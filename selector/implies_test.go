package selector_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/selector"
)

func TestImplies(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a == 'x'", "a == 'x'", true},
		{"a == 'x'", "has(a)", true},
		{"has(a)", "a == 'x'", false},
		{"has(a)", "!has(b)", false},
		{"a == 'x'", "a in {'x', 'y'}", true},
		{"a in {'x', 'y'}", "a == 'x'", false},
		{"a in {'x', 'y'} && a != 'y'", "a == 'x'", true},
		{"a == 'x' && b == 'y'", "b == 'y'", true},
		{"a == 'x' || b == 'y'", "b == 'y'", false},
		{"a == 'x' || a == 'y'", "a in {'y', 'x', 'z'}", true},
		{"a == 'x'", "a != 'y'", true},
		{"a != 'y'", "a == 'x'", false},
		{"a != 'y'", "has(a)", false},
		{"!has(a)", "a != 'y'", true},
		{"!(a not in {'x'})", "a == 'x'", true},
		{"a in {}", "b == 'y'", true},
		{"a == 'x' && a == 'y'", "b == 'y'", true},
		{"all()", "has(a) || !has(a)", true},
		{"", "all()", true},
		{"global()", "", true},
		{"", "has(a)", false},
		{"has(a)", "!all()", false},
		{"a starts with 'xy'", "a starts with 'x'", true},
		{"a starts with 'x'", "a starts with 'xy'", false},
		{"a starts with 'x'", "!(a starts with 'y')", true},
		{"a ends with 'yx'", "a ends with 'x'", true},
		{"a ends with 'x'", "!(a ends with 'y')", true},
		{"a ends with 'x'", "a starts with 'x'", false},
		{"a starts with 'xyz'", "a contains 'y'", true},
		{"a contains 'xyz'", "a contains 'y'", true},
		{"a contains 'y'", "a contains 'xyz'", false},
		{"has(a)", "a contains ''", true},
		{"a == 'xyz'", "a contains 'y'", true},
		{"a == 'xyz'", "a starts with 'y'", false},
	} {
		a, b := parsed(t, c.a), parsed(t, c.b)
		if got := a.Implies(b); got != c.want {
			t.Errorf("%q implies %q: %t", c.a, c.b, got)
		}
	}
}

func parsed(t fataler, expr string) *selector.Selector {
	s, err := selector.Parse(expr)
	if err != nil {
		t.Fatalf("Parse(%q): %v", expr, err)
	}
	return s
}

// TestImpliesIsTrue holds what is proved against labels of all kinds.
func TestImpliesIsTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawExpr(t, 1), drawExpr(t, 1)
		if rapid.Bool().Draw(t, "likely") {
			b += "||" + a
		}
		if !parsed(t, a).Implies(parsed(t, b)) {
			return
		}
		n, _ := naiveParse(a)
		m, _ := naiveParse(b)
		for range 20 {
			if labels := drawLabels(t); n.matches(labels) && !m.matches(labels) {
				t.Fatalf("%q does not imply %q: %q", a, b, labels)
			}
		}
	})
}

// TestImpliesIsComplete is about conditions that are true of few values: what holds for all labels with these, or
// another one, is proved.
func TestImpliesIsComplete(t *testing.T) {
	conditions := []string{"has(a)", "has(b)", "a == 'x'", "a != 'x'", "b == 'y'", "b != 'y'", "a in {'x', 'y'}", "b not in {'x', 'y'}"}
	var all []map[string]string
	values := []string{"", "x", "y", "other"} // the first is for a label that is not there
	for _, a := range values {
		for _, b := range values {
			labels := map[string]string{}
			for name, value := range map[string]string{"a": a, "b": b} {
				if value != "" {
					labels[name] = value
				}
			}
			all = append(all, labels)
		}
	}
	proved := 0
	draw := func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.SampledFrom(conditions), 1, 4).Draw(t, "conditions")
		text := parts[0]
		for _, p := range parts[1:] {
			text += rapid.SampledFrom([]string{" && ", " || ", " && !", " || !"}).Draw(t, "sign") + p
		}
		return text
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := parsed(t, draw(t)), parsed(t, draw(t))
		want := true
		for _, labels := range all {
			want = want && (!a.Matches(labels) || b.Matches(labels))
		}
		if got := a.Implies(b); got != want {
			t.Fatalf("%s implies %s: %t", a, b, got)
		} else if got {
			proved++
		}
	})
	if proved == 0 {
		t.Error("nothing was proved")
	}
}

// TestImpliesEnds gives up on what would take too long, and says no.
func TestImpliesEnds(t *testing.T) {
	var either []string
	for i := range 40 {
		either = append(either, fmt.Sprintf("(a%d == 'x' || b%[1]d == 'y')", i))
	}
	last := either[len(either)-1]
	if parsed(t, strings.Join(either, " && ")).Implies(parsed(t, last)) {
		t.Error("more cases were looked at than is meant")
	}
	if !parsed(t, last).Implies(parsed(t, last)) {
		t.Error("few cases are not looked at")
	}
	// The step at which the bound is reached is here one that proves its case.
	var wider []string
	for i := range 18 {
		wider = append(wider, fmt.Sprintf("(a%d == 'x' || b%[1]d == 'y' || c%[1]d == 'z')", i))
	}
	if parsed(t, strings.Join(either[:18], " && ")).Implies(parsed(t, strings.Join(wider, " && "))) {
		t.Error("more cases were looked at than is meant")
	}
}
