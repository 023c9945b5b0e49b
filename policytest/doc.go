// Package policytest reads files of policy tests, and writes what became of the tests in
// the form that build servers read.
//
// A test says which traffic policy has to allow, and which it has to deny: from whom, to
// whom, and for which services. What the words for the ends mean is for others to find
// out; the services are boxes of the policy engine.
package policytest
