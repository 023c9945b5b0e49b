package commands

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"
)

// nastyMemory is enough for a command to deal with a megabyte of anything.
const nastyMemory = 64 << 20

// TestNasty validates a megabyte of each thing that the rules of a kind look closely at, and patches with a megabyte of others.
func TestNasty(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // garbage is not in use
	const policy = "{apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {name: p}, spec: {"
	const auto = "{apiVersion: projectcalico.org/v3, kind: KubeControllersConfiguration, metadata: {name: default}, " +
		"spec: {controllers: {node: {hostEndpoint: {templates: ["
	inputs := map[string]string{
		"documents, all wrong": nastyFill(policy + "tier: A_b, types: [x, y, z]}}\n---\n"),
		"rules, all wrong":     policy + "ingress: [" + nastyFill("{action: allow, protocol: tcp}, ") + "]}}",
		"nets, all wrong":      policy + "ingress: [{action: Allow, source: {nets: [" + nastyFill("10.0.0.1/8, ") + "]}}]}}",
		"nets, all different":  policy + "ingress: [{action: Allow, source: {nets: [" + nastyNumbered("10.%d.0.0/16, ") + "]}}]}}",
		"templates":            auto + nastyNumbered("{generateName: t%d, interfacePattern: 'eth[0-9]{1,3}'}, ") + "]}}}}}",
		"templates, large":     auto + nastyNumbered("{generateName: t%d, interfacePattern: '.{1000}.{1000}.{1000}'}, ") + "]}}}}}",
		"templates, classes":   auto + nastyNumbered("{generateName: t%d, interfacePattern: '\\pL\\pL\\pL\\pL\\pL'}, ") + "]}}}}}",
		"templates, selectors": auto + nastyNumbered("{generateName: t%d, interfacePattern: a, nodeSelector: '((((('}, ") + "]}}}}}",
	}
	for _, unit := range []string{
		"(", "!(", "[", ".{1000}", `\pL`, "(a|b)*", "has(a)||", "a in {", "\x01",
	} {
		value := nastyValue(unit)
		inputs[fmt.Sprintf("a pattern of %q", unit)] = auto + "{generateName: a, interfacePattern: " + value + "}]}}}}}"
		inputs[fmt.Sprintf("a selector of %q", unit)] = auto + "{generateName: a, interfacePattern: a, nodeSelector: " + value + "}]}}}}}"
	}
	for _, unit := range []string{"A", "0", "\x01"} {
		value := nastyValue(unit)
		inputs[fmt.Sprintf("a net of %q", unit)] = policy + "ingress: [{action: Allow, source: {nets: [" + value + "]}}]}}"
		inputs[fmt.Sprintf("a port of %q", unit)] = policy + "ingress: [{action: Allow, protocol: TCP, destination: {ports: [" + value + "]}}]}}"
		inputs[fmt.Sprintf("a name of %q", unit)] = "{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {name: " + value + "}}"
		inputs[fmt.Sprintf("a label of %q", unit)] = "{apiVersion: projectcalico.org/v3, kind: Tier, metadata: {name: t, labels: {" + value + ": a, b: " + value + "}}}"
	}
	for _, kind := range patchTypes {
		inputs["patch "+kind+", numbers"] = "[" + nastyFill("1,") + "1]"
		inputs["patch "+kind+", operations"] = "[" + nastyFill(`{"op": "add", "path": "/metadata/labels/a", "value": "b"}, `) + `{}]`
		inputs["patch "+kind+", labels"] = "{metadata: {labels: {" + nastyNumbered("a%d: b, ") + "}}}"
		inputs["patch "+kind+", depth"] = nastyFill("[")
		inputs["patch "+kind+", aliases"] = "a: &a [" + nastyFill("x, ")[:nastySize/8] + "]\nb: [" + nastyFill("*a, ")[:nastySize/8] + "]\n"
		inputs["patch "+kind+", text"] = "{metadata: {annotations: {a: " + nastyValue("x") + "}}}"
	}
	var slowest, largest string
	var longest time.Duration
	var most uint64
	for name, text := range inputs {
		file := filepath.Join(t.TempDir(), "f.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		tt := &terminal{t: t, person: true}
		arguments := []string{"validate", "-f", file}
		if kind, ok := strings.CutPrefix(name, "patch "); ok {
			kind, _, _ = strings.Cut(kind, ",")
			arguments = []string{"patch", "tier", "default", "--type", kind, "--patch-file", file}
		}
		var got seen
		started := time.Now()
		memory := heapPeak(func() { got = tt.run(arguments...) })
		took := time.Since(started)
		if memory > nastyMemory {
			t.Errorf("%s: %d MiB", name, memory>>20)
		}
		if got.Code != 1 && got.Code != 0 {
			t.Errorf("%s: exit status %d", name, got.Code)
		}
		if took > longest {
			longest, slowest = took, name
		}
		if memory > most {
			most, largest = memory, name
		}
	}
	t.Logf("the slowest of %d was %s with %s, the largest %s with %d MiB", len(inputs), slowest, longest, largest, most>>20)
}

// heapPeak runs f and says by how many bytes what is alive on the heap has grown meanwhile, at most. What a collection
// found alive is counted, not what lies there: on a busy machine the garbage waits longer.
func heapPeak(f func()) uint64 {
	heap := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	size := func() uint64 {
		metrics.Read(heap)
		return heap[0].Value.Uint64()
	}
	runtime.GC()
	before := size()
	peak := before
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for tick := time.NewTicker(time.Millisecond); ; {
		select {
		case <-done:
			tick.Stop()
			return peak - before
		case <-tick.C:
			peak = max(peak, size())
		}
	}
}

const nastySize = 1 << 20

// nastyValue is a megabyte of units, as a quoted text in YAML.
func nastyValue(unit string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, "\x01", `\x01`).Replace(nastyFill(unit)) + `"`
}

func nastyFill(unit string) string { return strings.Repeat(unit, nastySize/len(unit)) }

func nastyNumbered(format string) string {
	var b strings.Builder
	for i := 0; b.Len() < nastySize; i++ {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}
