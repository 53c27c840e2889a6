package content

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
)

// textWidth is the width of plain text, in columns.
const textWidth = 72

// Text renders the insight's text as plain text for mail, lines ending in \n and
// at most 72 columns wide, save for code, wide tables and URLs, which are never
// broken. Links are numbered and listed at the end, each absolute under base and
// alone on its line, so that mail programs make them clickable. Code is indented
// by four columns and otherwise exact. Rendered anew at each call.
func (in *Insight) Text(base string) string {
	root, source := parseBody(in.body)
	t := &plainText{page: &page{in: in, base: base, full: true}, source: source, numbers: map[string]int{}}
	lines := t.blocks(root, textWidth, false)
	if len(t.urls) > 0 {
		lines = append(lines, "", "Links:", "")
		for i, url := range t.urls {
			lines = append(lines, fmt.Sprintf("[%d] %s", i+1, url))
		}
	}
	return clean(strings.TrimLeft(strings.Join(lines, "\n")+"\n", "\n"))
}

// plainText renders blocks as lines.
type plainText struct {
	page    *page // knows where links lead
	source  []byte
	urls    []string
	numbers map[string]int // of the urls
}

// number returns the mark of a link, counting a repeated URL once.
func (t *plainText) number(url string) string {
	if t.numbers[url] == 0 {
		t.urls = append(t.urls, url)
		t.numbers[url] = len(t.urls)
	}
	return fmt.Sprintf("[%d]", t.numbers[url])
}

// blocks renders the children of a node, with blank lines between them unless
// they are the items of a tight list.
func (t *plainText) blocks(parent ast.Node, width int, tight bool) []string {
	var lines []string
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		block := t.block(n, max(width, 20))
		if len(block) > 0 && len(lines) > 0 && !tight {
			lines = append(lines, "")
		}
		lines = append(lines, block...)
	}
	return lines
}

func (t *plainText) block(n ast.Node, width int) []string {
	switch n := n.(type) {
	case *ast.Heading:
		return t.heading(n, width)
	case *ast.Paragraph, *ast.TextBlock:
		return wrap(t.inline(n), width)
	case *ast.CodeBlock, *ast.FencedCodeBlock:
		code, _ := codeOf(n, t.source)
		return indent(strings.Split(strings.TrimRight(code, "\n"), "\n"), "    ", "    ")
	case *ast.Blockquote:
		return indent(t.blocks(n, width-2, false), "> ", "> ")
	case *ast.List:
		return t.list(n, width)
	case *ast.ThematicBreak:
		return []string{"* * *"}
	case *extast.Table:
		return t.table(n, width)
	case *extast.FootnoteList:
		return t.footnotes(n, width)
	}
	return nil // raw HTML, definitions of links
}

func (t *plainText) heading(n *ast.Heading, width int) []string {
	lines := wrap(t.inline(n), width)
	longest := 0
	for _, line := range lines {
		longest = max(longest, columns(line))
	}
	if longest == 0 {
		return nil
	}
	mark := "-"
	if level(n) == 2 {
		mark = "="
	}
	return append(lines, strings.Repeat(mark, min(longest, width)))
}

func (t *plainText) list(n *ast.List, width int) []string {
	var lines []string
	number := n.Start
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		mark := "* "
		if n.IsOrdered() {
			mark = fmt.Sprintf("%d. ", number)
			number++
		}
		block := t.blocks(item, width-len(mark), n.IsTight)
		if len(block) == 0 {
			block = []string{""}
		}
		if len(lines) > 0 && !n.IsTight {
			lines = append(lines, "")
		}
		lines = append(lines, indent(block, mark, strings.Repeat(" ", len(mark)))...)
	}
	return lines
}

