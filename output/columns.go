package output

import (
	"fmt"
	"io"
	"strings"

	"github.com/edfb3db0/calicoctl/resources"
)

// printTables writes a table for each result.
func printTables(wide bool) Printer {
	return func(w io.Writer, results []Result) error {
		for _, r := range results {
			if err := tableOf(columnsOf(r.Kind, wide), r.objects()).Render(w); err != nil {
				return err
			}
		}
		return nil
	}
}

func columnsOf(kind *resources.Kind, wide bool) (columns []resources.Column[resources.Object]) {
	for _, c := range kind.Columns {
		if wide || !c.Wide {
			columns = append(columns, c)
		}
	}
	return columns
}

// customColumns writes the columns that are named, in that order. Names are exact.
func customColumns(argument string) (Printer, error) {
	if argument == "" {
		return nil, fmt.Errorf("need to specify at least one column")
	}
	headers := strings.Split(argument, ",")
	return func(w io.Writer, results []Result) error {
		tables := make([]Table, len(results))
		for i, r := range results {
			columns, err := chosen(r.Kind, headers)
			if err != nil {
				return err
			}
			tables[i] = tableOf(columns, r.objects())
		}
		for _, t := range tables {
			if err := t.Render(w); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func chosen(kind *resources.Kind, headers []string) ([]resources.Column[resources.Object], error) {
	byHeader := map[string]resources.Column[resources.Object]{}
	var valid []string
	for _, c := range kind.Columns {
		byHeader[c.Header] = c
		valid = append(valid, c.Header)
	}
	var columns []resources.Column[resources.Object]
	for _, h := range headers {
		c, ok := byHeader[h]
		if !ok {
			return nil, fmt.Errorf("unknown heading %s, valid values are: %s", h, strings.Join(valid, ", "))
		}
		columns = append(columns, c)
	}
	return columns, nil
}

func tableOf(columns []resources.Column[resources.Object], objects []resources.Object) Table {
	t := Table{Header: make([]string, len(columns)), Rows: make([][]string, len(objects))}
	for i, c := range columns {
		t.Header[i] = c.Header
	}
	for i, o := range objects {
		t.Rows[i] = make([]string, len(columns))
		for j, c := range columns {
			t.Rows[i][j] = c.Cell(o)
		}
	}
	return t
}
