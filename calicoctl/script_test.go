package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/edfb3db0/calicoctl/test/cluster"
)

// servers are those that the tests of this package share.
var servers cluster.Servers

// raceOptions keep a program with the race detector from sleeping for a second when it ends.
const raceOptions = "atexit_sleep_ms=0"

// withServers stops the servers after the tests.
type withServers struct{ *testing.M }

func (w withServers) Run() int {
	defer servers.Stop()
	return w.M.Run()
}

func TestMain(m *testing.M) {
	testscript.Main(withServers{m}, map[string]func(){"calicoctl": main, "kubectl-calico": main})
}

// TestScripts runs every script of testdata/script. The program in them is this test
// binary, so they need no build and count for coverage. UPDATE=1 writes what the program
// prints now into the scripts.
func TestScripts(t *testing.T) {
	testscript.Run(t, scriptParams(t))
}

func scriptParams(t *testing.T) testscript.Params {
	t.Helper()
	root := root(t)
	return testscript.Params{
		Dir:                 filepath.Join(root, "testdata", "script"),
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", raceOptions)
			env.Setenv("TESTDATA", filepath.Join(root, "testdata"))
			env.Setenv("HOME", filepath.Join(env.WorkDir, ".home"))
			env.Setenv("DATASTORE_TYPE", "local")
			env.Setenv("CALICO_GUARD", "off") // the scripts about it switch it on
			env.Setenv("CALICO_LOCAL_PATH", filepath.Join(env.WorkDir, ".store", "datastore.db"))
			return nil
		},
		Cmds: map[string]command{
			"status":    status,
			"normalize": normalize,
			"fill":      fill,
			"poke":      poke,
		},
		Condition: condition(true),
	}
}

// condition knows "root", and "local" for the embedded datastore.
func condition(local bool) func(string) (bool, error) {
	return func(name string) (bool, error) {
		switch name {
		case "root":
			return os.Geteuid() == 0, nil
		case "local":
			return local, nil
		}
		return false, fmt.Errorf("unknown condition %q", name)
	}
}

// status N COMMAND... runs a command and wants exit code N.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

var normal = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<UID>"},
	{regexp.MustCompile(`\b20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z`), "<TIME>"},
	{regexp.MustCompile(`(resourceVersion"?: )"[0-9]+"`), `$1"<RV>"`},
	{regexp.MustCompile(` *"?generation"?: [0-9]+,?\n`), ""}, // Kubernetes counts the changes of a spec
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "<GUID>"},
}

// normalize FILE writes the last standard output to FILE, with placeholders for what is
// different each time: uids, times, resource versions and the cluster's GUID; and without what
// only one datastore has.
func normalize(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: normalize file")
	}
	text := ts.ReadFile("stdout")
	for _, n := range normal {
		text = n.pattern.ReplaceAllString(text, n.with)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// fill FILE N TEXT appends TEXT to FILE, N times. @ in it stands for the number of the copy.
// A newline in TEXT is written \n, a carriage return \r.
func fill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: fill file n text")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	text := strings.NewReplacer(`\n`, "\n", `\r`, "\r").Replace(args[2])
	file, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	ts.Check(err)
	all := strings.Repeat(text, n)
	if strings.Contains(text, "@") {
		var numbered strings.Builder
		for i := range n {
			numbered.WriteString(strings.ReplaceAll(text, "@", strconv.Itoa(i)))
		}
		all = numbered.String()
	}
	_, err = file.WriteString(all)
	ts.Check(err)
	ts.Check(file.Close())
}

// poke FILE OFFSET HEX overwrites bytes of FILE, or appends them if OFFSET is its size.
func poke(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: poke file offset hex")
	}
	offset, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	bytes, err := hex.DecodeString(args[2])
	ts.Check(err)
	file, err := os.OpenFile(ts.MkAbs(args[0]), os.O_CREATE|os.O_WRONLY, 0o600)
	ts.Check(err)
	_, err = file.WriteAt(bytes, offset)
	ts.Check(err)
	ts.Check(file.Close())
}
