// Package v3 holds the API types of the group projectcalico.org, version v3: the
// objects that operators write in manifests and that the datastores keep.
//
// Field order is output order: encoding/json writes fields as they are declared,
// and scripts compare those bytes. deepcopy functions and the custom resource
// definitions in deploy/crds are generated from this package.
//
// +kubebuilder:object:generate=true
// +groupName=projectcalico.org
package v3

// Group, Version and GroupVersion name the API that manifests ask for in apiVersion.
const (
	Group        = "projectcalico.org"
	Version      = "v3"
	GroupVersion = Group + "/" + Version
)

// Well-known names that the project itself writes or compares.
const (
	// LabelTier is set on every policy to the name of its tier.
	LabelTier = "projectcalico.org/tier"
	// LabelCreatedBy marks a host endpoint as automatic when its value is CreatedByController.
	LabelCreatedBy = "projectcalico.org/created-by"
	// CreatedByController is the value of LabelCreatedBy on automatic host endpoints.
	CreatedByController = "calico-kube-controllers"
	// ProfileDefaultAllow names the built-in profile that allows all traffic.
	ProfileDefaultAllow = "projectcalico-default-allow"
	// DefaultName is the name of the objects that configure a whole cluster.
	DefaultName = "default"
	// TierDefault, TierKubeAdmin and TierKubeBaseline are the tiers that every datastore has.
	TierDefault      = "default"
	TierKubeAdmin    = "kube-admin"
	TierKubeBaseline = "kube-baseline"
)

// Values of the fields that are switches.
const (
	Enabled  = "Enabled"
	Disabled = "Disabled"
)
