package commands

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/manifest"
	"github.com/edfb3db0/calicoctl/resources"
)

// warnOfIgnored says which fields of objects were given and are left as they are.
func (d *Deps) warnOfIgnored(results []datastore.Result) {
	for _, r := range results {
		if r.Err != nil {
			continue
		}
		for _, i := range r.Ignored {
			d.warn(fmt.Sprintf("%s: %s is left as it is: %s", r.Key, i.Field, i.Why))
		}
	}
}

// derivedLabels are the labels that follow from the rest of an object and that it has with another value, or not at all.
func derivedLabels(kind *resources.Kind, o resources.Object) map[string]string {
	full := o.DeepCopyObject().(resources.Object)
	kind.Default(full)
	given, derived := o.GetLabels(), map[string]string{}
	for key, value := range full.GetLabels() {
		if has, ok := given[key]; !ok || has != value {
			derived[key] = value
		}
	}
	return derived
}

// refusedDerived is the refusal to change a label that follows from the object itself.
func refusedDerived(key, word, name, value string) error {
	return refusedLabel(fmt.Sprintf("label %s of %s %s follows from the object itself and stays %s", key, word, name, value))
}

// derivedLabelWarnings are about labels that manifests give and that follow from the objects themselves.
func derivedLabelWarnings(items []manifest.Item) (warnings []manifest.Mistake) {
	for _, item := range items {
		derived := derivedLabels(item.Kind, item.Object)
		for _, key := range slices.Sorted(maps.Keys(derived)) {
			if _, given := item.Object.GetLabels()[key]; given {
				warnings = append(warnings, item.Mistake("metadata.labels",
					fmt.Sprintf("label %s follows from the object itself and stays %s", key, derived[key])))
			}
		}
	}
	return warnings
}

// refuseDerivedLabels refuses a patch that changes labels that follow from the object itself. One that removes all
// labels means the others.
func (o *patchOptions) refuseDerivedLabels(stored, next resources.Object) error {
	if len(next.GetLabels()) == 0 {
		return nil
	}
	derived := derivedLabels(o.kind, next)
	for _, key := range slices.Sorted(maps.Keys(derived)) {
		was, had := stored.GetLabels()[key]
		is, has := next.GetLabels()[key]
		if was != is || had != has {
			return refusedDerived(key, o.word, o.name, derived[key])
		}
	}
	return nil
}

// unchangedMetadata are the fields of metadata that a patch changes and the datastore does not: stored is what was
// there, patched what the patch asks for, and result what is there now.
func unchangedMetadata(stored, patched, result resources.Object) (fields []datastore.Ignored) {
	for _, f := range []struct {
		name string
		of   func(resources.Object) any
	}{
		{"uid", func(o resources.Object) any { return o.GetUID() }},
		{"creationTimestamp", func(o resources.Object) any { return o.GetCreationTimestamp() }},
		{"generation", func(o resources.Object) any { return o.GetGeneration() }},
		{"deletionTimestamp", func(o resources.Object) any { return o.GetDeletionTimestamp() }},
		{"deletionGracePeriodSeconds", func(o resources.Object) any { return o.GetDeletionGracePeriodSeconds() }},
		{"generateName", func(o resources.Object) any { return o.GetGenerateName() }},
		{"namespace", func(o resources.Object) any { return o.GetNamespace() }},
		{"selfLink", func(o resources.Object) any { return o.GetSelfLink() }},
		{"managedFields", func(o resources.Object) any { return o.GetManagedFields() }},
		{"finalizers", func(o resources.Object) any { return o.GetFinalizers() }},
		{"ownerReferences", func(o resources.Object) any { return o.GetOwnerReferences() }},
	} {
		asked := f.of(patched)
		if !equality.Semantic.DeepEqual(asked, f.of(stored)) && !equality.Semantic.DeepEqual(asked, f.of(result)) {
			fields = append(fields, datastore.Ignored{Field: "metadata." + f.name, Why: "the datastore sets it"})
		}
	}
	return fields
}
