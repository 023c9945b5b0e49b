package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/edfb3db0/calicoctl/resources"
)

// split cuts a stream where YAML says that a document begins: at a line that starts
// with "---" and then ends or goes on with white space. Text inside scalars cannot
// look like that, for YAML forbids it. The marker stays with the document it begins, and
// so do the directives before it, which may follow a line "...".
func split(file string, data []byte) []*chunk {
	data = withoutMarks(data)
	if tooDense(data) {
		return []*chunk{{file: file, line: 1, data: data}} // which is refused
	}
	var chunks []*chunk
	start, startLine, line := 0, 1, 1
	onlyPreamble := true
	for at := 0; at < len(data); {
		end := len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		text := data[at:end]
		if isMarker(text, "---") && !onlyPreamble {
			chunks = appendChunks(chunks, chunk{file: file, line: startLine, data: data[start:at]})
			start, startLine = at, line
		}
		onlyPreamble = onlyPreamble && isPreamble(text)
		at, line = end, line+1
		if isMarker(text, "...") {
			chunks = appendChunks(chunks, chunk{file: file, line: startLine, data: data[start:at]})
			start, startLine, onlyPreamble = at, line, true
		}
	}
	return appendChunks(chunks, chunk{file: file, line: startLine, data: data[start:]})
}

var byteOrderMark = []byte("\ufeff")

// withoutMarks removes the byte order mark at the start and those before later
// documents, where they come from when files are put one behind the other.
func withoutMarks(data []byte) []byte {
	data = bytes.TrimPrefix(data, byteOrderMark)
	if !bytes.Contains(data, []byte("\n\ufeff")) {
		return data
	}
	out := make([]byte, 0, len(data))
	begins := false // a document may begin with the line
	for line := range bytes.Lines(data) {
		if text, ok := bytes.CutPrefix(line, byteOrderMark); ok && (begins || isMarker(text, "---") || bytes.HasPrefix(text, []byte("{"))) {
			line = text
		}
		begins = isPreamble(line) || isMarker(line, "---") || isMarker(line, "...")
		out = append(out, line...)
	}
	return out
}

// appendChunks appends a chunk, unless it is blank. A stream of JSON objects with nothing
// but white space between them, as jq writes it, is cut into its objects.
func appendChunks(chunks []*chunk, c chunk) []*chunk {
	if isBlank(c.data) {
		return chunks
	}
	if text := bytes.TrimLeft(c.data, " \t\r\n"); len(text) == 0 || text[0] != '{' {
		return append(chunks, &c)
	}
	out := chunks
	start, line := 0, c.line
	for dec := json.NewDecoder(bytes.NewReader(c.data)); ; {
		var value json.RawMessage
		err := dec.Decode(&value)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			return append(chunks, &c)
		}
		end := int(dec.InputOffset())
		part := c.data[start:end]
		out = append(out, &chunk{file: c.file, line: line, data: resources.YAMLSafeJSON(part)})
		start, line = end, line+bytes.Count(part, []byte("\n"))
	}
}

// isMarker tells of a line that begins ("---") or ends ("...") a document.
func isMarker(line []byte, marker string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(marker))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// isPreamble tells of lines that may stand before the first marker and belong to the
// document that it begins: blank ones, comments and directives.
func isPreamble(line []byte) bool {
	text := bytes.TrimSpace(line)
	return len(text) == 0 || text[0] == '#' || line[0] == '%'
}
