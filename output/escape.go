package output

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escape makes text safe for one line of a terminal: whatever a terminal would obey
// rather than show (control characters, directional overrides, bytes that are no UTF-8)
// is written as \x1b or ‮. Other text is returned as it is.
func Escape(s string) string { return escape(s, "") }

// EscapeLines is Escape for text of several lines: line ends and tabs stay.
func EscapeLines(s string) string { return escape(s, "\n\t") }

func escape(s, keep string) string {
	clean := true
	for i := 0; i < len(s) && clean; i++ {
		clean = s[i] >= ' ' && s[i] < 0x7f
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case strings.ContainsRune(keep, r):
			b.WriteRune(r)
		case r < 0x100 && unicode.IsControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

// EscapingWriter makes everything that is written to w safe for a terminal. A character
// may be split between two writes.
func EscapingWriter(w io.Writer) io.Writer { return &escapingWriter{w: w} }

type escapingWriter struct {
	w io.Writer
	// rest is the beginning of a character whose end has not come yet.
	rest []byte
}

func (e *escapingWriter) Write(p []byte) (int, error) {
	text := append(e.rest, p...)
	whole := len(text)
	for back := 1; back < utf8.UTFMax && back <= len(text); back++ {
		if b := text[len(text)-back]; utf8.RuneStart(b) {
			if !utf8.FullRune(text[len(text)-back:]) {
				whole = len(text) - back
			}
			break
		}
	}
	e.rest = append([]byte(nil), text[whole:]...)
	if _, err := io.WriteString(e.w, EscapeLines(string(text[:whole]))); err != nil {
		return 0, err
	}
	return len(p), nil
}
