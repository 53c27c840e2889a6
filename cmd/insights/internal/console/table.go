package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// Table writes rows under a header (nil = none), in columns as wide as they need to
// be; on a terminal cells are cut so that each row stays on its line.
func (c *Console) Table(header []string, rows [][]string) {
	if c.JSON {
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
	limits := columnWidths(cells, c.Width())
	w := tabwriter.NewWriter(c.Out, 0, 0, columnGap, ' ', 0)
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

// List writes a result of any length as one JSON list, element by element.
type List struct {
	out *Console
	n   int
	Err error // the first that Add met
}

// List begins a list.
func (c *Console) List() *List { return &List{out: c} }

// Add writes an element under --json, and reports whether it did.
func (l *List) Add(v any) bool {
	if !l.out.JSON {
		return false
	}
	before := ",\n  "
	if l.n == 0 {
		before = "[\n  "
	}
	l.n++
	text, err := json.MarshalIndent(v, "  ", "  ")
	if err == nil {
		_, err = fmt.Fprintf(l.out.Out, "%s%s", before, escaped(text))
	}
	l.Err = errors.Join(l.Err, err)
	return true
}

// End ends the list under --json, and reports whether it did.
func (l *List) End() (bool, error) {
	if !l.out.JSON {
		return false, nil
	}
	end := "\n]\n"
	if l.n == 0 {
		end = "[]\n"
	}
	_, err := fmt.Fprint(l.out.Out, end)
	return true, errors.Join(l.Err, err)
}
