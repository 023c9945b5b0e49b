package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/edfb3db0/calicoctl/resources"
)

// Annotation begins the name of an annotation by which an object says that findings of a code about it are meant to be
// so. What follows is the ID of the code; the value is the reason, which has to be there.
const Annotation = "lint.calicoctl/"

// suppress marks the findings that objects suppress, and adds those about suppressions.
func (l *linter) suppress() []Finding {
	type suppression struct {
		key resources.Key
		id  string
	}
	type given struct {
		reason string
		at     Place
		used   bool
	}
	reasons := map[suppression]*given{}
	var found []Finding
	note := func(id string, at Place, text, proof string) {
		code, _ := CodeOf(id)
		found = append(found, Finding{Code: code, Severity: code.Severity, Place: at, Text: text, Proof: []Proof{{Text: proof}}})
	}
	for _, s := range l.in.Sources {
		for _, name := range slices.Sorted(maps.Keys(s.Object.GetAnnotations())) {
			id, ok := strings.CutPrefix(name, Annotation)
			if !ok {
				continue
			}
			at := about(s.Object, field.NewPath("metadata", "annotations").Key(name))
			reason := strings.TrimSpace(s.Object.GetAnnotations()[name])
			code, known := CodeOf(id)
			switch {
			case !known:
				note(SuppressesNothing, at, fmt.Sprintf("there is no code %q", id), "calicoctl lint --explain list shows all codes")
			case reason == "":
				note(NoReason, at, fmt.Sprintf("the annotation has no reason, so it does not suppress %s", code.ID), "write why it is meant to be so as the value of the annotation")
			default:
				reasons[suppression{at.Key, code.ID}] = &given{reason: reason, at: at}
			}
		}
	}
	for i := range l.findings {
		f := &l.findings[i]
		if g := reasons[suppression{f.Place.Key, f.Code.ID}]; g != nil {
			f.Suppressed, g.used = g.reason, true
		}
	}
	leftOut := map[resources.Key]bool{} // There is more to find about these once they are valid.
	for _, i := range l.invalid {
		leftOut[about(i.object, nil).Key] = true
	}
	for s, g := range reasons {
		if !g.used && l.engine.Err() == nil && !leftOut[s.key] {
			note(SuppressesNothing, g.at, fmt.Sprintf("the object has no finding %s to suppress", s.id), "remove the annotation")
		}
	}
	return append(l.findings, found...)
}
