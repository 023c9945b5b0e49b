// Package selector reads and evaluates label selectors: the small language in which a policy says which endpoints it
// is about.
//
// A selector is a condition on a set of labels. The simple conditions are
//
//	all()   global()   has(label)
//	label == 'value'   label != 'value'
//	label in {'v', 'w'}   label not in {'v', 'w'}
//	label contains 'text'   label starts with 'text'   label ends with 'text'
//
// and ! && || and parentheses combine them; && binds tighter than ||, and ! belongs to the one condition after it.
// Nothing at all is the same as all(), and global() is true of everything.
//
// An absent label makes !=, not in and ! true, and every other condition false.
//
// Spaces and tabs are the only white space. A value stands between two quotes of the same kind, ' or ", and is taken
// as it is: there are no escapes. A label is 1 to 512 of the characters A-Z a-z 0-9 _ . / and -, so it may look like
// a word of the language: has == 'x' is about the label called has.
//
// The package does no input or output, and a parsed [Selector] may be used from many goroutines at once. Neither
// parsing nor anything else here is recursive.
package selector
