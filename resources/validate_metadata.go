package resources

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of metadata, in bytes.
const (
	maxName        = 253
	maxTierName    = 63
	maxAnnotations = 256 << 10
)

// nameRule is what the names of a kind must look like.
type nameRule struct {
	max int
	// check says what is wrong with a name, or nothing.
	check func(name string) string
}

var (
	plainNames  = nameRule{max: maxName, check: func(name string) string { return checkName("name", name) }}
	policyNames = nameRule{max: maxName, check: checkPolicyName}
	tierNames   = nameRule{max: maxTierName, check: checkTierName}
)

// validateMetadata checks the metadata of an object of the kind. The label called own
// is the project's, not the user's, and is not looked at.
func validateMetadata(kind string, m *metav1.ObjectMeta, names nameRule, own string) field.ErrorList {
	errs := validateObjectName(m.Name, names)
	if m.Namespace != "" {
		errs = append(errs, field.Forbidden(metadataPath.Child("namespace"),
			"namespace should not be specified for a non-namespaced resource. "+kind+" is not a namespaced resource"))
	}
	errs = append(errs, validateLabels(metadataPath, "labels", m.Labels, own)...)
	return append(errs, validateAnnotations(metadataPath, "annotations", m.Annotations)...)
}

func validateObjectName(name string, rule nameRule) field.ErrorList {
	path := metadataPath.Child("name")
	if name == "" {
		return field.ErrorList{field.Required(path, "name must be specified")}
	}
	var errs field.ErrorList
	if detail := rule.check(name); detail != "" {
		errs = append(errs, field.Invalid(path, name, detail))
	}
	if over := len(name) - rule.max; over > 0 {
		err := field.TooLong(path, name, rule.max)
		err.Detail = fmt.Sprintf("name is too long by %d bytes; it may have %d", over, rule.max)
		errs = append(errs, err)
	}
	return errs
}

// validateReference checks the name of another object in a field that may be left out.
func validateReference(parent *field.Path, name, what, value string) field.ErrorList {
	if value == "" {
		return nil
	}
	var errs field.ErrorList
	if detail := checkName(what, value); detail != "" {
		errs = append(errs, field.Invalid(parent.Child(name), value, detail))
	}
	if len(value) > maxName {
		errs = append(errs, field.TooLong(parent.Child(name), value, maxName))
	}
	return errs
}

// checkName says what is wrong with a name apart from its length.
func checkName(what, name string) string {
	if isSubdomain(name) {
		return ""
	}
	detail := what + " must consist of lower case alphanumeric characters, '-' or '.', and begin and end with a letter or digit"
	if lower := strings.ToLower(name); isSubdomain(lower) {
		detail += "; write " + lower
	}
	return detail
}

// isSubdomain tells whether name is labels of letters, digits and '-' with dots between.
func isSubdomain(name string) bool {
	for label := range strings.SplitSeq(name, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

func isLabel(s string) bool {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func checkPolicyName(name string) string {
	if detail := checkName("name", name); detail != "" {
		return detail
	}
	if dots := strings.Count(name, "."); dots > 1 {
		return fmt.Sprintf("name must consist of lower case alphanumeric characters or '-', with at most one '.'; this one has %d", dots)
	}
	return ""
}

func checkTierName(name string) string {
	if isLabel(name) {
		return ""
	}
	detail := "name must consist of lower case alphanumeric characters or '-', and begin and end with a letter or digit"
	if lower := strings.ToLower(name); isLabel(lower) {
		detail += "; write " + lower
	}
	return detail
}

// validateLabels checks names and values, except those of the label called skip.
func validateLabels(parent *field.Path, name string, labels map[string]string, skip string) field.ErrorList {
	var errs field.ErrorList
	for key, value := range labels {
		if key == skip && skip != "" {
			continue
		}
		if msgs := content.IsLabelKey(key); len(msgs) > 0 {
			errs = append(errs, field.Invalid(parent.Child(name).Key(key), key, strings.Join(msgs, "; ")))
		}
		if msgs := content.IsLabelValue(value); len(msgs) > 0 {
			errs = append(errs, field.Invalid(parent.Child(name).Key(key), value, strings.Join(msgs, "; ")))
		}
	}
	return sorted(errs)
}

// validateAnnotations checks names, and the size of all names and values together.
func validateAnnotations(parent *field.Path, name string, annotations map[string]string) field.ErrorList {
	var errs field.ErrorList
	size := 0
	for key, value := range annotations {
		size += len(key) + len(value)
		if msgs := content.IsLabelKey(strings.ToLower(key)); len(msgs) > 0 {
			errs = append(errs, field.Invalid(parent.Child(name).Key(key), key, strings.Join(msgs, "; ")))
		}
	}
	errs = sorted(errs)
	if over := size - maxAnnotations; over > 0 {
		err := field.TooLong(parent.Child(name), "", maxAnnotations)
		err.Detail = fmt.Sprintf("total size of annotations is too large by %d bytes", over)
		errs = append(errs, err)
	}
	return errs
}

// sorted puts errors in an order that does not depend on that of a map.
func sorted(errs field.ErrorList) field.ErrorList {
	slices.SortStableFunc(errs, func(a, b *field.Error) int { return cmp.Compare(a.Field, b.Field) })
	return errs
}
