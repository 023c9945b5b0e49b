package output

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/edfb3db0/calicoctl/resources"
)

// Result is one answer of the datastore: a whole kind, or one object of it.
type Result struct {
	Kind *resources.Kind
	// List is set for a whole kind, Object for one object.
	List   *resources.List
	Object resources.Object
}

// objects are the result's objects, whichever it is.
func (r Result) objects() []resources.Object {
	if r.List != nil {
		return r.List.Items
	}
	return []resources.Object{r.Object}
}

// value is the List or the Object.
func (r Result) value() any {
	if r.List != nil {
		return r.List
	}
	return r.Object
}

// Printer writes results in one format.
type Printer func(w io.Writer, results []Result) error

// Formats are the values of --output, those that take an argument with "=" at the end.
func Formats() []string {
	return []string{
		"ps", "wide", "yaml", "json", "name",
		"custom-columns=", "go-template=", "go-template-file=",
	}
}

// New finds the printer for a value of --output. It reads the file of go-template-file.
func New(format string) (Printer, error) {
	name, argument, _ := strings.Cut(format, "=")
	switch {
	case format == "ps":
		return printTables(false), nil
	case format == "wide":
		return printTables(true), nil
	case format == "yaml" || format == "yml":
		return printYAML, nil
	case format == "json":
		return printJSON, nil
	case format == "name":
		return printNames, nil
	case name == "custom-columns":
		return customColumns(argument)
	case name == "go-template":
		if argument == "" {
			return nil, fmt.Errorf("need to specify a template")
		}
		return goTemplate(argument)
	case name == "go-template-file":
		if argument == "" {
			return nil, fmt.Errorf("need to specify a template file")
		}
		text, err := os.ReadFile(argument)
		if err != nil {
			return nil, err
		}
		return goTemplate(string(text))
	}
	return nil, fmt.Errorf("unrecognized output format '%s'; the formats are %s", format, strings.Join(Formats(), ", "))
}
