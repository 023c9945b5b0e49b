// Package lint finds what is probably not meant in objects that say what hosts may do: selectors that match nothing,
// rules that never decide, ports that stay open whatever a policy says.
//
// [Run] gives findings. Each has a stable code, a severity, the field that it is about, and its proof: packets, rules
// that decide before, endpoints that are meant. Where a finding is about traffic it follows from the sets of package
// policy, not from the look of a rule.
//
// An object may say, with the reason, that a finding about it is meant to be so: see [Annotation].
package lint
