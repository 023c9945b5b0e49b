package kubernetes

import (
	"encoding/json"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/edfb3db0/calicoctl/resources"
	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// How names of profiles that are not stored begin.
const (
	namespaceProfile      = "kns."
	serviceAccountProfile = "ksa."
)

// namespaceAsProfile is the profile of a namespace: it allows everything and hands on the namespace's labels.
func namespaceAsProfile(body []byte) (resources.Object, error) {
	return profileOf(body, "pcns.", func(m metav1.ObjectMeta) string { return namespaceProfile + m.Name })
}

// serviceAccountAsProfile is the profile of a service account: it hands on the account's labels.
func serviceAccountAsProfile(body []byte) (resources.Object, error) {
	return profileOf(body, "pcsa.", func(m metav1.ObjectMeta) string {
		return serviceAccountProfile + m.Namespace + "." + m.Name
	})
}

func profileOf(body []byte, prefix string, name func(metav1.ObjectMeta) string) (resources.Object, error) {
	var in struct{ Metadata metav1.ObjectMeta }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	p := resources.Profile.New().(*v3.Profile)
	p.Name = name(in.Metadata)
	p.UID, p.ResourceVersion, p.CreationTimestamp = in.Metadata.UID, in.Metadata.ResourceVersion, in.Metadata.CreationTimestamp
	if prefix == "pcns." {
		p.Spec.Ingress, p.Spec.Egress = []v3.Rule{{Action: v3.Allow}}, []v3.Rule{{Action: v3.Allow}}
	}
	p.Spec.LabelsToApply = map[string]string{prefix + "projectcalico.org/name": in.Metadata.Name}
	for key, value := range in.Metadata.Labels {
		p.Spec.LabelsToApply[prefix+key] = value
	}
	return p, nil
}

// profileSources are the collections that profiles are made of.
func profileSources() []collection {
	return []collection{
		{kind: resources.Profile, path: "/api/v1/namespaces", resource: "namespaces", decode: namespaceAsProfile},
		{kind: resources.Profile, path: "/api/v1/serviceaccounts", resource: "serviceaccounts", decode: serviceAccountAsProfile},
	}
}

// profileSource is where the profile of this name comes from; not ok if from nowhere.
func profileSource(profile string) (c collection, name string, ok bool) {
	sources := profileSources()
	if name, ok = strings.CutPrefix(profile, namespaceProfile); ok {
		return sources[0], name, true
	}
	rest, ok := strings.CutPrefix(profile, serviceAccountProfile)
	namespace, name, dotted := strings.Cut(rest, ".") // a namespace has no dot in its name
	c = sources[1]
	c.path = "/api/v1/namespaces/" + namespace + "/serviceaccounts"
	return c, name, ok && dotted && canBeName(namespace)
}
