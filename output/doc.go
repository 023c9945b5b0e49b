// Package output turns objects into the bytes that users see: tables, YAML, JSON,
// names, chosen columns and templates.
//
// Tables have calicoctl's layout to the byte: every cell is padded, the last one too, to
// the widest of its column and three more, and an empty line follows each table.
package output
