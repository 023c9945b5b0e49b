package manifest

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// nastyMemory is enough to read, or refuse, a megabyte of anything.
const nastyMemory = 64 << 20

// TestNasty reads a megabyte of each thing that makes a parser work hard. Memory is all
// that is ever allocated, so it is more than what is in use at any time.
func TestNasty(t *testing.T) {
	const policy = "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata:\n  name: p\n"
	fill := func(n int, unit string) string { return strings.Repeat(unit, n/len(unit)) }
	numbered := func(n int, format string) string {
		var b strings.Builder
		for i := 0; b.Len() < n; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	const whole, half = 1 << 20, 1 << 19
	inputs := map[string]string{
		"anchors":                  "[" + numbered(whole, "&a%d some,") + "]",
		"array of junk":            "[" + fill(whole, "junkjunkjunk,") + "]",
		"directives":               numbered(whole, "%%TAG !%d! b\n") + "--- a\n",
		"documents, JSON":          fill(whole, "{\"aaaa\": 1}\n"),
		"documents, bad":           fill(whole, "--- {some: thing}\n"),
		"documents, long key":      policy + fill(whole, "x") + ": 1\n",
		"documents, only comments": fill(whole, "---\n# comment\n"),
		"fields, duplicate":        policy + "spec:\n" + fill(whole, "  order: 1234\n"),
		"fields, misspelt":         policy + "spec: {" + numbered(whole, "ingres%d: 1,") + "}\n",
		"flow, deep":               fill(whole, "{a: "),
		"flow, in every entry":     fill(whole, "- "+fill(9000, "[")+fill(9000, "]")+"\n"),
		"flow, deep with space":    fill(whole, "- "+fill(54000, "[     ")+fill(54000, "]     ")+"\n"),
		"labels":                   policy + "  labels: {" + numbered(whole, "label%d: value,") + "}\n",
		"labels, coerced":          policy + "  labels: {" + numbered(whole, "label%d: yes,") + "}\n",
		"labels, without a value":  policy + "  labels: {" + numbered(whole, "label-%d,") + "}\n",
		"list of wrong items":      "apiVersion: projectcalico.org/v3\nkind: TierList\nitems:\n" + fill(whole, "- {apiVersion: projectcalico.org/v3, kind: Profile}\n"),
		"long flow line":           policy + "spec: {ingress: [" + fill(whole, "{acshun: Allow}, ") + "]}\n",
		"long number":              policy + "spec: {order: 1" + fill(whole, "_") + "x}\n",
		"merges":                   policy + "  annotations: &a {" + numbered(half, "label%d: value,") + "}\n  labels:\n    <<: [" + fill(half, "*a         ,") + "]\n",
		"aliases of a key":         policy + "  annotations:\n    a: &a " + fill(half, "x") + "\n  labels: {" + fill(half, "*a : value ,") + "}\n",
		"aliases of a number":      policy + "  annotations:\n    a: &a 1" + fill(half, "_") + "\n  finalizers: [" + fill(half, "*a         ,") + "]\n",
		"aliases of a text":        policy + "  managedFields:\n  - fieldsV1:\n      a: &a " + fill(half, "x") + "\n      b: [" + fill(half, "*a         ,") + "]\n",
		"aliases of themselves":    "&a [" + fill(whole, "*a         ,") + "]",
		"values, addresses":        policy + "spec: {ingress: [{source: {nets: [" + fill(whole, "192.0.2.1/32,") + "]}}]}\n",
		"values, empty":            "[" + fill(whole, ",") + "]",
		"values, in documents":     fill(whole, "---\nkind: ["+fill(20000, "1,")+"]\n"),
		"values, numbers":          "[" + fill(whole, "1,") + "]",
		"values, of three parts":   "[" + fill(whole, ": ,          ") + "]",
		"values, block":            fill(whole, "- a:        \n"),
		"values, nested entries":   fill(whole, "- - - a:                 \n"),
	}
	for _, unit := range []string{
		"[", "{", "[]", "- ", "-\n", "? ", "?\n", "a: &a ", "*a,", "\"", "'", ":", ": ", "\n---", "--- a\n", "{}\n", "#\n", "- 1 # c\n",
		"a: 1\n", "<<: *a\n", "!a ", "%", "&a ", "|\n", "\\", "\t", "\r", "\x00", "\u2028", "...\n", "{\"a\":",
	} {
		inputs[fmt.Sprintf("%q", unit)] = fill(whole, unit)
	}
	var slowest, largest string
	var longest time.Duration
	var most uint64
	for name, text := range inputs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		started := time.Now()
		_, warnings, mistakes := parse(t.Context(), split("f.yaml", []byte(text)), Options{})
		took := time.Since(started)
		runtime.ReadMemStats(&after)
		memory := after.TotalAlloc - before.TotalAlloc
		if memory > nastyMemory {
			t.Errorf("%s: %d MiB", name, memory>>20)
		}
		if len(warnings) > MaxMistakes+1 || len(mistakes) > MaxMistakes+1 {
			t.Errorf("%s: %d warnings and %d mistakes", name, len(warnings), len(mistakes))
		}
		if took > longest {
			longest, slowest = took, name
		}
		if memory > most {
			most, largest = memory, name
		}
	}
	t.Logf("the slowest was %s with %s, the largest %s with %d MiB", slowest, longest, largest, most>>20)
}

