package content

import (
	"errors"
	"fmt"
	"html"
	"net/url"
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
)

// Note is a short text in Markdown that goes before others, such as what staff say at the
// top of a digest: paragraphs and lists.
type Note []NoteBlock

// NoteBlock is a paragraph, which has one line, or a list with one line for each entry.
type NoteBlock struct {
	List  bool
	First int // of a numbered list: its first number; 0 = bullets
	Lines [][]NoteSpan
}

// NoteSpan is a run of text of one kind. At most one of its other fields is set.
type NoteSpan struct {
	Text     string
	URL      string // an absolute URL, or mailto:
	Strong   bool
	Emphasis bool
	Code     bool
	Break    bool // a line break, without Text
}

// ParseNote reads a note (CommonMark, with what insights may use). What a note can't show
// stays as text. The error names a link that leads nowhere from an email; it is text, too.
func ParseNote(markdown string) (Note, error) {
	root, source := parseBody(withoutRedirects(strings.ToValidUTF8(markdown, "\uFFFD")))
	p := noteParser{source: source}
	p.blocks(root)
	return p.note, errors.Join(p.faults...)
}

type noteParser struct {
	source []byte
	note   Note
	faults []error
}

// blocks adds the blocks within a node.
func (p *noteParser) blocks(parent ast.Node) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Paragraph, *ast.TextBlock:
			p.add(NoteBlock{Lines: [][]NoteSpan{p.spans(n, NoteSpan{})}})
		case *ast.Heading:
			p.add(NoteBlock{Lines: [][]NoteSpan{p.spans(n, NoteSpan{Strong: true})}})
		case *ast.List:
			list := NoteBlock{List: true}
			if n.IsOrdered() {
				list.First = max(n.Start, 1)
			}
			p.entries(n, &list)
			p.add(list)
		case *ast.CodeBlock, *ast.FencedCodeBlock, *ast.HTMLBlock:
			p.add(NoteBlock{Lines: [][]NoteSpan{p.asWritten(n)}})
		case *ast.ThematicBreak:
		case *extast.Table:
			for row := n.FirstChild(); row != nil; row = row.NextSibling() {
				p.add(NoteBlock{Lines: [][]NoteSpan{p.cells(row)}})
			}
		default:
			p.blocks(n)
		}
	}
}

func (p *noteParser) add(b NoteBlock) {
	for _, line := range b.Lines {
		if len(line) > 0 {
			p.note = append(p.note, b)
			return
		}
	}
}

// entries adds the entries of a list, and those of lists within them.
func (p *noteParser) entries(list ast.Node, block *NoteBlock) {
	for item := list.FirstChild(); item != nil; item = item.NextSibling() {
		var line []NoteSpan
		var inner []ast.Node
		for n := item.FirstChild(); n != nil; n = n.NextSibling() {
			switch n.(type) {
			case *ast.List:
				inner = append(inner, n)
				continue
			case *ast.CodeBlock, *ast.FencedCodeBlock, *ast.HTMLBlock:
				line = append(p.separate(line), p.asWritten(n)...)
				continue
			}
			line = append(p.separate(line), p.spans(n, NoteSpan{})...)
		}
		block.Lines = append(block.Lines, line)
		for _, n := range inner {
			p.entries(n, block)
		}
	}
}

func (p *noteParser) separate(line []NoteSpan) []NoteSpan {
	if len(line) > 0 {
		line = append(line, NoteSpan{Break: true})
	}
	return line
}

// asWritten is a block that is shown as it was typed.
func (p *noteParser) asWritten(n ast.Node) (spans []NoteSpan) {
	code := n.Kind() != ast.KindHTMLBlock
	lines := n.Lines()
	for i := range lines.Len() {
		segment := lines.At(i)
		if text := strings.TrimRight(string(segment.Value(p.source)), "\r\n"); text != "" {
			spans = append(p.separate(spans), NoteSpan{Text: text, Code: code})
		}
	}
	return spans
}

func (p *noteParser) cells(row ast.Node) (spans []NoteSpan) {
	for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
		if len(spans) > 0 {
			spans = append(spans, NoteSpan{Text: " | "})
		}
		spans = append(spans, p.spans(cell, NoteSpan{})...)
	}
	return spans
}

