package selector_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/selector"
)

func parse(t testing.TB, expr string) *selector.Selector {
	t.Helper()
	s, err := selector.Parse(expr)
	if err != nil {
		t.Fatalf("Parse(%q): %v", expr, err)
	}
	return s
}

func TestUniqueID(t *testing.T) {
	for expr, want := range map[string]string{
		"":                                 "s:5y5I3VdRZfDU01O--xXAPx2yxCQQqMf0M6IWug",
		"all( )":                           "s:5y5I3VdRZfDU01O--xXAPx2yxCQQqMf0M6IWug",
		"a=='b'":                           "s:flMh0m0X_BowkAK_W3j3MgH8oQOsj3WxGDoXCQ",
		"!has(a)":                          "s:o54_r2fLf2o-LJfoAaKVj8JvPRHKmJA2mXVR7g",
		"! (has(b) || !!!has(a))":          "s:Iss0uCleLYv1GSv_pNm7hAO58kE9jAx1NKyG3Q",
		"a in {'b','a','b',}":              "s:9_m7wGzS6DBRW0E2xvXSZcEzJkXmVVNAsAI50Q",
		"a in { }":                         "s:kb2fVDRrw4GCK1BiCSFIDXY6INw32pzbLrG4dQ",
		"a != 'b' && c == 'd' || e == 'f'": "s:xfuH5rPSfhDFTJK0dgETNnyreEjOKAYutpesAQ",
	} {
		if got := parse(t, expr).UniqueID(); got != want {
			t.Errorf("UniqueID of %q = %s, want %s", expr, got, want)
		}
	}
}

func TestLabels(t *testing.T) {
	got := parse(t, `x/y in {'v'} || !(has(b) && a != 'b' && b contains 'a') || all() || global() || all == ''`).Labels()
	if diff := cmp.Diff([]string{"a", "all", "b", "x/y"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := parse(t, "").Labels(); len(got) != 0 {
		t.Errorf("Labels of all() = %q", got)
	}
}

func TestZeroValueIsAll(t *testing.T) {
	var s selector.Selector
	if !s.Matches(nil) || s.String() != "all()" || s.UniqueID() != parse(t, "all()").UniqueID() {
		t.Errorf("the zero value is %s", &s)
	}
}

// asked has every label, and remembers which it was asked for.
type asked struct{ names []string }

func (a *asked) Get(name string) (string, bool) {
	a.names = append(a.names, name)
	return "yes", true
}

func TestEvaluateStopsWhenCertain(t *testing.T) {
	for expr, want := range map[string][]string{
		"all() || has(a)":                              nil,
		"has(a) && has(b)":                             {"a", "b"},
		"!has(a) && has(b) || has(c) || has(d)":        {"a", "c"},
		"!(has(a) && !(has(b) || has(c))) && !has(d)":  {"a", "b", "d"},
		"(!has(a) || !has(b)) && has(c)":               {"a", "b"},
		"!(!(has(a) && has(b)) || has(c)) || (has(d))": {"a", "b", "c", "d"},
	} {
		var labels asked
		parse(t, expr).Evaluate(&labels)
		if diff := cmp.Diff(want, labels.names); diff != "" {
			t.Errorf("%q asks (-want +got):\n%s", expr, diff)
		}
	}
}

func TestEvaluateAllocatesNothing(t *testing.T) {
	s := parse(t, `has(a) && b in {"x", "y"} && !(c contains "z") || d starts with "w"`)
	labels := map[string]string{"a": "", "b": "y", "c": "z"}
	if got := testing.AllocsPerRun(100, func() { s.Matches(labels) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

// TestDeepNesting goes to the limit.
func TestDeepNesting(t *testing.T) {
	const depth = selector.MaxDepth
	for _, test := range []struct {
		name, left, right, form string
	}{
		{"parentheses", strings.Repeat("(", depth), strings.Repeat(")", depth), "has(a)"},
		{"negations", strings.Repeat("!", depth), "", "has(a)"},
		{"both", strings.Repeat("!(", depth), strings.Repeat(")", depth), strings.Repeat("!", depth) + "has(a)"},
		{
			"groups", strings.Repeat("(all() && (global() || ", depth/2), strings.Repeat("))", depth/2),
			strings.Repeat("(all() && (global() || ", depth/2) + "has(a)" + strings.Repeat("))", depth/2),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := parse(t, test.left+"has(a)"+test.right)
			if got := s.String(); got != test.form {
				t.Errorf("the form has %d bytes and begins with %.40q", len(got), got)
			}
			if got := s.Matches(nil); got != (test.name == "groups") {
				t.Errorf("without labels: %t", got)
			}
			if diff := cmp.Diff([]string{"a"}, s.Labels()); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
			_, err := selector.Parse(test.left)
			if err == nil {
				t.Error("no error without the inner condition")
			}
			checkError(t, test.left, err)
		})
	}
}

// TestTooDeep goes one parenthesis beyond the limit.
func TestTooDeep(t *testing.T) {
	const more = selector.MaxDepth + 1
	for expr, column := range map[string]int{
		strings.Repeat("(", more):   more,
		strings.Repeat("! (", more): 3 * more,
		"all() && " + strings.Repeat("(", more) + strings.Repeat(")", more): 9 + more,
	} {
		_, err := selector.Parse(expr)
		checkError(t, expr, err)
		want := fmt.Sprintf("column %d: parentheses nest deeper than the limit of 1000", column)
		if err == nil || err.Error() != want {
			t.Errorf("Parse(%.20q...): %v, want %s", expr, err, want)
		}
	}
}

// TestNasty parses, or refuses, a megabyte of each thing that a selector is made of.
func TestNasty(t *testing.T) {
	const whole, enough = 1 << 20, 64 << 20
	for _, unit := range []string{
		"(", ")", "((", "!", "!(", "&&", "||", "&", "'", "\"", "{", "}", ",", " ", "a", "a==", "all()", "all()&&", "all()||", "(all()&&",
		"has(a)||", "a=='b'&&", "!has(a)&&", "a in {", "a in {}||", "a in {'b'}&&", "a in {'b',", "'a',", "\x00", "\xff", "\u00fc",
	} {
		expr := strings.Repeat(unit, whole/len(unit))
		for _, expr := range []string{expr, "a in {" + expr + "'b'}", expr + "all()"} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if s, err := selector.Parse(expr); err == nil {
				s.Matches(nil)
				_ = s.String()
			}
			runtime.ReadMemStats(&after)
			if memory := after.TotalAlloc - before.TotalAlloc; memory > enough {
				t.Errorf("a megabyte that begins with %.10q and ends in %q: %d MiB", expr, expr[len(expr)-5:], memory>>20)
			}
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	s := parse(t, `!(a in {'x', 'y'}) || b == 'z'`)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				if !s.Matches(map[string]string{"a": "w"}) || s.UniqueID() == "" || len(s.Labels()) != 2 {
					t.Error("wrong answer")
				}
			}
		})
	}
	all.Wait()
}
