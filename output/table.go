package output

import (
	"bufio"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// Table is a heading and rows of the same length.
type Table struct {
	Header []string
	Rows   [][]string
}

// padding follows every cell.
const padding = "   "

// Render writes the table and an empty line. Control characters in cells are escaped.
func (t Table) Render(w io.Writer) error {
	shown := Table{Header: escaped(t.Header), Rows: make([][]string, len(t.Rows))}
	for i, row := range t.Rows {
		shown.Rows[i] = escaped(row)
	}
	if err := shown.write(w, shown.widths(make([]int, len(t.Header))), true); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// widths are those that the columns need, and at least the given ones.
func (t Table) widths(least []int) []int {
	out := slices.Clone(least)
	for _, row := range append(t.Rows, t.Header) {
		for i, cell := range row {
			out[i] = max(out[i], width(cell))
		}
	}
	return out
}

// write writes lines of which no cell has control characters.
func (t Table) write(w io.Writer, widths []int, heading bool) error {
	out := bufio.NewWriter(w)
	line := func(row []string) {
		for i, cell := range row {
			_, _ = out.WriteString(cell)
			for range widths[i] - width(cell) {
				_ = out.WriteByte(' ')
			}
			_, _ = out.WriteString(padding)
		}
		_ = out.WriteByte('\n')
	}
	if heading {
		line(t.Header)
	}
	for _, row := range t.Rows {
		line(row)
	}
	return out.Flush() // which has the first error
}

// width is how many columns of a terminal a text takes.
func width(s string) int {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return runewidth.StringWidth(s)
		}
	}
	return len(s)
}

func escaped(row []string) []string {
	out := make([]string, len(row))
	for i, cell := range row {
		out[i] = Escape(cell)
	}
	return out
}
