package render

import (
	"strconv"
	"strings"
)

// Limits of nft, in bytes.
const (
	maxNamePart = 80  // of three parts, so that a name with its ending stays below 255
	maxComment  = 127 // of the comment on a rule or set
)

// name is a name of a chain or set that nobody has yet. nft reads letters, digits and a few signs as a name, and so
// nothing else gets into one; since names begin with a word of ours and a hyphen follows, none is a keyword.
func (b *builder) name(parts ...string) string {
	for i, part := range parts {
		if len(part) > maxNamePart {
			part = part[:maxNamePart]
		}
		parts[i] = strings.Map(func(r rune) rune {
			switch {
			case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_', r == '.':
				return r
			}
			return '_'
		}, part)
	}
	name := strings.Join(parts, "--")
	for n := 2; b.names[name]; n++ {
		name = strings.Join(parts, "--") + "--" + strconv.Itoa(n)
	}
	b.names[name] = true
	return name
}

// plain is text for a line of comment or between quotation marks: printable ASCII without the mark itself.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, text)
}

// comment is the comment on a rule or set. What is too long is cut in the middle, since both ends say something.
func comment(text string) string {
	text = plain(text)
	if len(text) > maxComment {
		const gap = "..."
		half := (maxComment - len(gap)) / 2
		text = text[:half] + gap + text[len(text)-half:]
	}
	return `comment "` + text + `"`
}
