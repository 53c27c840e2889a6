package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/scaledbydesign/insights/content"
)

// output is how commands speak: results on stdout, everything else on stderr. It
// is the only place that knows about terminals.
type output struct {
	stdout *result
	stderr io.Writer
	json   bool // --json: one document on stdout
}

// result is stdout. It remembers whether something could not be written, so that
// a result cut short does not count as success.
type result struct {
	io.Writer
	err error
}

func (r *result) Write(b []byte) (int, error) {
	n, err := r.Writer.Write(b)
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("the result could not be written: %w", err)
	}
	return n, err
}

// line writes a line of a command's result; nothing under --json.
func (o *output) line(format string, args ...any) {
	if !o.json {
		fmt.Fprint(o.stdout, plain(format, args))
	}
}

// plain is lines for a person. Parts of them may be of a stranger's file or of
// another server, and are not to steer the terminal.
func plain(format string, args []any) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return printable(r)
	}, fmt.Sprintf(format, args...)) + "\n"
}

// note writes a line about what is going on.
func (o *output) note(format string, args ...any) { fmt.Fprint(o.stderr, plain(format, args)) }

// problem writes what went wrong.
func (o *output) problem(format string, args ...any) { fmt.Fprint(o.stderr, plain(format, args)) }

// item writes a label and what it stands for, beside it; on a terminal in as many
// lines as that needs.
func (o *output) item(label, text string) {
	const indent = 9
	room := max(o.width()-indent-1, minColumn)
	var line string
	for _, word := range strings.Fields(strings.Map(printable, text)) {
		if line != "" && o.width() > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > room {
			o.line("%-*s%s", indent, label, line)
			label, line = "", ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	o.line("%-*s%s", indent, label, line)
}

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

// list writes a result of any length as one JSON list, element by element.
type list struct {
	out *output
	n   int
	err error
}

func (o *output) list() *list { return &list{out: o} }

// add writes an element under --json, and reports whether it did.
func (l *list) add(v any) bool {
	if !l.out.json {
		return false
	}
	before := ",\n  "
	if l.n == 0 {
		before = "[\n  "
	}
	l.n++
	text, err := json.MarshalIndent(v, "  ", "  ")
	if err == nil {
		_, err = fmt.Fprintf(l.out.stdout, "%s%s", before, text)
	}
	l.err = errors.Join(l.err, err)
	return true
}

// end ends the list under --json, and reports whether it did.
func (l *list) end() (bool, error) {
	if !l.out.json {
		return false, nil
	}
	end := "\n]\n"
	if l.n == 0 {
		end = "[]\n"
	}
	_, err := fmt.Fprint(l.out.stdout, end)
	return true, errors.Join(l.err, err)
}

// clear makes room for the next picture of something that is watched.
func (o *output) clear() {
	if isTerminal(o.stdout.Writer) {
		fmt.Fprint(o.stdout, "\x1b[H\x1b[2J")
	} else {
		o.line("")
	}
}

// table writes rows under a header (nil = none), in columns as wide as they need to
// be; on a terminal cells are cut so that each row stays on its line.
func (o *output) table(header []string, rows [][]string) {
	if o.json {
		return
	}
	var cells [][]string
	if header != nil {
		cells = append(cells, header)
	}
	for _, row := range rows {
		clean := make([]string, len(row))
		for i, cell := range row {
			clean[i] = strings.Map(printable, cell)
		}
		cells = append(cells, clean)
	}
	limits := columnWidths(cells, o.width())
	w := tabwriter.NewWriter(o.stdout, 0, 0, columnGap, ' ', 0)
	for _, row := range cells {
		for i, cell := range row {
			row[i] = cut(cell, limits[i])
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
}

const (
	columnGap = 2
	minColumn = 12 // no column is cut to less
)

// columnWidths is how wide each column may be within a width (0 = any): the last
// gives way first, then the widest.
func columnWidths(cells [][]string, width int) []int {
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	total := columnGap * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	for ; width > 0 && total > width; total-- {
		next := len(widths) - 1
		if widths[next] <= minColumn {
			next = slices.Index(widths, slices.Max(widths))
		}
		if widths[next] <= minColumn {
			break
		}
		widths[next]--
	}
	return widths
}

func cut(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}

// printable keeps what others wrote, such as a server's answer, from steering the
// terminal or the table.
func printable(r rune) rune {
	if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
		return ' '
	}
	return r
}

// width is the terminal's, or 0 when stdout is none: files and pipes get whole lines.
func (o *output) width() int {
	f, ok := o.stdout.Writer.(*os.File)
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

// duration is a span as people read it: "5 minutes", "1 hour 30 minutes".
func duration(d time.Duration) string {
	var parts []string
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := int(d / unit.size); n > 0 {
			parts = append(parts, count(n, unit.name))
			d %= unit.size
		}
	}
	if len(parts) == 0 {
		return d.String()
	}
	return strings.Join(parts, " ")
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

// suggestion is "; did you mean X?" when a known word is near, else "". What all
// variables begin with makes none of them near.
func suggestion(word string, known []string) string {
	stems := make([]string, len(known))
	for i, k := range known {
		stems[i] = strings.TrimPrefix(k, envPrefix)
	}
	near := slices.Index(stems, content.Nearest(strings.TrimPrefix(word, envPrefix), stems))
	if near < 0 {
		return ""
	}
	return "; did you mean " + known[near] + "?"
}

// dash stands for an empty cell.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
