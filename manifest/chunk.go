package manifest

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v3"
)

// chunk is the text of one document and where it stands. What is derived from the text
// is kept, for a document may have as many mistakes as it has fields.
type chunk struct {
	file string
	// line is the number of the chunk's first line.
	line int
	data []byte
	// starts are the offsets of the lines, once excerpt has needed them.
	starts []int
	// roots are the documents, once tree has read them.
	roots  map[int]*yaml.Node
	isRead bool
}

// tree reads the i-th document again, for places to be found in it. It was read without
// a mistake before.
func (c *chunk) tree(i int) *yaml.Node {
	if !c.isRead {
		c.isRead, c.roots = true, map[int]*yaml.Node{}
		d := newDecoder()
		d.chunk = c
		d.parse(func(root *yaml.Node, i int) { c.roots[i] = root })
	}
	return c.roots[i]
}

// isBlank tells that a text is no document: nothing but a marker, comments and space.
func isBlank(data []byte) bool {
	for line := range bytes.Lines(data) {
		if rest, ok := bytes.CutPrefix(line, []byte("---")); ok {
			line = rest
		}
		text := bytes.Trim(line, " \r\n")
		if len(text) > 0 && text[0] != '#' {
			return false
		}
	}
	return true
}

// An excerpt shows this much of a line, and nothing of a line that nobody would read.
const (
	excerptWidth  = 100
	excerptMaxLen = 10_000
)

// excerpt shows a place in the chunk: its line and, below, a caret under the column.
func (c *chunk) excerpt(at Position) string {
	line := c.lineText(at.Line - c.line)
	if at.Column == 0 || len(line) == 0 || len(line) > excerptMaxLen {
		return ""
	}
	text := []rune(strings.ReplaceAll(string(line), "\t", " "))
	column := min(at.Column-1, len(text))
	start := max(0, column-excerptWidth/2)
	end := min(len(text), start+excerptWidth)
	return string(text[start:end]) + "\n" + strings.Repeat(" ", column-start) + "^"
}

// lineText is the i-th line of the chunk without its end, or nothing if there is none.
func (c *chunk) lineText(i int) []byte {
	if c.starts == nil {
		c.starts = []int{0}
		for at := 0; ; {
			next := bytes.IndexByte(c.data[at:], '\n')
			if next < 0 {
				break
			}
			at += next + 1
			c.starts = append(c.starts, at)
		}
	}
	if i < 0 || i >= len(c.starts) {
		return nil
	}
	end := len(c.data)
	if i+1 < len(c.starts) {
		end = c.starts[i+1] - 1
	}
	return bytes.TrimSuffix(c.data[c.starts[i]:end], []byte("\r"))
}
