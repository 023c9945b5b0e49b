package selector

import "strings"

// Each function here explains what is missing at the current position; none of them reads on.

// noCondition explains what stands where a condition must begin.
func (p *parser) noCondition() error {
	if p.atQuote() {
		return p.expected("a label before the quoted string; labels are written without quotes")
	}
	const example = ", such as has(label) or label == 'value'"
	if p.after == "" {
		return p.expected("a condition" + example)
	}
	return p.expected("a condition after %s"+example, p.after)
}

// noLabel explains what stands where has() must have its label.
func (p *parser) noLabel() error {
	if p.atQuote() {
		return p.expected("a label after has(; labels are written without quotes")
	}
	return p.expected("a label after has(")
}

func (p *parser) tooLong(at int, label string) error {
	return p.fail(at, "a label has at most %d characters, this one has %d", maxLabel, len(label))
}

// noComparator explains what follows a label instead of an operator. The label ended at offset end.
func (p *parser) noComparator(label, word string, end int) error {
	name := short(label)
	switch p.peek() {
	case '=':
		return p.expected("== after label %s", name)
	case '!':
		return p.expected("!= after label %s", name)
	case '(':
		return p.noFunction(label, end)
	case '\'', '"':
		return p.expected("an operator between label %s and its value, such as ==", name)
	case '{':
		return p.expected("in or not in between label %s and the set", name)
	}
	switch lower := strings.ToLower(word); lower {
	case "":
		return p.bareLabel(label)
	case "contains", "in", "notin", "startswith", "endswith", "not", "starts", "ends":
		return p.expected("%s, written in lower case", lower)
	case "is", "eq", "equals":
		return p.expected("an operator after label %s; equality is ==", name)
	}
	return p.expected("==, !=, in, not in, contains, starts with or ends with after label %s, not %s", name, short(word))
}

// bareLabel explains a label that nothing is compared with.
func (p *parser) bareLabel(label string) error {
	name := short(label)
	switch c := p.peek(); {
	case p.pos < len(p.expr) && c != ')' && c != '&' && c != '|':
		return p.expected("an operator after label %s", name)
	case label == "all" || label == "global":
		return p.expected("an operator after label %s; the condition that is always true is %s()", name, name)
	}
	return p.expected("an operator after label %s; has(%s) asks whether it is there", name, name)
}

// noFunction explains a parenthesis after a word that does not take one.
func (p *parser) noFunction(word string, end int) error {
	switch lower := strings.ToLower(word); lower {
	case "all", "global", "has":
		if lower != word {
			return p.fail(end-len(word), "expected %s(, written in lower case", lower)
		}
		return p.expected("%s( without a space before the parenthesis", word)
	}
	return p.expected("an operator after label %s; only has(), all() and global() have parentheses", short(word))
}

// noValue explains what follows an operator instead of a string.
func (p *parser) noValue(sign string) error {
	switch c := p.peek(); {
	case isLabelByte(c):
		return p.expected("a quoted string after %s; numbers and booleans are quoted too", sign)
	case c == '{':
		return p.expected("a quoted string after %s; sets go with in and not in", sign)
	}
	return p.expected("a quoted string after %s", sign)
}

func (p *parser) unterminated() error {
	if p.peek() == '"' {
		return p.fail(p.pos, `unterminated string: no closing '"'`)
	}
	return p.fail(p.pos, `unterminated string: no closing "'"`)
}

// openSet explains what stands in a set where its next string, comma or end must be. It began at offset open.
func (p *parser) openSet(open int) error {
	if p.pos == len(p.expr) {
		return p.fail(open, "unterminated set: no closing }")
	}
	switch before := lastSign(p.expr[:p.pos]); {
	case before == '\'' || before == '"':
		return p.expected("a comma or } after a string in a set")
	case isLabelByte(p.peek()):
		return p.expected("a quoted string or } in a set; numbers and booleans are quoted too")
	}
	return p.expected("a quoted string or } in a set")
}

// lastSign is the last byte that is not white space.
func lastSign(s string) byte {
	s = strings.TrimRight(s, " \t")
	return s[len(s)-1]
}

// noConnective explains what follows a condition instead of && or ||.
func (p *parser) noConnective() error {
	switch p.peek() {
	case '&':
		return p.expected("&&, not a single &")
	case '|':
		return p.expected("||, not a single |")
	case ')':
		return p.fail(p.pos, "no ( is open before this )")
	case '\'', '"':
		return p.expected("&& or ||, not another string; a value with one kind of quote in it goes between the other kind")
	case ',':
		return p.expected("&& or ||, not a comma")
	case '=':
		return p.expected("&& or ||; the condition before = is complete")
	}
	start := p.pos
	word := p.word()
	p.pos = start
	switch lower := strings.ToLower(word); {
	case lower == "and":
		return p.expected("&&, not %s", word)
	case lower == "or":
		return p.expected("||, not %s", word)
	case word != "" || p.peek() == '(' || p.peek() == '!':
		return p.expected("&& or || before the next condition")
	}
	return p.expected("&& or ||")
}
