package resources

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	v3 "github.com/edfb3db0/calicoctl/resources/v3"
)

// NetworkSet is the kind of labelled lists of networks of one namespace, which have the fields of global ones. It is
// read, since rules that select by label mean these sets too, but it is not in All: no command takes it.
var NetworkSet = define(Spec[*v3.GlobalNetworkSet]{
	Kind: "NetworkSet", Plural: "networksets", Namespaced: true,
	ReadOnly: "namespaced kinds are not written",
	New:      newOf[v3.GlobalNetworkSet],
	Validate: func(*v3.GlobalNetworkSet) field.ErrorList { return nil },
})
