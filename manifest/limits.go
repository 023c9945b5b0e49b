package manifest

import (
	"bytes"
	"fmt"
)

// Limits on the input, so that no document can exhaust the machine.
const (
	// MaxDocument is the size of one document in bytes.
	MaxDocument = 40 << 20
	// MaxInput is the size of one file or of standard input in bytes.
	MaxInput = 512 << 20
	// MaxDepth is how deep a document may nest.
	MaxDepth = 100
	// MaxAliased is how many values the aliases of one document may stand for.
	MaxAliased = 100_000
	// MaxAliasedText is the size in bytes of all text that they may stand for.
	MaxAliasedText = 4 << 20
	// MaxMistakes is how many mistakes of the whole input are reported, and how many
	// warnings. After so many mistakes the rest of the input is not read.
	MaxMistakes = 1000

	// A document may have manyValues values, and so may all documents of a file. With more,
	// it needs bytesPerValue bytes for each, which is fewer than real ones take.
	manyValues    = 100_000
	bytesPerValue = 6
	// manyDirectives is more than there are directives: YAML knows two.
	manyDirectives = 100
)

var tooDeep = fmt.Sprintf("nested deeper than the limit of %d levels", MaxDepth)

// refusal says why a document is not even parsed; empty if it is.
func (c *chunk) refusal() string {
	switch {
	case tooDense(c.data):
		return fmt.Sprintf("there are too many values in too few bytes: more than %d, and more than one for every %d bytes",
			manyValues, bytesPerValue)
	case len(c.data) > MaxDocument:
		return fmt.Sprintf("the document is larger than the limit of %d MiB; split it", MaxDocument>>20)
	case bytes.HasPrefix(c.data, []byte("%")) && bytes.Count(c.data, []byte("\n%")) > manyDirectives:
		return fmt.Sprintf("the document has more than %d directives", manyDirectives)
	}
	return ""
}

func tooDense(data []byte) bool { return valuesAbout(data) > max(manyValues, len(data)/bytesPerValue) }

// valuesAbout estimates how many values, keys and comments a YAML parser keeps for a
// text, by what separates them: most lines, and most commas, end a key and its value.
// Nothing is known of quotes here, so it is an estimate of the largest number.
func valuesAbout(data []byte) int {
	n := 0
	var before, last byte
	for _, b := range data {
		switch b {
		case '\n', ',':
			n += 2
		case '[', '{':
			n++
		case '#':
			if last == ' ' || last == '\t' {
				n++
			}
		case '-', '?':
			// Entries in entries: the first of a line is counted with its line.
			if last == ' ' && (before == '-' || before == '?') {
				n++
			}
		}
		before, last = last, b
	}
	return n
}

// atMost cuts a list of mistakes where it becomes too long to be read, and says so.
func atMost(mistakes []Mistake, more string) []Mistake {
	if len(mistakes) <= MaxMistakes {
		return mistakes
	}
	next := mistakes[MaxMistakes]
	return append(mistakes[:MaxMistakes:MaxMistakes], Mistake{Position: next.Position, Text: more})
}

const (
	moreMistakes = "there are more mistakes; mend these first"
	moreWarnings = "there are more warnings, which are not shown"
)
