package content

import (
	"bufio"
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	goldhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Reading speed. A line of code is skimmed: it counts as a few words.
const (
	wordsPerMinute   = 220
	wordsPerCodeLine = 3
)

// markdown reads CommonMark with GitHub's extensions and footnotes. It is never
// changed once made, and parses any number of texts at a time.
var markdown parser.Parser = goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote)).Parser()

// parseBody returns the tree of a body, and the bytes its nodes refer to.
func parseBody(body string) (ast.Node, []byte) {
	source := []byte(body)
	return markdown.Parse(text.NewReader(source)), source
}

// scanBody notes the length of the document's body and what it points to.
// bodyLine is the line of the file on which the body begins.
func (d *document) scanBody(bodyLine int) {
	in := &d.insight
	if line, problem := tooIntricate(in.body); problem != "" {
		d.fault(bodyLine+line, "%s", problem)
		in.body = ""
	}
	root, source := parseBody(in.body)
	words, codeLines := 0, 0
	lines := lineCounter{text: in.body}
	lineOf := func(at int) int { return bodyLine + lines.before(at) }
	for _, f := range readRawHTML(root, source).findings {
		d.flaw(lineOf(f.at), "%s", f.message)
	}
	note := func(n ast.Node, what string, written []byte, to destination) {
		line := lineOf(n.Pos())
		switch {
		case to.kind == nowhere:
			d.flaw(line, "%s", leftOut(what, written))
		case to.kind == toInsight || to.kind == toImage:
			d.mentions = append(d.mentions, mention{to.kind, to.file, line})
		case to.kind == elsewhere && !leadsSomewhere(to.url):
			d.flaw(line, "link %s leads nowhere; write it as https://example.com/page or mailto:name@example.com", shorten(to.url))
		}
	}
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.CodeBlock, *ast.FencedCodeBlock:
			codeLines += n.Lines().Len()
			return ast.WalkSkipChildren, nil
		case *ast.HTMLBlock:
			words += countWords(plainHTML(segments{n.Lines().Sliced(0, n.Lines().Len()), source}))
			return ast.WalkSkipChildren, nil
		case *ast.Link:
			note(n, "link", n.Destination, classify(n.Destination, false))
		case *ast.Image:
			note(n, "image", n.Destination, classify(n.Destination, true))
			return ast.WalkSkipChildren, nil
		case *ast.AutoLink:
			note(n, "link", n.URL(source), autoDestination(n, source))
		case *ast.Heading, *ast.Paragraph, *ast.TextBlock, *extast.TableCell:
			words += countWords(plain(n, source))
		}
		return ast.WalkContinue, nil
	})
	in.Words = words
	in.Minutes = max(1, (words+codeLines*wordsPerCodeLine+wordsPerMinute-1)/wordsPerMinute)
}

// Limits of a body. They keep the time that the Markdown parser takes in proportion to the
// length: within a block it grows with the square of these. No article comes near them.
// They are numbers of what is written, never times, which would depend on the machine.
const (
	maxNesting = 100
	maxLinks   = 10_000  // footnotes and definitions of links included
	maxCells   = 200_000 // of all tables: lines with a | by the most of them in a line
	maxMarkup  = 20_000  // <, which may begin one of HTML

	maxDefinitions = 1000 // of links, without a blank line between them

	// Of one paragraph, heading, or cell of a table:
	maxBrackets = 1000 // [, which may begin a link
	maxMarks    = 1000 // runs of *, _ and ~, which may be emphasis
)

// tooIntricate says what in a body, and how many lines below its first, nobody
// would write by hand: "" when all is well.
func tooIntricate(body string) (line int, problem string) {
	links, definitions, rows, columns, tags := 0, 0, 0, 0, 0
	for l := range strings.Lines(body) {
		if depth := nesting(l); depth > maxNesting {
			return line, fmt.Sprintf("lists and quotes nested %d levels deep; the limit is %d", depth, maxNesting)
		}
		links += strings.Count(l, "](") + strings.Count(l, "[^")
		if strings.HasPrefix(strings.TrimLeft(l, " "), "[") && strings.Contains(l, "]:") {
			links, definitions = links+1, definitions+1
			if definitions > maxDefinitions {
				return line, fmt.Sprintf("more than %d definitions of links; put blank lines between them", maxDefinitions)
			}
		} else if strings.TrimSpace(l) == "" {
			definitions = 0
		}
		if links > maxLinks {
			return line, fmt.Sprintf("more than %d links", maxLinks)
		}
		if tags += strings.Count(l, "<"); tags > maxMarkup {
			return line, fmt.Sprintf("more than %d tags of HTML, or other uses of <", maxMarkup)
		}
		if bars := strings.Count(l, "|"); bars > 0 {
			rows, columns = rows+1, max(columns, bars)
			if rows*columns > maxCells {
				return line, fmt.Sprintf("tables with more than %d cells", maxCells)
			}
		}
		line++
	}
	return intricateBlock(body)
}

