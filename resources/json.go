package resources

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// YAMLSafeJSON rewrites JSON text so that a YAML reader understands it as JSON means it:
// characters that YAML forbids raw, or takes for line ends, are escaped, and characters
// that are escaped as two halves are written out. Other text is returned as it is.
func YAMLSafeJSON(data []byte) []byte {
	if isYAMLSafe(data) {
		return data
	}
	var b bytes.Buffer
	for i := 0; i < len(data); {
		if data[i] == '\\' && i+1 < len(data) {
			i += writeEscape(&b, data[i:])
			continue
		}
		r, size := utf8.DecodeRune(data[i:])
		if isUnsafe(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.Write(data[i : i+size])
		}
		i += size
	}
	return b.Bytes()
}

func isYAMLSafe(data []byte) bool {
	for i, c := range data {
		if c >= 0x7f || c == '\\' && i+1 < len(data) && data[i+1] == 'u' {
			return false
		}
	}
	return true
}

// isUnsafe tells of characters that may stand in a JSON string and not in a YAML one.
func isUnsafe(r rune) bool {
	return r >= 0x7f && r <= 0x9f || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff
}

// writeEscape copies the escape that data begins with and returns its length. Two
// halves of a character become the character; half of one becomes U+FFFD, as in encoding/json.
func writeEscape(b *bytes.Buffer, data []byte) int {
	first, ok := hexEscape(data)
	if !ok {
		b.Write(data[:2])
		return 2
	}
	if !utf16.IsSurrogate(first) {
		b.Write(data[:6])
		return 6
	}
	second, _ := hexEscape(data[6:])
	if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
		b.WriteRune(r)
		return 12
	}
	b.WriteRune(utf8.RuneError)
	return 6
}

func hexEscape(data []byte) (r rune, ok bool) {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return 0, false
	}
	for _, c := range data[2:6] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
