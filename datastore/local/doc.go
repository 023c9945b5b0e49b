// Package local keeps objects in one SQLite file, without a server.
//
// Many processes may use a file at once. A write is a transaction that waits for its
// turn and is on the disk when it is acknowledged; a process that is killed leaves all
// of a transaction or nothing. Readers see one revision as a whole and block nobody.
//
// The file has three tables: objects holds every object as JSON with the revision of
// its last write; log holds the newest changes, which is what watches read; revisions
// holds the one counter that numbers the changes, and the last of them that has been
// dropped from the log. A revision is never used twice. The database's application_id
// marks the file as ours and its user_version is the version of this format. A file
// that is not ours, or newer, is not written to.
package local
