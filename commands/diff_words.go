package commands

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/edfb3db0/calicoctl/output"
	"github.com/edfb3db0/calicoctl/policy"
)

// changes are the changes of traffic in words, one for each way in which it changes.
func (w *words) changes(c policy.Change) []trafficChange {
	var all []trafficChange
	for _, part := range []struct {
		change string
		set    policy.Set
	}{{"closes", c.Denied}, {"opens", c.Allowed}, {"blurs", c.Unknown}} {
		if part.set.Empty() {
			continue
		}
		all = append(all, trafficChange{
			Change: part.change, Path: c.Path, Loopback: c.Loopback, In: c.In, Out: c.Out, Nodes: c.Nodes,
			Texts: w.shortest(part.set, c.Path), set: part.set, where: w.place(c),
		})
	}
	return all
}

// place says where traffic changes: "to 3 nodes (a, b, c)".
func (w *words) place(c policy.Change) string {
	nodes, on := w.nodes(c.Nodes), ""
	if c.In != "" && c.In != "*" && c.Path != policy.Local {
		on += " in by " + doorWords(c.In)
	}
	if c.Out != "" && c.Out != "*" && c.Path != policy.Local {
		on += " out by " + doorWords(c.Out)
	}
	switch {
	case c.Path == policy.Output:
		return "leaving " + nodes + on
	case c.Path == policy.Forward:
		return "through " + nodes + on
	case c.Path == policy.Local && c.Loopback:
		return "(loopback) on " + nodes
	case c.Path == policy.Local:
		return "(own addresses) on " + nodes
	default:
		return "to " + nodes + on
	}
}

// shortest names a set, or what is not in it if that is shorter.
func (w *words) shortest(set policy.Set, path policy.Path) []string {
	texts, _ := w.naming(set, path)
	return texts
}

// naming names a set like shortest. rest is what the set is said to be everything but, nil if it is not said so.
func (w *words) naming(set policy.Set, path policy.Path) (texts []string, rest []policy.Outline) {
	if set.All() {
		return []string{everything}, nil
	}
	all := w.traffic(set, path)
	if w.limited(set, path) { // the rest has all other addresses of the nodes
		return all, nil
	}
	others := set.Complement()
	if text := strings.Join(w.traffic(others, path), "; "); len(text) < len(strings.Join(all, "; ")) {
		return []string{everythingBut + text}, w.open(others)
	}
	return all, nil
}

const everything, everythingBut = "everything", "everything but "

// brief names a set like shortest, and besides with no more than the first few of all that is listed.
func (w *words) brief(set policy.Set, path policy.Path) (texts []string, brief string) {
	texts, rest := w.naming(set, path)
	boxes, before := rest, everythingBut
	switch {
	case set.All():
		return texts, everything
	case rest == nil:
		boxes, before = w.open(set), ""
	}
	var shown []string
	for _, b := range boxes[:min(len(boxes), shownTraffic)] {
		shown = append(shown, serviceInBrief(b.Service, shownPorts)+w.toOrFrom(b, path))
	}
	return texts, before + strings.Join(shown, "; ") + andMore(len(boxes)-shownTraffic)
}

// limited tells whether a set is about some of the nodes' own addresses only.
func (w *words) limited(set policy.Set, path policy.Path) bool {
	return slices.ContainsFunc(w.open(set), func(b policy.Outline) bool {
		return path != policy.Forward && path != policy.Output && !b.Destinations.All() ||
			path != policy.Forward && path != policy.Input && !b.Sources.All()
	})
}

func (o *diffOptions) print(found difference) error {
	out := o.deps.Out
	switch o.format {
	case formatJSON:
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(found)
	case formatMarkdown:
		return found.markdown(out)
	default:
		return o.deps.printDifference(out, found)
	}
}

func (d *Deps) printDifference(out io.Writer, found difference) error {
	var b strings.Builder
	for _, c := range found.Objects {
		for line := range strings.Lines(c.Diff) {
			b.WriteString(d.diffLine(output.EscapeLines(line)))
		}
	}
	if len(found.Objects) > 0 {
		b.WriteString("\n")
	}
	for _, t := range found.Traffic {
		for _, text := range t.Texts {
			fmt.Fprintf(&b, "%s %s %s\n", t.Change, output.EscapeLines(text), output.EscapeLines(t.where))
		}
	}
	if found.Traffic != nil && len(found.Traffic) == 0 && len(found.Objects) > 0 {
		b.WriteString("no traffic is allowed or denied that was not before\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// diffLine colours a line of a unified diff for a person.
func (d *Deps) diffLine(line string) string {
	if !d.OutTerminal || !d.Color {
		return line
	}
	switch line[0] {
	case '+':
		return green(strings.TrimSuffix(line, "\n")) + "\n"
	case '-':
		return red(strings.TrimSuffix(line, "\n")) + "\n"
	}
	return line
}

// markdown writes the difference as a comment for a review.
func (found difference) markdown(out io.Writer) error {
	var b strings.Builder
	switch {
	case len(found.Traffic) > 0:
		b.WriteString("| Change | Traffic | Where |\n| :-- | :-- | :-- |\n")
		for _, t := range found.Traffic {
			for _, text := range t.Texts {
				fmt.Fprintf(&b, "| **%s** | %s | %s |\n", t.Change, cell(text), cell(t.where))
			}
		}
	case found.Traffic == nil:
		b.WriteString("What becomes of traffic cannot be told.\n")
	default:
		b.WriteString("No traffic is allowed or denied that was not before.\n")
	}
	for _, c := range found.Objects {
		fence := "```"
		for strings.Contains(c.Diff, fence) {
			fence += "`"
		}
		fmt.Fprintf(&b, "\n<details><summary>%s %s %s</summary>\n\n%sdiff\n%s%s\n\n</details>\n",
			c.Kind, cell(c.Name), c.Action, fence, output.EscapeLines(c.Diff), fence)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
