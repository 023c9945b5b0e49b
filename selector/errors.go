package selector

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A ParseError says what is wrong with an expression and where.
type ParseError struct {
	Expr   string // The whole expression.
	Column int    // 1-based, in bytes; one past the end when something is missing there.
	Msg    string // One line of printable ASCII, without the column.
}

// Error is the column and the message, on one line.
func (e *ParseError) Error() string {
	return fmt.Sprintf("column %d: %s", e.Column, e.Msg)
}

// Caret is the expression and, on a second line, a caret under the column; no newline ends it. Whatever is not
// printable ASCII is written as \x0a or \u00fc, so that the caret stands right in every terminal.
func (e *ParseError) Caret() string {
	before := min(max(e.Column-1, 0), len(e.Expr))
	return printable(e.Expr) + "\n" + strings.Repeat(" ", len(printable(e.Expr[:before]))) + "^"
}

// printable escapes all but printable ASCII.
func printable(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case ' ' <= r && r <= '~':
			b.WriteByte(s[0])
		case r < ' ' || r == '\x7f' || size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		s = s[size:]
	}
	return b.String()
}

// short cuts a word that is too long for a message. Words are ASCII.
func short(word string) string {
	const most = 40
	if len(word) <= most {
		return word
	}
	return word[:most-3] + "..."
}

func (p *parser) fail(at int, format string, args ...any) error {
	return &ParseError{Expr: p.expr, Column: at + 1, Msg: fmt.Sprintf(format, args...)}
}

// expected fails at the current position, and explains a character there that has no place in a selector at all.
func (p *parser) expected(format string, args ...any) error {
	rest := p.expr[p.pos:]
	r, size := utf8.DecodeRuneInString(rest)
	what := "expected " + fmt.Sprintf(format, args...)
	switch {
	case size == 0 || isLabelByte(rest[0]) || strings.IndexByte(" \t!&|(){},='\"", rest[0]) >= 0:
		return p.fail(p.pos, "%s", what)
	case r == '\n' || r == '\r':
		return p.fail(p.pos, "newlines are not white space in a selector; write it on one line")
	case strings.ContainsRune("\u2018\u2019\u201c\u201d`", r):
		return p.fail(p.pos, "%s, not %s: the only quotes are ' and \"", what, printable(rest[:size]))
	}
	return p.fail(p.pos, "%s, not %s", what, printable(rest[:size]))
}