func (t *plainText) footnotes(list ast.Node, width int) []string {
	lines := []string{"Notes:"}
	for n := list.FirstChild(); n != nil; n = n.NextSibling() {
		mark := fmt.Sprintf("[^%d] ", n.(*extast.Footnote).Index)
		block := t.blocks(n, width-len(mark), false)
		if len(block) == 0 {
			block = []string{""}
		}
		lines = append(lines, "")
		lines = append(lines, indent(block, mark, strings.Repeat(" ", len(mark)))...)
	}
	return lines
}

// inline returns the text of a node's inline children; \n is a break the author
// asked for.
func (t *plainText) inline(parent ast.Node) string {
	var b strings.Builder
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Text:
			b.WriteString(strings.ReplaceAll(textOf(n, t.source), "\n", " "))
			if n.HardLineBreak() {
				b.WriteByte('\n')
			} else if n.SoftLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(n.Value)
		case *ast.CodeSpan:
			b.WriteString("`" + t.inline(n) + "`")
		case *ast.Emphasis:
			mark := "_"
			if n.Level == 2 {
				mark = "*"
			}
			b.WriteString(mark + t.inline(n) + mark)
		case *ast.Link:
			b.WriteString(t.link(t.inline(n), classify(n.Destination, false)))
		case *ast.AutoLink:
			b.WriteString(t.link(string(n.Label(t.source)), autoDestination(n, t.source)))
		case *ast.Image:
			b.WriteString(t.picture(n))
		case *extast.TaskCheckBox:
			if n.IsChecked {
				b.WriteString("[x] ")
			} else {
				b.WriteString("[ ] ")
			}
		case *extast.FootnoteLink:
			fmt.Fprintf(&b, "[^%d]", n.Index)
		case *ast.RawHTML, *extast.FootnoteBacklink:
		case *extast.Strikethrough:
			b.WriteString("~~" + t.inline(n) + "~~")
		default:
			if n.Type() == ast.TypeInline {
				b.WriteString(t.inline(n))
			}
		}
	}
	return b.String()
}

// link puts a number behind the words of a link, unless they are its URL.
func (t *plainText) link(words string, to destination) string {
	href, ok := t.page.href(to)
	switch {
	case !ok || href == words || href == "mailto:"+words:
		return words
	case words == "":
		return t.number(href)
	case href == "http://"+words: // www.example.com
		return href
	}
	return words + " " + t.number(href)
}

func (t *plainText) picture(n *ast.Image) string {
	alt := altText(n, t.source)
	href, ok := t.page.href(classify(n.Destination, true))
	if !ok || strings.HasPrefix(href, "data:") {
		return alt
	}
	if alt == "" {
		alt = "picture"
	}
	return fmt.Sprintf("(Picture: %s %s)", alt, t.number(href))
}

// wrap breaks a text into lines of at most width columns, at spaces; a longer
// word has a line of its own. A no-break space isn't a space.
func wrap(s string, width int) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(s, "\n") {
		line, used := "", 0
		for word := range strings.FieldsFuncSeq(paragraph, func(r rune) bool { return r == ' ' || r == '\t' }) {
			n := columns(word)
			if line != "" && used+1+n > width {
				lines = append(lines, line)
				line, used = "", 0
			}
			if line != "" {
				line, used = line+" ", used+1
			}
			line, used = line+word, used+n
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// columns estimates the width of a text: accents take none, East Asian signs and
// emoji two.
func columns(s string) int {
	n := utf8.RuneCountInString(s)
	if n == len(s) { // ASCII
		return n
	}
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
			n--
		case r >= 0x1100 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul), r >= 0x1f300 && r <= 0x1faff:
			n++
		}
	}
	return n
}

// indent puts first before the first line and rest before the others, without
// leaving blanks at the end of a line.
func indent(lines []string, first, rest string) []string {
	indented := make([]string, len(lines))
	for i, line := range lines {
		prefix := rest
		if i == 0 {
			prefix = first
		}
		if line == "" {
			prefix = strings.TrimRight(prefix, " ")
		}
		indented[i] = prefix + line
	}
	return indented
}
