package resources_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/edfb3db0/calicoctl/resources"
)

// TestAll holds every kind against what commands rely on.
func TestAll(t *testing.T) {
	words := map[string]string{}
	for _, k := range resources.All() {
		t.Run(k.Name, func(t *testing.T) {
			for _, word := range k.Aliases {
				if other, taken := words[word]; taken {
					t.Errorf("%s is a word for %s too", word, other)
				}
				words[word] = k.Name
				if found, ok := resources.ByWord(strings.ToUpper(word)); !ok || found != k {
					t.Errorf("ByWord(%s) does not find the kind", word)
				}
			}
			for _, word := range []string{strings.ToLower(k.Name), k.Plural} {
				if !slices.Contains(k.Aliases, word) {
					t.Errorf("%s is no word for it", word)
				}
			}
			if found, ok := resources.ByName(k.Name); !ok || found != k {
				t.Error("ByName does not find the kind")
			}
			if k.Columns[0].Header != "NAME" || k.Columns[0].Wide {
				t.Error("the first column is not NAME")
			}
			for _, link := range []string{k.Needs.Kind, k.PartOf.Kind} {
				if _, ok := resources.ByName(link); link != "" && !ok {
					t.Errorf("it is linked to %s, which is no kind", link)
				}
			}
			checkNew(t, k)
		})
	}
}

// checkNew makes an empty object of a kind and puts it through everything.
func checkNew(t *testing.T, k *resources.Kind) {
	o := k.New()
	o.SetName("x")
	for _, c := range k.Columns {
		_ = c.Cell(o) // an object without a spec is shown too
	}
	k.Default(o)
	_ = k.Validate(o)
	if key, ok := resources.KeyOf(o); !ok || key != k.Key("x") || key.String() != k.Name+"(x)" {
		t.Errorf("KeyOf gives %v", key)
	}
	text, err := json.Marshal(k.NewList("7", []resources.Object{o}))
	if err != nil {
		t.Fatal(err)
	}
	head := `{"kind":"` + k.Name + `List","apiVersion":"projectcalico.org/v3","metadata":{"resourceVersion":"7"},"items":[{"kind":"` + k.Name + `",`
	if diff := cmp.Diff(head, string(text[:min(len(text), len(head))])); diff != "" {
		t.Error(diff)
	}
}

// TestNearest finds what somebody probably meant, and nothing else.
func TestNearest(t *testing.T) {
	candidates := []string{"ingress", "egress", "order", "hep"}
	for word, want := range map[string]string{
		"ingres": "ingress", "INGRESS": "ingress", "oredr": "order", "odrer": "order", "heo": "hep",
		"xyz": "", "": "", "ingresssss": "",
	} {
		if got, ok := resources.Nearest(word, candidates); got != want && (ok || want != "") {
			t.Errorf("Nearest(%q) = %q, %v; want %q", word, got, ok, want)
		}
	}
}
