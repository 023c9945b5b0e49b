//go:build !unix

package main

import "os"

// peak is the most memory that a process had resident; 0 because it is not known here.
func peak(*os.ProcessState) int64 { return 0 }
