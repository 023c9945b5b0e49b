//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// peak is the most memory that a process had resident, in bytes.
func peak(state *os.ProcessState) int64 {
	used, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return inBytes(used)
}

// ownPeak is peak for this process.
func ownPeak() int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return inBytes(&used)
}

func inBytes(used *syscall.Rusage) int64 {
	switch runtime.GOOS {
	case "darwin", "ios":
		return int64(used.Maxrss)
	default:
		return int64(used.Maxrss) << 10
	}
}
