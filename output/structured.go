package output

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/edfb3db0/calicoctl/resources"
)

// document is what YAML and JSON show: one result as it is, several as an array, none
// as nothing at all.
func document(results []Result) any {
	if len(results) == 1 {
		return results[0].value()
	}
	values := make([]any, len(results))
	for i, r := range results {
		values[i] = r.value()
	}
	return values
}

func printYAML(w io.Writer, results []Result) error {
	if len(results) == 0 {
		return nil
	}
	asJSON, err := json.Marshal(document(results))
	if err != nil {
		return err
	}
	text, err := yaml.JSONToYAML(resources.YAMLSafeJSON(asJSON))
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

func printJSON(w io.Writer, results []Result) error {
	if len(results) == 0 {
		return nil
	}
	text, err := json.MarshalIndent(document(results), "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// printNames writes kind/name for each object, in the form that scripts pass on.
func printNames(w io.Writer, results []Result) error {
	b := bufio.NewWriter(w)
	for _, r := range results {
		for _, o := range r.objects() {
			if _, err := fmt.Fprintf(b, "%s/%s\n", strings.ToLower(r.Kind.Name), Escape(o.GetName())); err != nil {
				return err
			}
		}
	}
	return b.Flush()
}
