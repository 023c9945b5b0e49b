package selector_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/selector"
)

// Few names and values, so that random labels often meet random conditions.
var (
	someLabels = []string{"a", "b", "env", "has", "all", "global", "in", "not", "starts", "contains", "x/y", ".", "-"}
	someValues = []string{"", "a", "b", "ab", "aba", "prod", "it's", `say "x"`, "ü", "\n", "\xff", "&&", "!!", "{", ")"}
	someNoise  = []string{"(", ")", "!", "&&", "||", "{", "}", ",", "==", "=", "'", `"`, "in", "not", "has(", "all(", " ", "\n", "é", "a"}
)

// drawExpr draws an expression that is in the language.
func drawExpr(t *rapid.T, depth int) string {
	space := func(least string) string {
		return least + rapid.SampledFrom([]string{"", "", " ", "\t", "  "}).Draw(t, "space")
	}
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	if depth == 0 || kind < 3 {
		return space("") + drawCondition(t, space) + space("")
	}
	switch kind {
	case 3, 4:
		return space("") + strings.Repeat("!"+space(""), rapid.IntRange(1, 3).Draw(t, "bangs")) + drawExpr(t, 0)
	case 5, 6:
		bangs := strings.Repeat("!"+space(""), rapid.IntRange(0, 3).Draw(t, "bangs"))
		return space("") + bangs + "(" + drawExpr(t, depth-1) + ")" + space("")
	}
	var parts []string
	for range rapid.IntRange(2, 4).Draw(t, "parts") {
		parts = append(parts, drawExpr(t, depth-1))
	}
	return strings.Join(parts, rapid.SampledFrom([]string{"&&", "||"}).Draw(t, "connective"))
}

func drawCondition(t *rapid.T, space func(string) string) string {
	label := rapid.SampledFrom(someLabels).Draw(t, "label")
	switch op := rapid.SampledFrom([]string{"all", "has", "==", "!=", "contains", "starts", "ends", "in", "not"}).Draw(t, "op"); op {
	case "all":
		return rapid.SampledFrom([]string{"all", "global"}).Draw(t, "constant") + "(" + space("") + ")"
	case "has":
		return "has(" + space("") + label + space("") + ")"
	case "==", "!=":
		return label + space("") + op + space("") + drawString(t)
	case "contains":
		return label + space(" ") + op + space("") + drawString(t)
	case "starts", "ends":
		return label + space(" ") + op + space("") + "with" + space("") + drawString(t)
	case "in":
		return label + space(" ") + op + space("") + drawSet(t, space)
	default:
		return label + space(" ") + op + space("") + "in" + space("") + drawSet(t, space)
	}
}

func drawSet(t *rapid.T, space func(string) string) string {
	set := "{" + space("")
	size := rapid.IntRange(0, 4).Draw(t, "size")
	for i := range size {
		set += drawString(t) + space("")
		if i < size-1 || rapid.Bool().Draw(t, "comma") {
			set += "," + space("")
		}
	}
	return set + "}"
}

func drawString(t *rapid.T) string {
	value := rapid.SampledFrom(someValues).Draw(t, "value")
	switch {
	case strings.Contains(value, "'"):
		return `"` + value + `"`
	case strings.Contains(value, `"`) || rapid.Bool().Draw(t, "single"):
		return "'" + value + "'"
	}
	return `"` + value + `"`
}

func drawLabels(t *rapid.T) map[string]string {
	return rapid.MapOfN(rapid.SampledFrom(someLabels), rapid.SampledFrom(someValues), 0, 8).Draw(t, "labels")
}

func TestAgreesWithNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr := drawExpr(t, 3)
		s, err := selector.Parse(expr)
		if err != nil {
			t.Fatalf("Parse(%q): %v", expr, err)
		}
		n, ok := naiveParse(expr)
		if !ok {
			t.Fatalf("naive Parse(%q) fails", expr)
		}
		if diff := cmp.Diff(n.canonical(), s.String()); diff != "" {
			t.Fatalf("String of %q (-naive +got):\n%s", expr, diff)
		}
		for range 4 {
			if labels := drawLabels(t); s.Matches(labels) != n.matches(labels) {
				t.Fatalf("%q matches %q: %t", expr, labels, s.Matches(labels))
			}
		}
		names := n.labels()
		slices.Sort(names)
		if diff := cmp.Diff(slices.Compact(names), s.Labels()); diff != "" {
			t.Fatalf("Labels of %q (-naive +got):\n%s", expr, diff)
		}
		checkCanonical(t, s, drawLabels(t))
	})
}

// Damaged expressions must be accepted and refused alike, and whatever is refused must be explained.
func TestRefusesWithNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		expr := drawExpr(t, 1)
		for range rapid.IntRange(1, 2).Draw(t, "damage") {
			at := rapid.IntRange(0, len(expr)).Draw(t, "at")
			to := rapid.IntRange(at, min(at+3, len(expr))).Draw(t, "to")
			expr = expr[:at] + rapid.SampledFrom(someNoise).Draw(t, "noise") + expr[to:]
		}
		s, err := selector.Parse(expr)
		if n, ok := naiveParse(expr); ok != (err == nil) {
			t.Fatalf("Parse(%q): %v; naive %t", expr, err, ok)
		} else if ok && n.canonical() != s.String() {
			t.Fatalf("Parse(%q) = %s, naive %s", expr, s, n.canonical())
		}
		checkError(t, expr, err)
	})
}

type fataler interface{ Fatalf(string, ...any) }

// checkCanonical: the canonical form is in the language and means the same, and it is its own canonical form unless
// a parenthesised negation was negated; then the form of the form is.
func checkCanonical(t fataler, s *selector.Selector, labels map[string]string) {
	form := s.String()
	again, err := selector.Parse(form)
	if err != nil {
		t.Fatalf("Parse(%q), a canonical form: %v", form, err)
	}
	if again.Matches(labels) != s.Matches(labels) {
		t.Fatalf("%q means another thing than what it is the form of, for %q", form, labels)
	}
	second := again.String()
	if second != form && !strings.Contains(form, "!!") {
		t.Fatalf("the form of %q is %q", form, second)
	}
	if third, err := selector.Parse(second); err != nil || third.String() != second {
		t.Fatalf("the form of %q is %q (%v)", second, third, err)
	}
}

// checkError: an error has a column in or just after the expression, and one line of ASCII; so have both lines of the
// caret, which stands under a character or just after the last.
func checkError(t fataler, expr string, err error) {
	if err == nil {
		return
	}
	e, ok := errors.AsType[*selector.ParseError](err)
	if !ok || e.Expr != expr || e.Column < 1 || e.Column > len(expr)+1 {
		t.Fatalf("Parse(%q): %#v", expr, err)
		return
	}
	line, caret, found := strings.Cut(e.Caret(), "\n")
	if !found || strings.TrimLeft(caret, " ") != "^" || len(caret) > len(line)+1 {
		t.Fatalf("Parse(%q): caret %q", expr, e.Caret())
	}
	for _, r := range e.Error() + line {
		if r < ' ' || r > '~' {
			t.Fatalf("Parse(%q): %q has %q", expr, e.Error(), r)
		}
	}
}
