package resources

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// Profile is the kind of profiles.
var Profile = define(Spec[*v3.Profile]{
	Kind: "Profile", Plural: "profiles",
	Aliases: []string{"profile", "profiles", "pro", "pros"},
	Columns: []Column[*v3.Profile]{
		{Header: "NAME", Cell: func(p *v3.Profile) string { return p.Name }},
		{Header: "LABELS", Wide: true, Cell: func(p *v3.Profile) string { return labelsCell(p.Spec.LabelsToApply) }},
	},
	New:      newOf[v3.Profile],
	Validate: validateProfile,
	Builtin:  func() []*v3.Profile { return []*v3.Profile{defaultAllowProfile()} },
})

func defaultAllowProfile() *v3.Profile {
	p := &v3.Profile{Spec: v3.ProfileSpec{
		Ingress: []v3.Rule{{Action: v3.Allow}},
		Egress:  []v3.Rule{{Action: v3.Allow}},
	}}
	p.Name = v3.ProfileDefaultAllow
	p.ResourceVersion = "1"
	return p
}

// labelsCell is "a=b,c=d", sorted by name.
func labelsCell(labels map[string]string) string {
	pairs := make([]string, 0, len(labels))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, name+"="+labels[name])
	}
	return strings.Join(pairs, ",")
}

func validateProfile(p *v3.Profile) field.ErrorList {
	errs := validateMetadata("Profile", &p.ObjectMeta, plainNames, "")
	errs = append(errs, validateRules(specPath, ingress, p.Spec.Ingress)...)
	errs = append(errs, validateRules(specPath, egress, p.Spec.Egress)...)
	return append(errs, validateLabels(specPath, "labelsToApply", p.Spec.LabelsToApply, "")...)
}
