package docs

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

const columns = 80

var (
	comment = regexp.MustCompile(`^<!--.*-->$`)
	item    = regexp.MustCompile(`^( *)(- |\d+\. )`)
	inline  = regexp.MustCompile("`[^`]*`" + `|\*+|\[([^\]]+)\]\(([^)]+)\)`)
	page    = regexp.MustCompile(`^([a-z]+)\.md(#.*)?$`)
)

// render reads the source line by line: each block ends where another begins.
func render(source string) string {
	var out strings.Builder
	lines := strings.Split(source, "\n")
	// take returns the lines from i on that belong to a block, joined.
	take := func(i *int, belongs func(line string) bool) (block []string) {
		for ; *i < len(lines) && belongs(lines[*i]); *i++ {
			block = append(block, lines[*i])
		}
		return block
	}
	for i := 0; i < len(lines); {
		line := lines[i]
		switch {
		case line == "" || comment.MatchString(line):
			i++
			continue
		case strings.HasPrefix(line, "```"):
			i++
			code(&out, take(&i, func(l string) bool { return !strings.HasPrefix(l, "```") }))
			i++
		case strings.HasPrefix(line, "#"):
			i++
			hashes, text, _ := strings.Cut(line, " ")
			text = plain(text)
			out.WriteString(text + "\n")
			if len(hashes) < 3 {
				out.WriteString(strings.Repeat(map[int]string{1: "=", 2: "-"}[len(hashes)], utf8.RuneCountInString(text)) + "\n")
			}
		case strings.HasPrefix(line, "|"):
			table(&out, take(&i, func(l string) bool { return strings.HasPrefix(l, "|") }))
		default:
			mark := item.FindString(line)
			i++
			rest := take(&i, func(l string) bool { return l != "" && !item.MatchString(l) && !strings.HasPrefix(l, "```") })
			indent := strings.Repeat(" ", len(mark))
			for n, l := range wrap(plain(line[len(mark):]+" "+strings.Join(rest, " ")), columns-len(mark)) {
				if n > 0 {
					mark = indent
				}
				out.WriteString(mark + l + "\n")
			}
			if i < len(lines) && item.MatchString(lines[i]) { // the next of a list
				continue
			}
		}
		out.WriteString("\n")
	}
	return strings.ReplaceAll(strings.TrimRight(out.String(), "\n"), glue, " ") + "\n"
}

// glue stands for a space at which no line may end. No page holds it.
const glue = "\x00"

// plain returns a text without Markdown's marks, but for those around code, which
// is kept on one line. A link to another page names the command that shows it.
func plain(text string) string {
	return inline.ReplaceAllStringFunc(text, func(mark string) string {
		m := inline.FindStringSubmatch(mark)
		switch {
		case strings.HasPrefix(mark, "`"):
			return strings.ReplaceAll(mark, " ", glue)
		case m[2] == "", strings.HasPrefix(m[2], "#"):
			return m[1]
		}
		if to := page.FindStringSubmatch(m[2]); to != nil {
			return m[1] + " (`insights" + glue + "help" + glue + to[1] + "`)"
		}
		return m[1] + " (" + m[2] + ")"
	})
}

// wrap breaks a text into lines of at most width characters; a longer word has a
// line to itself.
func wrap(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

// code writes a block as it is, indented if all of it then fits.
func code(out *strings.Builder, block []string) {
	indent := "    "
	for _, line := range block {
		if utf8.RuneCountInString(indent+line) > columns {
			indent = ""
		}
	}
	for _, line := range block {
		out.WriteString(strings.TrimRight(indent+line, " ") + "\n")
	}
}

// table writes rows in aligned columns, the widest of which are wrapped until all
// fit.
func table(out *strings.Builder, source []string) {
	var rows [][]string
	var widths []int
	total := 0
	for _, line := range source {
		var row []string
		for n, cell := range strings.Split(strings.TrimSuffix(line[1:], "|"), "|") {
			cell = plain(strings.TrimSpace(cell))
			row = append(row, cell)
			if n == len(widths) {
				widths, total = append(widths, 0), total+2
			}
			if size := utf8.RuneCountInString(cell); size > widths[n] && strings.Trim(cell, "-") != "" {
				widths[n], total = size, total+size-widths[n]
			}
		}
		rows = append(rows, row)
	}
	for ; total-2 > columns; total-- {
		widest := 0
		for n, width := range widths {
			if width > widths[widest] {
				widest = n
			}
		}
		widths[widest]--
	}
	for _, row := range rows {
		tableRow(out, row, widths)
	}
}

// tableRow writes one row in as many lines as its longest cell needs; dashes fill
// their column.
func tableRow(out *strings.Builder, row []string, widths []int) {
	cells, height := make([][]string, len(row)), 0
	for n, cell := range row {
		if cell != "" && strings.Trim(cell, "-") == "" {
			cell = strings.Repeat("-", widths[n])
		}
		cells[n] = wrap(cell, widths[n])
		height = max(height, len(cells[n]))
	}
	for y := range height {
		line := ""
		for n, cell := range cells {
			text := ""
			if y < len(cell) {
				text = cell[y]
			}
			line += text + strings.Repeat(" ", max(0, widths[n]-utf8.RuneCountInString(text))+2)
		}
		if line = strings.TrimRight(line, " "); line != "" {
			out.WriteString(line + "\n")
		}
	}
}