// spans returns the runs of text within a node, each of the given kind unless it says
// otherwise.
func (p *noteParser) spans(parent ast.Node, kind NoteSpan) (spans []NoteSpan) {
	add := func(text string) {
		if text == "" {
			return
		}
		if last := len(spans) - 1; last >= 0 && spans[last].sameKind(kind) {
			spans[last].Text += text
			return
		}
		span := kind
		span.Text = text
		spans = append(spans, span)
	}
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Text:
			add(string(n.Segment.Value(p.source)))
			switch {
			case n.HardLineBreak():
				spans = append(spans, NoteSpan{Break: true})
			case n.SoftLineBreak():
				add(" ")
			}
		case *ast.String:
			add(string(n.Value))
		case *ast.RawHTML:
			for i := range n.Segments.Len() {
				segment := n.Segments.At(i)
				add(string(segment.Value(p.source)))
			}
		case *ast.CodeSpan:
			spans = append(spans, p.spans(n, NoteSpan{Code: true, URL: kind.URL})...)
		case *ast.Emphasis:
			inner := NoteSpan{Emphasis: true}
			if n.Level > 1 {
				inner = NoteSpan{Strong: true}
			}
			if kind != (NoteSpan{}) { // one of them is shown
				inner = kind
			}
			spans = append(spans, p.spans(n, inner)...)
		case *ast.AutoLink:
			spans = append(spans, p.link(string(n.URL(p.source)), []NoteSpan{{Text: string(n.Label(p.source))}})...)
		case *ast.Link:
			spans = append(spans, p.link(string(n.Destination), p.spans(n, NoteSpan{}))...)
		case *ast.Image:
			spans = append(spans, p.link(string(n.Destination), p.spans(n, NoteSpan{}))...)
		default:
			spans = append(spans, p.spans(n, kind)...)
		}
	}
	return spans
}

func (s NoteSpan) sameKind(kind NoteSpan) bool {
	s.Text, kind.Text = "", ""
	return s == kind && !s.Break && s.URL == ""
}

// link makes one span of what is linked. A link that leads nowhere from an email is text.
func (p *noteParser) link(to string, spans []NoteSpan) []NoteSpan {
	var label strings.Builder
	for _, span := range spans {
		label.WriteString(span.Text)
		if span.Break {
			label.WriteByte(' ')
		}
	}
	if strings.TrimSpace(label.String()) == "" {
		label.Reset()
		label.WriteString(to)
	}
	if strings.Contains(to, "@") && !strings.Contains(to, ":") {
		to = "mailto:" + to
	}
	u, err := url.Parse(to)
	if err != nil || !(u.Scheme == "https" || u.Scheme == "http") && u.Scheme != "mailto" || u.Scheme != "mailto" && u.Host == "" {
		p.faults = append(p.faults, fmt.Errorf("link %s leads nowhere from an email: write a full address, such as https://example.com/page or an email address", shorten(to)))
		return spans
	}
	return []NoteSpan{{Text: label.String(), URL: u.String()}}
}

// Text returns a note as plain text: each link's address is on a line of its own, after
// what it says.
func (n Note) Text() string {
	var b strings.Builder
	for i, block := range n {
		if i > 0 {
			b.WriteString("\n")
		}
		for j, line := range block.Lines {
			switch {
			case block.List && block.First > 0:
				fmt.Fprintf(&b, "%d. ", block.First+j)
			case block.List:
				b.WriteString("- ")
			}
			writeLine(&b, line)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func writeLine(b *strings.Builder, line []NoteSpan) {
	fresh := false // a line has just begun after an address
	for _, span := range line {
		text := span.Text
		if fresh {
			text = strings.TrimLeft(text, " ")
		}
		switch {
		case span.Break:
			if !fresh {
				b.WriteByte('\n')
			}
			fresh = true
			continue
		case span.URL != "" && (text == span.URL || "mailto:"+text == span.URL):
			if b.Len() > 0 && !fresh {
				b.WriteByte('\n')
			}
			b.WriteString(span.URL + "\n")
			fresh = true
			continue
		case span.URL != "":
			b.WriteString(text + "\n" + span.URL + "\n")
			fresh = true
			continue
		case text == "":
			continue
		case fresh && strings.Trim(text, ".,;:!?)") == "": // what ends a sentence does not begin a line
			continue
		}
		b.WriteString(text)
		fresh = false
	}
}

// HTML returns a note as HTML: only elements without attributes, and links.
func (n Note) HTML() string {
	var b strings.Builder
	for _, block := range n {
		list, entry := "", "p"
		switch {
		case block.List && block.First > 1:
			list, entry = fmt.Sprintf("ol start=\"%d\"", block.First), "li"
		case block.List && block.First == 1:
			list, entry = "ol", "li"
		case block.List:
			list, entry = "ul", "li"
		}
		if list != "" {
			b.WriteString("<" + list + ">\n")
		}
		for _, line := range block.Lines {
			b.WriteString("<" + entry + ">")
			for _, span := range line {
				span.writeHTML(&b)
			}
			b.WriteString("</" + entry + ">\n")
		}
		if list != "" {
			b.WriteString("</" + list[:2] + ">\n")
		}
	}
	return b.String()
}

func (s NoteSpan) writeHTML(b *strings.Builder) {
	text, element := html.EscapeString(s.Text), ""
	switch {
	case s.Break:
		b.WriteString("<br>")
		return
	case s.URL != "":
		b.WriteString(`<a href="` + html.EscapeString(s.URL) + `">` + text + "</a>")
		return
	case s.Strong:
		element = "strong"
	case s.Emphasis:
		element = "em"
	case s.Code:
		element = "code"
	default:
		b.WriteString(text)
		return
	}
	b.WriteString("<" + element + ">" + text + "</" + element + ">")
}
