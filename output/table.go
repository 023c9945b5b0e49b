package output

import (
	"io"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// Table is a heading and rows of the same length.
type Table struct {
	Header []string
	Rows   [][]string
}

// padding follows every cell.
const padding = "   "

// Render writes the table and an empty line. Control characters in cells are escaped.
func (t Table) Render(w io.Writer) error {
	table := tablewriter.NewTable(w,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})),
		tablewriter.WithConfig(tablewriter.Config{Header: cells(), Row: cells()}),
	)
	table.Header(escaped(t.Header))
	for _, row := range t.Rows {
		if err := table.Append(escaped(row)); err != nil {
			return err
		}
	}
	if err := table.Render(); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func cells() tw.CellConfig {
	return tw.CellConfig{
		Formatting: tw.CellFormatting{AutoFormat: tw.Off, AutoWrap: tw.WrapNone},
		Alignment:  tw.CellAlignment{Global: tw.AlignLeft},
		Padding:    tw.CellPadding{Global: tw.Padding{Right: padding, Overwrite: true}},
	}
}

func escaped(row []string) []string {
	out := make([]string, len(row))
	for i, cell := range row {
		out[i] = Escape(cell)
	}
	return out
}
