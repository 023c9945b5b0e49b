// Package kubernetes keeps objects in the Kubernetes API: as custom resources of one of Calico's two
// API groups, with Calico nodes in the annotations of Kubernetes nodes, and the profiles that
// namespaces and service accounts stand for.
package kubernetes
