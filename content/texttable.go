package content

import (
	"slices"
	"strings"

	extast "github.com/yuin/goldmark/extension/ast"
)

// table renders a table in columns when it fits into width, and otherwise each
// row as a list of "heading: cell".
func (t *plainText) table(n *extast.Table, width int) []string {
	var rows [][]string
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		var cells []string
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			cells = append(cells, strings.Join(wrap(t.inline(cell), 1<<20), " "))
		}
		rows = append(rows, cells)
	}
	if len(rows) == 0 {
		return nil
	}
	widths := make([]int, len(rows[0]))
	total := 0
	for i := range widths {
		for _, row := range rows {
			if i < len(row) {
				widths[i] = max(widths[i], columns(row[i]))
			}
		}
		total += widths[i] + 2
	}
	if total-2 <= width {
		return t.inColumns(rows, widths, n.Alignments)
	}
	return asRecords(rows, width)
}

func (t *plainText) inColumns(rows [][]string, widths []int, alignments []extast.Alignment) []string {
	var lines []string
	for i, row := range rows {
		var line strings.Builder
		for j, cell := range row[:min(len(row), len(widths))] {
			if j > 0 {
				line.WriteString("  ")
			}
			pad := strings.Repeat(" ", widths[j]-columns(cell))
			if j < len(alignments) && alignments[j] == extast.AlignRight {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		lines = append(lines, strings.TrimRight(line.String(), " "))
		if i == 0 {
			var rule []string
			for _, w := range widths {
				rule = append(rule, strings.Repeat("-", w))
			}
			lines = append(lines, strings.Join(rule, "  "))
		}
	}
	return lines
}

func asRecords(rows [][]string, width int) []string {
	head := rows[0]
	var lines []string
	for i, row := range rows[1:] {
		if i > 0 {
			lines = append(lines, "")
		}
		mark, rest := "* ", "  "
		for j, cell := range row {
			if cell == "" {
				continue
			}
			if j < len(head) && head[j] != "" {
				cell = head[j] + ": " + cell
			}
			lines = append(lines, indent(wrap(cell, width-2), mark, rest)...)
			mark = rest
		}
	}
	if len(rows) == 1 {
		lines = wrap(strings.Join(slices.DeleteFunc(head, func(s string) bool { return s == "" }), ", "), width)
	}
	return lines
}
