// Package datastore is the contract between commands and the places where objects
// are kept, and the verbs built on it once for all of them: create, apply, replace,
// patch, label and delete.
package datastore
