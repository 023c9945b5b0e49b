package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// sizeTarget is what the binary may have.
const sizeTarget = 36 * mb

// print writes a line about the circumstances, and the table.
func (b *bench) print(w io.Writer, rows []row) error {
	info, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	table := [][]string{
		{"", "time", "best", "growth", "CPU", "growth", "memory", "target", "", "calicoctl"},
		{":--", "--:", "--:", "--:", "--:", "--:", "--:", "--:", ":--", ":--"},
		sizeCells(info.Size()),
	}
	for _, r := range rows {
		table = append(table, r.cells())
	}
	_, err = fmt.Fprintf(w, "%s %s/%s, %d CPUs%s; runs of each: %d (start-up: %d, 100,000 objects: 1)\n\n%s",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), b.load, b.runs, b.runs*quickRuns, aligned(table))
	return err
}

// load tells how many processes other than this one want a processor, where the system
// knows: times that were measured on a busy machine are not worth much.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	lastMinute, _, ok := strings.Cut(string(text), " ")
	if err != nil || !ok {
		return ""
	}
	return ", load " + lastMinute + " at the start"
}

func sizeCells(size int64) []string {
	r := row{title: "the stripped binary, on disk", target: target{memory: sizeTarget}, known: "97 MB"}
	r.memory = size
	return r.cells()
}

func (r row) cells() []string {
	return []string{
		r.title, duration(r.time), duration(r.best), growth(r.time, r.tenth.time), duration(r.cpu), growth(r.cpu, r.tenth.cpu),
		megabytes(r.memory), r.target.String(), r.target.verdict(r.usage), r.known,
	}
}

func (t target) String() string {
	var parts []string
	if t.time > 0 {
		parts = append(parts, strings.Replace(duration(t.time), ".0 ", " ", 1))
	}
	if t.memory > 0 {
		parts = append(parts, fmt.Sprintf("%d MB", t.memory/mb))
	}
	return strings.Join(parts, ", ")
}

func (t target) verdict(used usage) string {
	var over []string
	if t.time > 0 && used.time > t.time {
		over = append(over, "time")
	}
	if t.memory > 0 && used.memory > t.memory {
		over = append(over, "memory")
	}
	switch {
	case t == target{}:
		return ""
	case len(over) == 0:
		return "met"
	default:
		return "over: " + strings.Join(over, ", ")
	}
}

// aligned is a Markdown table that can be read as it is. The second line says how
// columns are aligned.
func aligned(table [][]string) string {
	widths := make([]int, len(table[0]))
	for _, cells := range table {
		for i, cell := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for line, cells := range table {
		for i, cell := range cells {
			fill := " "
			if line == 1 {
				fill = "-"
			}
			padding := strings.Repeat(fill, widths[i]-utf8.RuneCountInString(cell))
			switch left := strings.HasPrefix(table[1][i], ":"); {
			case left:
				cell += padding
			default:
				cell = padding + cell
			}
			b.WriteString("| " + cell + " ")
		}
		b.WriteString("|\n")
	}
	return b.String()
}

// duration has about three digits.
func duration(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d < 100*time.Millisecond:
		return strconv.FormatFloat(d.Seconds()*1000, 'f', 1, 64) + " ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s"
	default:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
}

func megabytes(bytes int64) string {
	if bytes == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(bytes)/mb, 'f', 1, 64) + " MB"
}

func growth(now, tenth time.Duration) string {
	if tenth == 0 {
		return ""
	}
	return "×" + strconv.FormatFloat(float64(now)/float64(tenth), 'f', 1, 64)
}

// grouped is a number with a comma after thousands.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
