package resources_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/edfb3db0/calicoctl/resources"
)

// TestYAMLSafeJSON: whatever JSON a program writes, a YAML reader finds the same text in it.
func TestYAMLSafeJSON(t *testing.T) {
	for in, want := range map[string]string{
		`"plain \n \u0041"`:                "plain \n A",
		`"\ud83d\ude00 \ud83d x"`:          "😀 � x",
		"\"\x7f \u0085 \u2028 \ufeff é日\"": "\x7f \u0085 \u2028 \ufeff é日",
		`"\\ud83d \\"`:                     `\ud83d \`,
	} {
		var got string
		if err := yaml.Unmarshal(resources.YAMLSafeJSON([]byte(in)), &got); err != nil || got != want {
			t.Errorf("%s is read as %q (%v), want %q", in, got, err, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "text")
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var clean map[string]string
		if err := json.Unmarshal(text, &clean); err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if err := yaml.Unmarshal(resources.YAMLSafeJSON(text), &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if diff := cmp.Diff(clean, got); diff != "" {
			t.Fatal(diff)
		}
	})
}
