package v3

import "k8s.io/apimachinery/pkg/runtime/schema"

// SchemeGroupVersion is GroupVersion in the form that apimachinery uses.
var SchemeGroupVersion = schema.GroupVersion{Group: Group, Version: Version}