// TestRefusals shows what is said about input that is not read to its end.
func TestRefusals(t *testing.T) {
	const tier = "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata:\n  name: t\n"
	tooDense := "f.yaml:1: there are too many values in too few bytes: more than 100000, and more than one for every 6 bytes"
	for name, c := range map[string]struct {
		text string
		want []string
		rest string
	}{
		"values":              {text: "[" + strings.Repeat("1,", 60_000) + "]", want: []string{tooDense}},
		"values of documents": {text: strings.Repeat("--- [1,2,3]\n", 20_000), want: []string{tooDense}},
		"values of one document": {
			text: tier + "---\n[" + strings.Repeat("1,", 60_000) + "]\n---\n# " + strings.Repeat("x", 1<<20),
			want: []string{strings.Replace(tooDense, ":1:", ":5:", 1)},
		},
		"directives": {text: strings.Repeat("%YAML 1.1\n", 102) + "---\n" + tier, want: []string{"f.yaml:1: the document has more than 100 directives"}},
		"text of aliases": {
			text: tier + "  annotations:\n    a: &a " + strings.Repeat("x", 1<<20) + "\n    b: *a\n    c: *a\n    d: *a\n    e: *a\n    f: *a\n",
			want: []string{"f.yaml:6:8: Tier(t) metadata.annotations[f]: aliases stand for more than the limit of 4 MiB of text"},
		},
		"mistakes in documents": {
			text: strings.Repeat("--- 1234567890\n", 2000), want: []string{"f.yaml:1001:5: there are more mistakes; mend these first"}, rest: "mistakes",
		},
		"mistakes in a document": {
			text: tier + strings.Repeat("kind: Tier\n", 2000), want: []string{"f.yaml:1005:1: there are more mistakes; mend these first"}, rest: "mistakes",
		},
		"warnings": {
			text: tier + "  labels:\n" + strings.Repeat(" ", 4) + strings.Join(numbers(2000, "a%d: 5"), "\n    ") + "\n",
			want: []string{"f.yaml:1006:12: there are more warnings, which are not shown"}, rest: "warnings",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, warnings, mistakes := parse(t.Context(), split("f.yaml", []byte(c.text)), Options{})
			got := mistakes
			if c.rest == "warnings" {
				got = warnings
			}
			if c.rest != "" && len(got) == MaxMistakes+1 {
				got = got[MaxMistakes:]
			}
			lines := []string{}
			for _, m := range got {
				lines = append(lines, m.String())
			}
			if diff := cmp.Diff(c.want, lines); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func numbers(n int, format string) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf(format, i)
	}
	return lines
}
