// Package resources says what a kind is: its names, table columns, defaults and
// validation rules. Each kind is one file with one literal, and All lists them.
// Nothing here does I/O.
package resources
