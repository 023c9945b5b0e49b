// Package manifest reads objects from files, directories and standard input: YAML
// and JSON, many documents in one stream, lists and bare arrays.
//
// It is strict and complete: every mistake in every document is reported, up to
// MaxMistakes, each with its file, line and column, the object and the path of the
// field. It is lenient where manifests in the world rely on it: scalars become strings
// where the field is a string, and field names match in any letter case; both with a
// warning.
//
// Kubernetes' own nodes (apiVersion v1, kind Node) become Calico nodes, so that a
// copy of a cluster's nodes can be tried anywhere.
package manifest
