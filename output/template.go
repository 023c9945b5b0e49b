package output

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/template"

	"github.com/edfb3db0/calicoctl/resources"
)

// goTemplate runs a template once over the slice of all results. Fields have their Go
// names: {{range .}}{{range .Items}}{{.Name}}{{end}}{{end}} for a list.
func goTemplate(text string) (Printer, error) {
	t, err := template.New("get").Funcs(template.FuncMap{
		"join":            joinList,
		"joinAndTruncate": joinAndTruncate,
		"config":          config,
	}).Parse(text)
	if err != nil {
		return nil, err
	}
	return func(w io.Writer, results []Result) error {
		values := make([]any, len(results))
		for i, r := range results {
			values[i] = r.value()
		}
		return t.Execute(w, values)
	}, nil
}

// joinList writes the elements of a list with a separator between them.
func joinList(list any, separator string) (string, error) {
	v := reflect.ValueOf(list)
	if v.Kind() != reflect.Slice {
		return "", fmt.Errorf("join: expected a list, found %T", list)
	}
	parts := make([]string, v.Len())
	for i := range parts {
		parts[i] = fmt.Sprint(v.Index(i).Interface())
	}
	return strings.Join(parts, separator), nil
}

// joinAndTruncate is joinList, cut to a length in bytes and then marked with "...".
func joinAndTruncate(list any, separator string, length int) (string, error) {
	text, err := joinList(list, separator)
	if err != nil || len(text) <= length || length < 0 {
		return text, err
	}
	return strings.ToValidUTF8(text[:length], "") + "...", nil
}

// config gives a setting of the whole cluster by name.
func config(name string) (string, error) {
	if !strings.EqualFold(name, "asnumber") {
		return "", fmt.Errorf("config: unknown setting %q; known is asnumber", name)
	}
	return resources.DefaultASNumber, nil
}
