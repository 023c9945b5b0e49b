package commands

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/output"
	"github.com/edfb3db0/calicoctl/policy"
)

func (o *connectivityOptions) print(w *words, found []connection) error {
	switch o.format {
	case formatJSON:
		encoder := json.NewEncoder(o.deps.Out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(append([]connection{}, found...))
	case formatCSV:
		return printConnectionsCSV(o.deps.Out, found)
	case formatMarkdown:
		return w.printConnectionsMarkdown(o.deps.Out, found)
	default:
		return w.printConnections(o.deps.Out, found, o.from)
	}
}

// pathWords say what a path is to the nodes.
func pathWords(p policy.Path, nodes int) string {
	words := map[policy.Path][2]string{
		policy.Input: {"accepts", "accept"}, policy.Output: {"may send", "may send"},
		policy.Local: {"may send itself", "may send themselves"}, policy.Forward: {"lets through", "let through"},
	}[p]
	if nodes == 1 {
		return words[0]
	}
	return words[1]
}

// printConnections writes a heading for each class and path, and below it what is open.
func (w *words) printConnections(out io.Writer, found []connection, from string) error {
	var b strings.Builder
	for rest := found; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].sameHeading(&rest[0]) {
			n++
		}
		b.WriteString(output.EscapeLines(w.heading(&rest[0], from)) + "\n")
		width := 0
		for _, c := range rest[:n] {
			width = max(width, len(c.Service))
		}
		for _, c := range rest[:n] {
			if c.nothing {
				continue
			}
			unknown := ""
			if c.Verdict == policy.Unknown {
				unknown = " (unknown)"
			}
			fmt.Fprintf(&b, "  %-*s   %s%s\n", width, c.Service, output.EscapeLines(c.Peers), unknown)
		}
		b.WriteString("\n")
		rest = rest[n:]
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func (c *connection) sameHeading(other *connection) bool {
	return c.Path == other.Path && c.Protected == other.Protected &&
		slices.Equal(c.Nodes, other.Nodes) && slices.Equal(c.Interfaces, other.Interfaces)
}

// heading says whose traffic is listed: "2 nodes (w1, w2) accept by eth0". from is what was asked about.
func (w *words) heading(c *connection, from string) string {
	text := w.nodes(c.Nodes)
	if !c.Protected {
		text += ", without a host endpoint"
	}
	text += " " + pathWords(c.Path, len(c.Nodes))
	if c.nothing {
		text += " nothing"
	}
	if c.nothing && from != "" {
		text += " from " + from
	}
	if len(c.Interfaces) > 0 {
		text += " by " + doorsWords(c.Interfaces)
	}
	return text
}

func printConnectionsCSV(out io.Writer, found []connection) error {
	w := csv.NewWriter(out)
	_ = w.Write([]string{"nodes", "interfaces", "path", "verdict", "service", "peers"}) // Error tells
	for _, c := range found {
		_ = w.Write([]string{strings.Join(c.Nodes, " "), doorsWords(c.Interfaces), string(c.Path), string(c.Verdict), c.Service, c.Peers})
	}
	w.Flush()
	return w.Error()
}

func (w *words) printConnectionsMarkdown(out io.Writer, found []connection) error {
	var b strings.Builder
	b.WriteString("| Nodes | Interfaces | Service | From |\n| :-- | :-- | :-- | :-- |\n")
	for _, c := range found {
		unknown := ""
		if c.Verdict == policy.Unknown {
			unknown = " (unknown)"
		}
		if c.nothing {
			c.Service = "nothing"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s%s |\n",
			cell(cmp.Or(w.nodes(c.Nodes), "-")), cell(cmp.Or(doorsWords(c.Interfaces), "all")), cell(c.Service), cell(c.Peers), unknown)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
