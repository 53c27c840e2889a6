package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// output is how commands speak: results on stdout, everything else on stderr. It
// is the only place that knows about terminals.
type output struct {
	stdout, stderr io.Writer
	json           bool // --json: one document on stdout
}

// line writes a line of a command's result; nothing under --json.
func (o *output) line(format string, args ...any) {
	if !o.json {
		fmt.Fprintf(o.stdout, format+"\n", args...)
	}
}

// note writes a line about what is going on.
func (o *output) note(format string, args ...any) { fmt.Fprintf(o.stderr, format+"\n", args...) }

// problem writes what went wrong.
func (o *output) problem(format string, args ...any) { fmt.Fprintf(o.stderr, format+"\n", args...) }

// document writes a command's result as JSON under --json and reports whether it
// did.
func (o *output) document(v any) (bool, error) {
	if !o.json {
		return false, nil
	}
	encoder := json.NewEncoder(o.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return true, encoder.Encode(v)
}

// table writes rows under a header, in columns as wide as they need to be. The
// last column is cut where the terminal ends.
func (o *output) table(header []string, rows [][]string) {
	if o.json {
		return
	}
	w := tabwriter.NewWriter(o.stdout, 0, 0, 2, ' ', 0)
	width := o.width()
	cut := tableCutter(header, rows, width)
	fmt.Fprintln(w, strings.Join(header, "\t"))
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(cut(row), "\t"))
	}
	w.Flush()
}

// tableCutter shortens the widest column so that lines fit a width (0 = any).
func tableCutter(header []string, rows [][]string, width int) func([]string) []string {
	widths := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	total, widest := 0, 0
	for i, w := range widths {
		total += w + 2
		if w > widths[widest] {
			widest = i
		}
	}
	limit := widths[widest] - (total - 2 - width)
	if width == 0 || total-2 <= width || limit < 12 {
		return func(row []string) []string { return row }
	}
	return func(row []string) []string {
		row = append([]string(nil), row...)
		if cell := []rune(row[widest]); len(cell) > limit {
			row[widest] = string(cell[:limit-1]) + "…"
		}
		return row
	}
}

// width is the terminal's, or 0 when stdout is none: files and pipes get whole lines.
func (o *output) width() int {
	f, ok := o.stdout.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// isTerminal reports whether a person can be asked.
func isTerminal(r any) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// moment is a time as people read it, with its zone.
func moment(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(zone).Format("2006-01-02 15:04 MST")
}

// stamp is a time for programs: RFC 3339, or null.
func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// count is a number with its noun: "1 reader", "1,842 readers".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(n) + " " + noun + "s"
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// dash stands for an empty cell.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
