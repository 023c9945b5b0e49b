package selector_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"github.com/edfb3db0/calicoctl/selector"
)

const corpusFile = "../testdata/selectors/selectors.jsonl"

// recorded is one line of the corpus: a result, or (with Error) a refusal.
type recorded struct {
	Case      string            `json:"case"`
	Group     string            `json:"group"`
	Expr      string            `json:"expr"`
	Labels    map[string]string `json:"labels"`
	Want      bool              `json:"want"`
	Canonical string            `json:"canonical"`
	Error     string            `json:"error"`
}

func readCorpus(t testing.TB) []recorded {
	t.Helper()
	file, err := os.Open(corpusFile)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []recorded
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("the corpus is empty")
	}
	return all
}

func TestCorpus(t *testing.T) {
	results, refusals := map[string]int{}, map[string]int{}
	all := readCorpus(t)
	for _, r := range all {
		s, err := selector.Parse(r.Expr)
		if r.Error != "" {
			refusals[r.Group]++
			if err == nil {
				t.Errorf("%s: Parse(%q) = %s, want an error such as %q", r.Case, r.Expr, s, r.Error)
			} else if !errors.As(err, new(*selector.ParseError)) {
				t.Errorf("%s: Parse(%q): %T, want a *ParseError", r.Case, r.Expr, err)
			}
			continue
		}
		results[r.Group]++
		if err != nil {
			t.Errorf("%s: Parse(%q): %v", r.Case, r.Expr, err)
			continue
		}
		if got := s.String(); got != r.Canonical {
			t.Errorf("%s: Parse(%q) = %s, want %s", r.Case, r.Expr, got, r.Canonical)
		}
		if got := s.Matches(r.Labels); got != r.Want {
			t.Errorf("%s: %s matches %v: %t, want %t", r.Case, r.Expr, r.Labels, got, r.Want)
		}
	}
	t.Logf("%d cases; results %v, refusals %v", len(all), results, refusals)
}

// The naive implementation of these tests is held to the same facts.
func TestCorpusNaive(t *testing.T) {
	for _, r := range readCorpus(t) {
		n, ok := naiveParse(r.Expr)
		if ok != (r.Error == "") {
			t.Errorf("%s: naive Parse(%q) is %t", r.Case, r.Expr, ok)
		} else if ok && (n.canonical() != r.Canonical || n.matches(r.Labels) != r.Want) {
			t.Errorf("%s: naive Parse(%q) = %s, %t", r.Case, r.Expr, n.canonical(), n.matches(r.Labels))
		}
	}
}
