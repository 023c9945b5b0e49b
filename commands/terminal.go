package commands

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fatih/color"
	"github.com/schollz/progressbar/v3"

	"github.com/edfb3db0/calicoctl/autohep"
	"github.com/edfb3db0/calicoctl/datastore"
	"github.com/edfb3db0/calicoctl/output"
)

func paint(text string, attributes ...color.Attribute) string {
	c := color.New(attributes...)
	c.EnableColor()
	return c.Sprint(text)
}

func red(text string) string    { return paint(text, color.FgRed) }
func green(text string) string  { return paint(text, color.FgGreen) }
func yellow(text string) string { return paint(text, color.FgYellow) }
func bold(text string) string   { return paint(text, color.Bold) }

// showEvents writes events. On a terminal everything that it would obey is escaped first.
func (d *Deps) showEvents(print output.StreamPrinter, events []output.Event) error {
	if !d.OutTerminal {
		return print(d.Out, events)
	}
	return print(output.EscapingWriter(d.Out), events)
}

// show writes what a printer prints. On a terminal everything that it would obey is
// escaped first, and the headings of tables are bold.
func (d *Deps) show(print output.Printer, results []output.Result, tables bool) error {
	if !d.OutTerminal {
		return print(d.Out, results)
	}
	w := output.EscapingWriter(d.Out)
	if !tables || !d.Color {
		return print(w, results)
	}
	var b bytes.Buffer
	if err := print(&b, results); err != nil {
		return err
	}
	heading := true
	for line := range strings.Lines(b.String()) {
		text := output.EscapeLines(line)
		if heading {
			text = bold(strings.TrimSuffix(text, "\n")) + "\n"
		}
		if _, err := io.WriteString(d.Out, text); err != nil {
			return err
		}
		heading = line == "\n"
	}
	return nil
}

// progressAfter is how long work may take before its progress is shown.
const progressAfter = time.Second

// progress returns a function to call after each of total steps. On a terminal, a bar
// appears once the work has taken a while; done removes it.
func (d *Deps) progress(total int) (step, done func()) {
	if !d.ErrTerminal {
		return func() {}, func() {}
	}
	started, steps := d.Now(), 0
	var bar *progressbar.ProgressBar
	step = func() {
		steps++
		if bar == nil && d.Now().Sub(started) > progressAfter {
			bar = progressbar.NewOptions(total,
				progressbar.OptionSetWriter(d.Err), progressbar.OptionClearOnFinish(),
				progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond),
				progressbar.OptionEnableColorCodes(false))
		}
		if bar != nil {
			_ = bar.Set(steps) // a bar that cannot be drawn is no reason to stop
		}
	}
	return step, func() {
		if bar != nil {
			_ = bar.Finish()
		}
	}
}

// summarize tells a person what was really done.
func (d *Deps) summarize(results []datastore.Result, automatic autohep.Result, started time.Time) {
	if !d.ErrTerminal {
		return
	}
	count := map[datastore.Action]int{}
	parts := 0
	for _, r := range results {
		if r.Err == nil {
			count[r.Action]++
		}
		parts += len(r.Parts)
	}
	var words []string
	add := func(n int, text string) {
		if n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, text))
		}
	}
	for _, a := range []datastore.Action{
		datastore.Created, datastore.Configured, datastore.Unchanged, datastore.Deleted, datastore.Skipped,
	} {
		add(count[a], string(a))
	}
	add(parts, "deleted with them")
	add(automatic.Created, "automatic host endpoint(s) created")
	add(automatic.Updated, "automatic host endpoint(s) updated")
	add(automatic.Deleted, "automatic host endpoint(s) deleted")
	if len(words) > 0 {
		d.say(fmt.Sprintf("%s in %s", strings.Join(words, ", "), d.Now().Sub(started).Round(time.Millisecond)))
	}
}
