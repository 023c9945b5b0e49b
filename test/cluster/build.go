package cluster

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Root is the folder of the project.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// binary is the path of a server's program. It is built when that has not been done, which takes
// minutes; with -short the test is skipped instead of using a server.
func binary(tb testing.TB, name string) string {
	tb.Helper()
	if testing.Short() {
		tb.Skip("needs " + name)
	}
	make := exec.CommandContext(tb.Context(), "make", "--silent", "--no-print-directory", "servers")
	make.Dir = Root()
	make.Env = withoutMakeFlags(os.Environ())
	make.Stderr = os.Stderr
	var out bytes.Buffer
	make.Stdout = &out
	if err := make.Run(); err != nil {
		tb.Fatalf("make servers: %v", err)
	}
	return filepath.Join(strings.TrimSpace(out.String()), name)
}

// withoutMakeFlags removes what a make above has left for makes below.
func withoutMakeFlags(environment []string) []string {
	var out []string
	for _, variable := range environment {
		if !strings.HasPrefix(variable, "MAKE") && !strings.HasPrefix(variable, "MFLAGS") {
			out = append(out, variable)
		}
	}
	return out
}

// throwAway makes a folder for a server's data, in memory where the system has such a place.
func throwAway(tb testing.TB) string {
	tb.Helper()
	place := "/dev/shm"
	if _, err := os.Stat(place); err != nil {
		place = ""
	}
	folder, err := os.MkdirTemp(place, "calicoctl-test-") //nolint:usetesting // it outlives the test
	if err != nil {
		tb.Fatal(err)
	}
	return folder
}
