package commands

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// limited runs command lines on a datastore in a file with an engine that may do little.
type limited struct {
	*testing.T
	store string
	steps int64
}

func (l *limited) run(ctx context.Context, args ...string) (code int, out, err string) {
	l.Helper()
	var stdout, stderr bytes.Buffer
	env := map[string]string{"DATASTORE_TYPE": datastoreLocal, "CALICO_LOCAL_PATH": l.store}
	code = Run(ctx, args, Deps{
		IO: IO{In: strings.NewReader(""), Out: &stdout, Err: &stderr}, Program: "calicoctl", Now: time.Now, Open: openBackend,
		LookupEnv:   func(name string) (string, bool) { value, ok := env[name]; return value, ok },
		EngineSteps: l.steps,
	})
	return code, stdout.String(), stderr.String()
}

// bits are policies that allow what has one of the first bits in both ports in common. They are short, and what they
// allow is in as many pieces as there are pairs of ports.
func bits(count uint) string {
	var b strings.Builder
	for bit := range count {
		name := fmt.Sprintf("bit%d", bit)
		fmt.Fprintf(&b, "---\napiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: %s}\nspec: {order: %d}\n", name, bit)
		fmt.Fprintf(&b, "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: %s.bits}\n", name)
		fmt.Fprintf(&b, "spec:\n  tier: %s\n  selector: all()\n  ingress:\n", name)
		for _, side := range []string{"source", "destination"} {
			for list := range slices.Chunk(without1(15-bit), 50) {
				fmt.Fprintf(&b, "  - {action: Pass, protocol: TCP, %s: {ports: [%s]}}\n", side, strings.Join(list, ", "))
			}
		}
		b.WriteString("  - {action: Allow, protocol: TCP}\n")
	}
	return b.String()
}

// without1 is the ports that do not have a bit: every other block of its size.
func without1(bit uint) (ports []string) {
	size := 1 << bit
	for first := 0; first <= 65535; first += 2 * size {
		ports = append(ports, fmt.Sprintf("'%d:%d'", max(first, 1), first+size-1))
	}
	return ports
}

const bitsNode = `
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: n1, labels: {role: a}}
spec: {node: n1, interfaceName: "*", expectedIPs: [10.0.0.1]}
`

// TestTooComplex is about a policy that cuts traffic into more pieces than an engine may tell apart: every command says
// so, and none gives half an answer for a whole one.
func TestTooComplex(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	node, policy := write("node.yaml", bitsNode), write("bits.yaml", bits(12))
	refused := write("refused.yaml", bits(12)+`---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: node.n2}
spec: {failsafeInboundHostPorts: [{protocol: SCTP, port: 22}]}
`)
	tests := write("tests.yaml", "- {name: t, from: internet, to: n1, deny: [tcp/80]}\n")
	const why = "what becomes of traffic cannot be told: the policies cut traffic into more pieces than can be told apart"
	const blind = "what this write cuts off cannot be told: the policies cut traffic into more pieces than can be told apart"
	l := &limited{T: t, store: filepath.Join(dir, "datastore.db"), steps: 2_000_000}
	for _, test := range []struct {
		args     []string
		code     int
		out, err string
	}{
		{[]string{"apply", "-f", node}, 0, "Successfully applied", ""},
		{[]string{"connectivity", "-f", policy}, 1, "", why},
		{[]string{"diff", "-f", policy}, 1, "then/globalnetworkpolicy/bit0.bits", why},
		{[]string{"diff", "-f", policy, "-o", "json"}, 1, `"traffic": null`, why},
		{[]string{"diff", "-f", policy, "-o", "markdown"}, 1, "bits", why},
		{[]string{"test", tests, "-f", policy}, 1, "", why},
		{[]string{"test", "--init", "-f", policy}, 1, "", why},
		{[]string{"lint", "-f", policy}, 1, "hosts too: the policy is about 1 host endpoint (CL102)", why},
		{[]string{"apply", "-f", policy, "--tests", tests}, 1, "", why},
		{[]string{"apply", "-f", policy, "--guard=refuse"}, 1, "", "nothing was written: what it would cut off cannot be told: "},
		{[]string{"apply", "-f", refused, "--guard=refuse"}, 1, "", "refuses its whole configuration for it, and programs nothing\n"},
		{[]string{"get", "gnps"}, 0, "", ""},
		{[]string{"apply", "-f", policy}, 0, "Successfully applied", "warning: " + blind},
		{[]string{"trace", "--from", "10.0.0.9", "--to", "n1", "--protocol", "tcp", "--port", "32769", "--source-port", "32768"}, 0, "allowed: ", ""},
		{[]string{"trace", "--from", "10.0.0.9", "--to", "n1", "--protocol", "tcp", "--port", "32769"}, 0, "unknown: ", ""},
		{[]string{"trace", "--from", "internet", "--to", "n1", "--protocol", "tcp", "--port", "32769", "--source-port", "32768"}, 0, "because the policies cut traffic into more pieces", ""},
		{
			[]string{"trace", "--from", "10.0.0.9", "--to", "n1", "--protocol", "tcp", "--port", "1", "--source-port", "1", "--fix"},
			0,
			"no change of policy is offered: " + why, "",
		},
	} {
		code, out, err := l.run(t.Context(), test.args...)
		if code != test.code || !strings.Contains(out, test.out) || !strings.Contains(err, test.err) || test.out == "" && test.code == 1 && out != "" {
			t.Errorf("%q exits with %d and says\n%.300s%.300s\nwant %d, %q and %q", test.args, code, out, err, test.code, test.out, test.err)
		}
	}
}

// TestInterrupted ends the work of an engine in the middle.
func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "bits.yaml")
	if err := os.WriteFile(file, []byte(bitsNode+bits(15)), 0o600); err != nil {
		t.Fatal(err)
	}
	l := &limited{T: t, store: filepath.Join(dir, "datastore.db")}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	stopped, stop := context.WithCancel(t.Context())
	context.AfterFunc(ctx, stop)
	started := time.Now()
	code, out, _ := l.run(stopped, "connectivity", "-f", file, "--base", "none")
	if took := time.Since(started); code != exitInterrupted || out != "" || took > 10*time.Second {
		t.Errorf("exits with %d after %s, and says\n%.300s", code, took, out)
	}
}
