package manifest

import (
	"fmt"
	"strings"
	"unicode"
)

// Position is a place in the input. Lines and columns count from 1; a column counts
// characters.
type Position struct {
	File         string
	Line, Column int
}

// String is "file:line:column", without what is not known.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// Mistake is one thing that is wrong with the input, or one that is odd enough for a warning.
type Mistake struct {
	Position
	// Object is "Kind(name)", as far as the document tells.
	Object string
	// Path is the field, from the document's root; empty if the whole document is meant.
	Path string
	// Text says what is wrong and what to write instead.
	Text string
	// Excerpt is the line that the position is in and, below it, a caret under the column;
	// empty if there is no such line.
	Excerpt string
	// UnknownField is the field's name if the mistake is that there is no such field.
	UnknownField string
}

// String is the one line that users see.
func (m Mistake) String() string {
	var b strings.Builder
	if where := m.Position.String(); where != "" {
		b.WriteString(where + ": ")
	}
	if m.Object != "" {
		b.WriteString(m.Object)
		if m.Path == "" {
			b.WriteString(": ")
		} else {
			b.WriteString(" ")
		}
	}
	if m.Path != "" {
		b.WriteString(m.Path)
		b.WriteString(": ")
	}
	b.WriteString(m.Text)
	return oneLine(b.String())
}

// oneLine escapes control characters. They come from keys and names.
func oneLine(s string) string {
	if !strings.ContainsFunc(s, unicode.IsControl) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsControl(r) {
			fmt.Fprintf(&b, `\x%02x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Mistakes is an error that lists everything that is wrong with the input, in input order.
type Mistakes []Mistake

// Error is one line for each mistake.
func (ms Mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.String()
	}
	return strings.Join(lines, "\n")
}
