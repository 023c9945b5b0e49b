package resources

import (
	"fmt"
	"regexp/syntax"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits on the patterns of a configuration. The names that they match have at most 15
// bytes, while a few bytes such as (.{30}){30} can ask for megabytes.
const (
	// maxPattern is the longest pattern, in bytes.
	maxPattern = 1000
	// maxPatterns is the size of all patterns together, as patternSize counts it.
	maxPatterns = 10_000
)

// patternBudget is how much larger the patterns of a configuration may become. Below
// zero, a mistake has said so.
type patternBudget int

// check checks one pattern, which may be empty, and takes its size from the budget.
func (b *patternBudget) check(path *field.Path, pattern string) field.ErrorList {
	switch {
	case pattern == "" || *b < 0:
		return nil
	case len(pattern) > maxPattern:
		return field.ErrorList{field.TooLong(path, pattern, maxPattern)}
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return field.ErrorList{field.Invalid(path, pattern, err.Error())}
	}
	if *b -= patternBudget(max(len(pattern), patternSize(parsed))); *b < 0 {
		return field.ErrorList{field.Invalid(path, pattern, fmt.Sprintf("the patterns of the templates up to this one are larger than "+
			"the limit of %d, counted with every repetition such as {1,15} and every class such as \\pL written out; write simpler ones", maxPatterns))}
	}
	return nil
}

// patternSize is about how many instructions and ranges of characters the compiled
// pattern has. Parsing has limited its depth and the product of nested repetitions.
func patternSize(re *syntax.Regexp) int {
	size := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		size += patternSize(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(1, re.Min, re.Max)
	}
	return size
}
