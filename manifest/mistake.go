package manifest

import (
	"bytes"
	"fmt"
	"strings"
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
	b.WriteString(m.Position.String())
	b.WriteString(": ")
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
	return b.String()
}

// excerptWidth is how much of a line an excerpt shows.
const excerptWidth = 100

// excerpt shows a place in the chunk.
func (c chunk) excerpt(at Position) string {
	lines := bytes.Split(c.data, []byte("\n"))
	i := at.Line - c.line
	if at.Column == 0 || i < 0 || i >= len(lines) {
		return ""
	}
	text := []rune(strings.ReplaceAll(strings.TrimRight(string(lines[i]), "\r"), "\t", " "))
	column := min(at.Column-1, len(text))
	start := 0
	if column > excerptWidth/2 {
		start = column - excerptWidth/2
	}
	end := min(len(text), start+excerptWidth)
	return string(text[start:end]) + "\n" + strings.Repeat(" ", column-start) + "^"
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
