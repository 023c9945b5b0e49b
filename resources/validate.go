package resources

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
	"github.com/edfb3db0/calicoctl/selector"
)

// OriginSelector marks errors about selectors: their BadValue is the expression as a
// string, so that whoever prints them can show the place.
const OriginSelector = "format=selector"

// maxSelector is the longest selector of a policy, in bytes.
const maxSelector = 1024

var (
	metadataPath = field.NewPath("metadata")
	specPath     = field.NewPath("spec")
)

// advise appends advice to what an error says.
func advise(err *field.Error, advice string) *field.Error {
	switch {
	case advice == "":
	case err.Detail == "":
		err.Detail = advice
	default:
		err.Detail += "; " + advice
	}
	return err
}

// validateOneOf checks a field that takes one of a few words; empty is to leave it out.
func validateOneOf[T ~string](parent *field.Path, name string, value T, words ...T) field.ErrorList {
	if value == "" || slices.Contains(words, value) {
		return nil
	}
	return field.ErrorList{unsupported(parent.Child(name), value, words...)}
}

// unsupported says which words a field takes, and which of them is probably meant.
func unsupported[T ~string](path *field.Path, value T, words ...T) *field.Error {
	err := field.NotSupported(path, string(value), words)
	for _, word := range words {
		if strings.EqualFold(string(word), strings.TrimSpace(string(value))) {
			return advise(err, "write "+string(word))
		}
	}
	return err
}

// validateSwitch checks a field that is Enabled, Disabled or left out.
func validateSwitch(parent *field.Path, name, value string) field.ErrorList {
	if value == "" || value == v3.Enabled || value == v3.Disabled {
		return nil
	}
	err := unsupported(parent.Child(name), value, v3.Enabled, v3.Disabled)
	switch strings.ToLower(value) {
	case "true", "yes", "on", "1", "enable":
		err = advise(err, "write Enabled to switch it on")
	case "false", "no", "off", "0", "disable":
		err = advise(err, "write Disabled to switch it off")
	}
	return field.ErrorList{err}
}

// validateRange checks a number that may be left out.
func validateRange[T ~int | ~int32](parent *field.Path, name string, value *T, low, high T) field.ErrorList {
	if value == nil || low <= *value && *value <= high {
		return nil
	}
	return field.ErrorList{field.Invalid(parent.Child(name), *value,
		fmt.Sprintf("must be between %d and %d", low, high))}
}

// validateSet checks that a list has at most limit items (0 is no limit), that each is
// good and that none is there twice. Check says what is wrong with one, or nothing. A
// value that is there many times is one mistake, and so are all items beyond the limit.
func validateSet(parent *field.Path, name string, items []string, limit int, check func(string) string) field.ErrorList {
	if len(items) == 0 {
		return nil
	}
	var errs field.ErrorList
	path := parent.Child(name)
	if limit > 0 && len(items) > limit {
		errs = append(errs, field.TooMany(path, len(items), limit))
		items = items[:limit]
	}
	times := make(map[string]int, len(items))
	for i, item := range items {
		times[item]++
		switch times[item] {
		case 1:
			if detail := check(item); detail != "" {
				errs = append(errs, field.Invalid(path.Index(i), item, detail))
			}
		case 2:
			errs = append(errs, duplicate(path.Index(i), item))
		}
	}
	return errs
}

func duplicate(path *field.Path, value string) *field.Error {
	return advise(field.Duplicate(path, value), "already in the list; remove it")
}

// anything is the check of a set whose items may be any string.
func anything(string) string { return "" }

// validateSelector checks a selector of any length.
func validateSelector(parent *field.Path, name, expr string) field.ErrorList {
	if expr == "" {
		return nil
	}
	_, err := selector.Parse(expr)
	var parse *selector.ParseError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &parse):
		return field.ErrorList{field.Invalid(parent.Child(name), expr, parse.Error()).WithOrigin(OriginSelector)}
	default:
		return field.ErrorList{field.Invalid(parent.Child(name), expr, err.Error())}
	}
}

// validatePolicySelector checks a selector of a policy or one of its rules.
func validatePolicySelector(parent *field.Path, name, expr string) field.ErrorList {
	if len(expr) > maxSelector {
		return field.ErrorList{field.TooLong(parent.Child(name), expr, maxSelector)}
	}
	return validateSelector(parent, name, expr)
}
