package selector_test

import (
	"regexp"
	"slices"
	"strings"
)

// The naive implementation: the grammar, rule by rule, with regular expressions and recursion. It is slow, it says
// nothing about what is wrong, and it shares nothing with the package. The tests let the two disagree.

// naive is one node; op is "has", "==", "in", "!", "&&" and so on.
type naive struct {
	op     string
	label  string
	values []string
	of     []naive
}

// naiveParse says false for what is not a selector.
func naiveParse(expr string) (naive, bool) {
	if strings.Trim(expr, " \t") == "" {
		return naive{op: "all"}, true
	}
	n, rest, ok := naiveChain(expr, "||", func(s string) (naive, string, bool) { return naiveChain(s, "&&", naiveUnary) })
	return n, ok && strings.Trim(rest, " \t") == ""
}

func naiveChain(s, op string, part func(string) (naive, string, bool)) (naive, string, bool) {
	n, s, ok := part(s)
	if !ok {
		return n, s, false
	}
	all := []naive{n}
	for {
		rest, found := strings.CutPrefix(strings.TrimLeft(s, " \t"), op)
		if !found {
			break
		}
		if n, s, ok = part(rest); !ok {
			return n, s, false
		}
		all = append(all, n)
	}
	if len(all) == 1 {
		return all[0], s, true
	}
	return naive{op: op, of: all}, s, true
}

var (
	naiveBangs  = regexp.MustCompile(`^[ \t]*(![ \t]*)+`)
	naiveString = `("[^"]*"|'[^']*')`
	naiveSet    = `\{[ \t]*(` + naiveString + `([ \t]*,[ \t]*` + naiveString + `)*[ \t]*,?)?[ \t]*\}`
	naiveLabel  = `([-A-Za-z0-9_./]{1,512})`
	naiveShapes = []struct {
		op string
		re *regexp.Regexp
	}{
		{"all", regexp.MustCompile(`^[ \t]*all\([ \t]*\)`)},
		{"global", regexp.MustCompile(`^[ \t]*global\([ \t]*\)`)},
		{"has", regexp.MustCompile(`^[ \t]*has\([ \t]*` + naiveLabel + `[ \t]*\)`)},
		{"==", naiveComparison(`==`, naiveString)},
		{"!=", naiveComparison(`!=`, naiveString)},
		{"contains", naiveComparison(`contains`, naiveString)},
		{"starts with", naiveComparison(`starts[ \t]*with`, naiveString)},
		{"ends with", naiveComparison(`ends[ \t]*with`, naiveString)},
		{"in", naiveComparison(`in`, naiveSet)},
		{"not in", naiveComparison(`not[ \t]*in`, naiveSet)},
	}
	naiveValue = regexp.MustCompile(`(?s)` + naiveString)
)

// naiveComparison wants white space before an operator that is a word: the label would swallow it otherwise.
func naiveComparison(op, operand string) *regexp.Regexp {
	gap := `[ \t]+`
	if op == "==" || op == "!=" {
		gap = `[ \t]*`
	}
	return regexp.MustCompile(`(?s)^[ \t]*` + naiveLabel + gap + op + `[ \t]*` + operand)
}

func naiveUnary(s string) (naive, string, bool) {
	if bangs := naiveBangs.FindString(s); bangs != "" {
		n, rest, ok := naiveUnary(s[len(bangs):])
		if strings.Count(bangs, "!")%2 == 1 {
			n = naive{op: "!", of: []naive{n}}
		}
		return n, rest, ok
	}
	if rest, open := strings.CutPrefix(strings.TrimLeft(s, " \t"), "("); open {
		or := func(s string) (naive, string, bool) { return naiveChain(s, "&&", naiveUnary) }
		n, rest, ok := naiveChain(rest, "||", or)
		rest, closed := strings.CutPrefix(strings.TrimLeft(rest, " \t"), ")")
		return n, rest, ok && closed
	}
	for _, shape := range naiveShapes {
		m := shape.re.FindStringSubmatch(s)
		if m == nil {
			continue
		}
		n := naive{op: shape.op}
		if len(m) > 1 {
			n.label = m[1]
			for _, quoted := range naiveValue.FindAllString(m[0], -1) {
				n.values = append(n.values, quoted[1:len(quoted)-1])
			}
		}
		return n, s[len(m[0]):], true
	}
	return naive{}, s, false
}

func (n naive) matches(labels map[string]string) bool {
	value, ok := labels[n.label]
	switch n.op {
	case "all", "global":
		return true
	case "has":
		return ok
	case "==":
		return ok && value == n.values[0]
	case "!=":
		return !ok || value != n.values[0]
	case "contains":
		return ok && strings.Contains(value, n.values[0])
	case "starts with":
		return ok && strings.HasPrefix(value, n.values[0])
	case "ends with":
		return ok && strings.HasSuffix(value, n.values[0])
	case "in":
		return ok && slices.Contains(n.values, value)
	case "not in":
		return !ok || !slices.Contains(n.values, value)
	case "!":
		return !n.of[0].matches(labels)
	}
	result := n.op == "&&"
	for _, part := range n.of {
		if n.op == "&&" {
			result = part.matches(labels) && result
		} else {
			result = part.matches(labels) || result
		}
	}
	return result
}

func (n naive) canonical() string {
	quote := func(s string) string {
		if strings.Contains(s, `"`) {
			return "'" + s + "'"
		}
		return `"` + s + `"`
	}
	switch n.op {
	case "all", "global", "has":
		return n.op + "(" + n.label + ")"
	case "!":
		return "!" + n.of[0].canonical()
	case "in", "not in":
		unique := map[string]bool{}
		for _, value := range n.values {
			unique[value] = true
		}
		var values []string
		for value := range unique {
			values = append(values, value)
		}
		slices.Sort(values)
		for i := range values {
			values[i] = quote(values[i])
		}
		return n.label + " " + n.op + " {" + strings.Join(values, ", ") + "}"
	case "&&", "||":
		var parts []string
		for _, part := range n.of {
			parts = append(parts, part.canonical())
		}
		return "(" + strings.Join(parts, " "+n.op+" ") + ")"
	}
	return n.label + " " + n.op + " " + quote(n.values[0])
}

// labels lists the labels mentioned, with duplicates.
func (n naive) labels() []string {
	var names []string
	if n.label != "" {
		names = append(names, n.label)
	}
	for _, part := range n.of {
		names = append(names, part.labels()...)
	}
	return names
}
