package selector_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/selector"
)

// Each pair is an expression and, line by line, its caret and its message.
func TestErrors(t *testing.T) {
	long := strings.Repeat("k", 513)
	for _, test := range []struct{ expr, want string }{
		// Where a condition must begin.
		{"!", "!\n ^\ncolumn 2: expected a condition after !, such as has(label) or label == 'value'"},
		{"()", "()\n ^\ncolumn 2: expected a condition after (, such as has(label) or label == 'value'"},
		{"has(a) && ", "has(a) && \n          ^\ncolumn 11: expected a condition after &&, such as has(label) or label == 'value'"},
		{"|| has(a)", "|| has(a)\n^\ncolumn 1: expected a condition, such as has(label) or label == 'value'"},
		{"\u00fc == 'a'", `\u00fc == 'a'` + "\n^\ncolumn 1: expected a condition, such as has(label) or label == 'value', not \\u00fc"},
		{"'a' == b", "'a' == b\n^\ncolumn 1: expected a label before the quoted string; labels are written without quotes"},
		{long + " == 'a'", long + " == 'a'\n^\ncolumn 1: a label has at most 512 characters, this one has 513"},

		// Functions.
		{"all(x)", "all(x)\n    ^\ncolumn 5: expected ) after all(; nothing stands between its parentheses"},
		{"global(", "global(\n       ^\ncolumn 8: expected ) after global(; nothing stands between its parentheses"},
		{"has()", "has()\n    ^\ncolumn 5: expected a label after has("},
		{"has('a')", "has('a')\n    ^\ncolumn 5: expected a label after has(; labels are written without quotes"},
		{"has(a b)", "has(a b)\n      ^\ncolumn 7: expected ) after has(a"},
		{"has( " + long + ")", "has( " + long + ")\n     ^\ncolumn 6: a label has at most 512 characters, this one has 513"},
		{"has (a)", "has (a)\n    ^\ncolumn 5: expected has( without a space before the parenthesis"},
		{"!HAS(a)", "!HAS(a)\n ^\ncolumn 2: expected has(, written in lower case"},
		{"exists(a)", "exists(a)\n      ^\ncolumn 7: expected an operator after label exists; only has(), all() and global() have parentheses"},

		// Operators.
		{"a = 'b'", "a = 'b'\n  ^\ncolumn 3: expected == after label a"},
		{"a =! 'b'", "a =! 'b'\n  ^\ncolumn 3: expected == after label a"},
		{"a !in {'b'}", "a !in {'b'}\n  ^\ncolumn 3: expected != after label a"},
		{"a 'b'", "a 'b'\n  ^\ncolumn 3: expected an operator between label a and its value, such as =="},
		{"a {'b'}", "a {'b'}\n  ^\ncolumn 3: expected in or not in between label a and the set"},
		{"!a", "!a\n  ^\ncolumn 3: expected an operator after label a; has(a) asks whether it is there"},
		{"(a)", "(a)\n  ^\ncolumn 3: expected an operator after label a; has(a) asks whether it is there"},
		{"all && has(a)", "all && has(a)\n    ^\ncolumn 5: expected an operator after label all; the condition that is always true is all()"},
		{"a, b", "a, b\n ^\ncolumn 2: expected an operator after label a"},
		{"a\u00a0== 'b'", `a\u00a0== 'b'` + "\n ^\ncolumn 2: expected an operator after label a, not \\u00a0"},
		{"a%d == 'b'", "a%d == 'b'\n ^\ncolumn 2: expected an operator after label a, not %"},
		{"a Not In {'b'}", "a Not In {'b'}\n  ^\ncolumn 3: expected not, written in lower case"},
		{"a eq 'b'", "a eq 'b'\n  ^\ncolumn 3: expected an operator after label a; equality is =="},
		{"a like 'b'", "a like 'b'\n  ^\ncolumn 3: expected ==, !=, in, not in, contains, starts with or ends with after label a, not like"},
		{"a not == 'b'", "a not == 'b'\n      ^\ncolumn 7: expected in after not; to negate any other condition put ! before it"},
		{"a starts 'b'", "a starts 'b'\n         ^\ncolumn 10: expected with after starts"},
		{"a ends withx 'b'", "a ends withx 'b'\n       ^\ncolumn 8: expected with after ends"},
		{
			long[:512] + " x", long[:512] + " x\n" + strings.Repeat(" ", 513) + "^\ncolumn 514: " +
				"expected ==, !=, in, not in, contains, starts with or ends with after label " + long[:37] + "..., not x",
		},

		// Values and sets.
		{"a == 8080", "a == 8080\n     ^\ncolumn 6: expected a quoted string after ==; numbers and booleans are quoted too"},
		{"a === 'b'", "a === 'b'\n    ^\ncolumn 5: expected a quoted string after =="},
		{"a endswith", "a endswith\n          ^\ncolumn 11: expected a quoted string after ends with"},
		{"a contains {'b'}", "a contains {'b'}\n           ^\ncolumn 12: expected a quoted string after contains; sets go with in and not in"},
		{"a == \u201cb\u201d", `a == \u201cb\u201d` + "\n     ^\ncolumn 6: expected a quoted string after ==, not \\u201c: the only quotes are ' and \""},
		{`a == "b'`, "a == \"b'\n     ^\ncolumn 6: unterminated string: no closing '\"'"},
		{`a in {'b", 'c'}`, "a in {'b\", 'c'}\n            ^\ncolumn 13: expected a comma or } after a string in a set"},
		{`a in {"b', 'c'}`, "a in {\"b', 'c'}\n      ^\ncolumn 7: unterminated string: no closing '\"'"},
		{"a != 'b", "a != 'b\n     ^\ncolumn 6: unterminated string: no closing \"'\""},
		{"a in 'b'", "a in 'b'\n     ^\ncolumn 6: expected a set after in, such as {'x', 'y'}"},
		{"a notin", "a notin\n       ^\ncolumn 8: expected a set after not in, such as {'x', 'y'}"},
		{"a in {'b', ", "a in {'b', \n     ^\ncolumn 6: unterminated set: no closing }"},
		{"a in {'b' 'c'}", "a in {'b' 'c'}\n          ^\ncolumn 11: expected a comma or } after a string in a set"},
		{"a in {,}", "a in {,}\n      ^\ncolumn 7: expected a quoted string or } in a set"},
		{"a in {80}", "a in {80}\n      ^\ncolumn 7: expected a quoted string or } in a set; numbers and booleans are quoted too"},

		// What follows a condition.
		{"(all()", "(all()\n^\ncolumn 1: no closing ) for this ("},
		{"all() && (all() || (all())", "all() && (all() || (all())\n         ^\ncolumn 10: no closing ) for this ("},
		{"all())", "all())\n     ^\ncolumn 6: no ( is open before this )"},
		{"all() & all()", "all() & all()\n      ^\ncolumn 7: expected &&, not a single &"},
		{"all() | all()", "all() | all()\n      ^\ncolumn 7: expected ||, not a single |"},
		{"all() and all()", "all() and all()\n      ^\ncolumn 7: expected &&, not and"},
		{"all() OR all()", "all() OR all()\n      ^\ncolumn 7: expected ||, not OR"},
		{"all() !all()", "all() !all()\n      ^\ncolumn 7: expected && or || before the next condition"},
		{"all() a", "all() a\n      ^\ncolumn 7: expected && or || before the next condition"},
		{"all(), a", "all(), a\n     ^\ncolumn 6: expected && or ||, not a comma"},
		{"a == 'b' == 'c'", "a == 'b' == 'c'\n         ^\ncolumn 10: expected && or ||; the condition before = is complete"},
		{"a == 'it''s'", "a == 'it''s'\n         ^\ncolumn 10: expected && or ||, not another string; a value with one kind of quote in it goes between the other kind"},
		{"all()}", "all()}\n     ^\ncolumn 6: expected && or ||"},
		{"all() # x", "all() # x\n      ^\ncolumn 7: expected && or ||, not #"},
		{"all()\n", `all()\x0a` + "\n     ^\ncolumn 6: newlines are not white space in a selector; write it on one line"},

		// The caret stands right behind anything.
		{"a == '\t\u00fc\U0001f600\xff\x7f' x", `a == '\x09\u00fc\U0001f600\xff\x7f' x` + "\n" + strings.Repeat(" ", 36) + "^\ncolumn 18: expected && or || before the next condition"},
		{"a == 'b'\xff", `a == 'b'\xff` + "\n        ^\ncolumn 9: expected && or ||, not \\xff"},
	} {
		_, err := selector.Parse(test.expr)
		var e *selector.ParseError
		if !errors.As(err, &e) {
			t.Errorf("Parse(%q): %v", test.expr, err)
			continue
		}
		if diff := cmp.Diff(test.want, e.Caret()+"\n"+e.Error()); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", test.expr, diff)
		}
		checkError(t, test.expr, err)
	}
}

// A caret outside of the expression is put at its nearer end.
func TestCaretOutside(t *testing.T) {
	for column, want := range map[int]string{-3: "a\n^", 0: "a\n^", 9: "a\n ^"} {
		if got := (&selector.ParseError{Expr: "a", Column: column}).Caret(); got != want {
			t.Errorf("column %d: %q, want %q", column, got, want)
		}
	}
}
