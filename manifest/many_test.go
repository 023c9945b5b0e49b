package manifest

import (
	"strings"
	"testing"
)

// TestManyMistakes finds the place of every mistake of one large document. If each place
// were looked for from the start again, this would take minutes.
func TestManyMistakes(t *testing.T) {
	const n = 5000
	text := "apiVersion: v1\nkind: List\nitems:\n" + strings.Repeat("- apiVersion: projectcalico.org/v3\n  kind: Tier\n  metadata: {name: t}\n  spec: {order: 1}\n", n)
	items, _, mistakes := parse(t.Context(), split("f.yaml", []byte(text)), Options{})
	if len(items) != n || len(mistakes) > 0 {
		t.Fatal(len(items), mistakes)
	}
	last := items[n-1].Mistake("spec.order", "x")
	for _, item := range items {
		if m := item.Mistake("spec.order", "x"); m.Excerpt != last.Excerpt {
			t.Fatalf("excerpt %q, want %q", m.Excerpt, last.Excerpt)
		}
	}
	if want := "f.yaml:20003:17: Tier(t) spec.order: x"; last.String() != want {
		t.Errorf("got %s, want %s", last, want)
	}
}
