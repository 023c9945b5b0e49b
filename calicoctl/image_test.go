package main_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// TestImage builds the program as the Dockerfile does: it needs nothing that an empty image has not, and knows its version.
func TestImage(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("links the program anew, on Linux")
	}
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	build := regexp.MustCompile(`(?m)^RUN (.* go build .*) -o /calicoctl (\S+)$`).FindSubmatch(text)
	if build == nil {
		t.Fatalf("the Dockerfile does not build the program:\n%s", text)
	}
	for _, line := range []string{"FROM scratch\n", "COPY --from=build /calicoctl /calicoctl\n", "ENTRYPOINT [\"/calicoctl\"]\n"} {
		if !strings.Contains(string(text), line) {
			t.Errorf("the Dockerfile lacks %q", line)
		}
	}
	binary := filepath.Join(t.TempDir(), "calicoctl")
	command := exec.CommandContext(t.Context(), "sh", "-c", string(build[1])+" -o "+binary+" "+string(build[2]))
	command.Dir = ".."
	command.Env = append(os.Environ(), "TARGETOS=linux", "TARGETARCH="+runtime.GOARCH, "VERSION=v1.2.3")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", command.Args, err, out)
	}
	program, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	for _, part := range program.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			t.Errorf("the program is not static: it has a part %v", part.Type)
		}
	}
	out, err := exec.CommandContext(t.Context(), binary, "version", "--client").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "v1.2.3") {
		t.Errorf("version: %v\n%s", err, out)
	}
}