// blocks reads the blocks of Markdown, and leaves the text in them as it is.
var blocks = parser.NewParser(
	parser.WithBlockParsers(append(parser.DefaultBlockParsers(), util.Prioritized(extension.NewFootnoteBlockParser(), 999))...),
	parser.WithParagraphTransformers(append(parser.DefaultParagraphTransformers(), util.Prioritized(extension.NewTableParagraphTransformer(), 200))...),
)

// intricateBlock looks at the text of each block.
func intricateBlock(body string) (line int, problem string) {
	if len(body) <= maxMarks { // no block can be beyond a limit
		return 0, ""
	}
	source := []byte(body)
	_ = ast.Walk(blocks.Parse(text.NewReader(source)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering || n.Type() != ast.TypeBlock || n.IsRaw() || n.Lines().Len() == 0 {
			return ast.WalkContinue, nil
		}
		lines := n.Lines()
		brackets, marks := 0, 0
		var last byte
		for _, l := range lines.Sliced(0, lines.Len()) {
			for _, c := range l.Value(source) {
				switch {
				case c == '[':
					brackets++
				case c != last && (c == '*' || c == '_' || c == '~'):
					marks++
				}
				last = c
			}
		}
		for _, limit := range []struct {
			is, most int
			of       string
		}{
			{brackets, maxBrackets, "links or other brackets"}, {marks, maxMarks, "marks of emphasis (*, _, ~)"},
		} {
			if limit.is > limit.most {
				line = strings.Count(body[:lines.At(0).Start], "\n")
				problem = fmt.Sprintf("a paragraph with more than %d %s; put blank lines between its parts", limit.most, limit.of)
				return ast.WalkStop, nil
			}
		}
		return ast.WalkContinue, nil
	})
	return line, problem
}

// nesting returns how many lists, quotes and footnotes a line may be in, judged
// by the marks and the indentation at its beginning.
func nesting(line string) int {
	depth, indent := 0, 0
	for {
		rest := strings.TrimLeft(line, " \t")
		indent += len(line) - len(rest) + 3*strings.Count(line[:len(line)-len(rest)], "\t")
		mark := containerMark.FindString(rest)
		if mark == "" {
			break
		}
		depth++
		line = rest[len(mark):]
	}
	if depth == 0 { // indentation alone is code
		return 0
	}
	return max(depth, indent/2)
}

// containerMark begins a quote, a list item or a footnote.
var containerMark = regexp.MustCompile(`^(>|[-+*]\s|\d{1,9}[.)]\s|\[\^[^\]]+\]:)`)

// countWords counts what has a letter or a digit between spaces. Chinese and
// Japanese, which have no spaces, count a word for every two signs.
func countWords(s string) int {
	n, signs := 0, 0
	for word := range strings.FieldsSeq(s) {
		spelled := false
		for _, r := range word {
			switch {
			case r >= 0x2e80 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana):
				signs++
			case unicode.IsLetter(r) || unicode.IsDigit(r):
				spelled = true
			}
		}
		if spelled {
			n++
		}
	}
	return n + (signs+1)/2
}

// plain returns the text of a node's inline children: one line, without marks,
// without pictures.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	writePlain(&b, n, source)
	return b.String()
}

func writePlain(b *strings.Builder, n ast.Node, source []byte) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			value := c.Segment.Value(source)
			if c.IsRaw() { // code
				b.WriteString(strings.ReplaceAll(string(value), "\n", " "))
			} else {
				b.WriteString(unescape(value))
			}
			if c.SoftLineBreak() || c.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(c.Value)
		case *ast.AutoLink:
			b.Write(c.Label(source))
		case *ast.RawHTML:
			b.WriteString(plainHTML(segments{c.Segments.Sliced(0, c.Segments.Len()), source}))
		case *ast.Image:
		default:
			if c.Type() == ast.TypeInline {
				writePlain(b, c, source)
			}
		}
	}
}

// unescape resolves backslashes and entities as CommonMark asks: in one pass, by
// way of the writer that the page's HTML comes from.
func unescape(value []byte) string {
	if !strings.ContainsAny(string(value), "\\&") {
		return string(value)
	}
	var b strings.Builder
	w := bufio.NewWriter(&b)
	goldhtml.DefaultWriter.Write(w, value)
	_ = w.Flush() // a Builder takes everything
	return html.UnescapeString(b.String())
}

// clean removes what XML 1.0 forbids or discourages. A body may smuggle it in as
// an entity such as &#8;.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return -1
		}
		return r
	}, s)
}
