package output

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/edfb3db0/calicoctl/resources"
)

// EventType says what happened to an object.
type EventType string

// The event types, as kubectl names them. Objects that are there from the start are added too.
const (
	Added    EventType = "ADDED"
	Modified EventType = "MODIFIED"
	Deleted  EventType = "DELETED"
)

// Event is a change to print.
type Event struct {
	Type   EventType
	Kind   *resources.Kind
	Object resources.Object
}

// StreamPrinter writes events as they come. Those that are printed together share the widths of a table.
type StreamPrinter func(w io.Writer, events []Event) error

// NewStream finds the stream printer for a value of --output. Tables have a first column EVENT; JSON is one
// object a line, with type and object; in YAML a comment before each document has the type.
func NewStream(format string) (StreamPrinter, error) {
	name, argument, _ := strings.Cut(format, "=")
	switch {
	case format == "ps" || format == "wide":
		return streamTables(func(kind *resources.Kind) ([]resources.Column[resources.Object], error) {
			return columnsOf(kind, format == "wide"), nil
		}), nil
	case name == "custom-columns" && argument != "":
		return streamTables(func(kind *resources.Kind) ([]resources.Column[resources.Object], error) {
			return chosen(kind, strings.Split(argument, ","))
		}), nil
	case format == "json":
		return eachEvent(streamJSON), nil
	case format == "yaml" || format == "yml":
		return eachEvent(streamYAML), nil
	case format == "name":
		return eachEvent(streamNames), nil
	}
	if _, err := New(format); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("-o %s cannot be watched; write ps, wide, custom-columns=, json, yaml or name", name)
}

func eachEvent(print func(io.Writer, Event) error) StreamPrinter {
	return func(w io.Writer, events []Event) error {
		for _, e := range events {
			if err := print(w, e); err != nil {
				return err
			}
		}
		return nil
	}
}

func streamJSON(w io.Writer, e Event) error {
	text, err := json.Marshal(map[string]any{"type": e.Type, "object": e.Object})
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

func streamYAML(w io.Writer, e Event) error {
	object, err := json.Marshal(e.Object)
	if err != nil {
		return err
	}
	text, err := yaml.JSONToYAML(resources.YAMLSafeJSON(object))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "---\n# %s\n%s", e.Type, text)
	return err
}

func streamNames(w io.Writer, e Event) error {
	note := ""
	if e.Type == Deleted {
		note = " deleted"
	}
	_, err := fmt.Fprintf(w, "%s/%s%s\n", strings.ToLower(e.Kind.Name), Escape(e.Object.GetName()), note)
	return err
}

// eventWidth is that of the longest event type.
const eventWidth = len(Modified)

// streamTables writes a row for each event, and a heading where the kind changes. Columns get wider as longer cells
// come; what is printed stays as it is.
func streamTables(columns func(*resources.Kind) ([]resources.Column[resources.Object], error)) StreamPrinter {
	widths := map[*resources.Kind][]int{}
	var heading *resources.Kind
	return func(w io.Writer, events []Event) error {
		for start := 0; start < len(events); {
			kind, end := events[start].Kind, start
			for end < len(events) && events[end].Kind == kind {
				end++
			}
			shown, err := columns(kind)
			if err != nil {
				return err
			}
			table := eventTable(shown, events[start:end])
			if widths[kind] == nil {
				widths[kind] = make([]int, len(table.Header))
				widths[kind][0] = eventWidth
			}
			widths[kind] = table.widths(widths[kind])
			if err := table.write(w, widths[kind], heading != kind); err != nil {
				return err
			}
			heading, start = kind, end
		}
		return nil
	}
}

// eventTable has the event types before the columns of the objects.
func eventTable(columns []resources.Column[resources.Object], events []Event) Table {
	objects := make([]resources.Object, len(events))
	for i, e := range events {
		objects[i] = e.Object
	}
	t := tableOf(columns, objects)
	t.Header = append([]string{"EVENT"}, escaped(t.Header)...)
	for i, e := range events {
		t.Rows[i] = append([]string{string(e.Type)}, escaped(t.Rows[i])...)
	}
	return t
}
