package commands

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// feedOf is a node, and a set of addresses that lie apart: it takes many times as many networks to write out the others.
func feedOf(addresses int) string {
	var b strings.Builder
	b.WriteString(strings.Replace(bitsNode, "[10.0.0.1]", "[10.0.0.1], profiles: [projectcalico-default-allow]", 1))
	b.WriteString("---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: {name: threats, labels: {feed: threats}}\nspec:\n  nets:\n")
	for i := range addresses {
		fmt.Fprintf(&b, "  - 11.%d.%d.%d/32\n", i%7*16, i/256, i%256)
	}
	return b.String()
}

const feedPolicy = `
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: block}
spec:
  selector: all()
  types: [Ingress, Egress]
  ingress: [{action: Deny, source: {selector: feed == 'threats'}}, {action: Allow}]
  egress: [{action: Deny, destination: {selector: feed == 'threats'}}, {action: Allow}]
`

// TestLongList is about a list of addresses that is not told in full but where somebody asks for all data: what it takes
// to say it in words does not grow with the networks that the list leaves out.
func TestLongList(t *testing.T) {
	dir := t.TempDir()
	set, block := filepath.Join(dir, "set.yaml"), filepath.Join(dir, "block.yaml")
	for file, text := range map[string]string{set: feedOf(5_000), block: feedPolicy} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const named = "GlobalNetworkSet(threats)"
	l := &limited{T: t, store: filepath.Join(dir, "datastore.db"), steps: 20_000_000}
	for _, test := range []struct {
		args     []string
		code     int
		out, err string
	}{
		{[]string{"apply", "-f", set}, 0, "Successfully applied", ""},
		{[]string{"connectivity", "-f", block}, 0, "anywhere in IPv4 but " + named, ""},
		{[]string{"connectivity", "-f", block, "-o", "csv"}, 0, "anywhere in IPv4 but " + named, ""},
		{[]string{"connectivity", "-f", block, "-o", "json"}, 1, "", "cannot be told"},
		{[]string{"diff", "-f", block}, 3, "to " + named + " leaving n1", ""},
		{[]string{"diff", "-f", block, "-o", "markdown"}, 3, named, ""},
		{[]string{"apply", "-f", block, "--dry-run", "--guard=refuse"}, 3, "", "UDP 123 to " + named},
	} {
		code, out, err := l.run(t.Context(), test.args...)
		if code != test.code || !strings.Contains(out, test.out) || !strings.Contains(err, test.err) {
			t.Errorf("%q exits with %d and says\n%.1500s%.1500s\nwant %d, %q and %q", test.args, code, out, err, test.code, test.out, test.err)
		}
	}
	l.steps = 0
	code, out, err := l.run(t.Context(), "connectivity", "-f", block, "-o", "json")
	if code != 0 || !strings.Contains(out, `"12.0.0.0/6"`) {
		t.Errorf("the whole data: exits with %d and says %.300s%.300s", code, out, err)
	}
}
