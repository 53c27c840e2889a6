package content

import (
	"fmt"
	"html"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
	nethtml "golang.org/x/net/html"
)

// Raw HTML may consist of a few harmless elements, and of what they hold. Everything is
// written anew from tokens, so that nothing but these can get through.
var (
	inlineTags = map[string]bool{"sub": true, "sup": true, "kbd": true, "abbr": true, "mark": true, "br": true}
	blockTags  = map[string]bool{"details": true, "summary": true, "figure": true, "figcaption": true, "p": true, "div": true}
)

// elements are the names of HTML's other elements. A tag of another name is a text that
// looks like one, such as the type in Vec<u8>.
var elements = nameSet(`a acronym address applet area article aside audio b base basefont bdi bdo big blink blockquote body button
	canvas caption center cite code col colgroup data datalist dd del dfn dialog dir dl dt em embed fieldset font footer form frame
	frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe image img input ins label legend li link main map marquee math menu meta
	meter nav nobr noframes noscript object ol optgroup option output param picture plaintext pre progress q rb rp rt rtc ruby s samp
	script search section select slot small source span strike strong style svg table tbody td template textarea tfoot th thead
	time title tr track tt u ul var video wbr xmp`)

func nameSet(names string) map[string]bool {
	set := map[string]bool{}
	for name := range strings.FieldsSeq(names) {
		set[name] = true
	}
	return set
}

// phrases are the names of elements that are parts of a sentence: without their tags, the
// words around them stay as they are.
var phrases = nameSet("a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark q s samp small span strike strong sub sup time tt u var wbr")

// gap is what parts the words around a tag that is left out.
func gap(name string) string {
	if phrases[name] {
		return ""
	}
	return " "
}

// inMarkdown says how to write what an element is mostly used for.
var inMarkdown = map[string]string{
	"a": "[text](address)", "img": "![what it shows](images/picture.svg)", "b": "**text**", "strong": "**text**", "i": "*text*", "em": "*text*",
	"code": "`text`", "tt": "`text`", "pre": "a fence, ```", "table": "a table with |", "s": "~~text~~", "del": "~~text~~", "strike": "~~text~~",
	"h1": "# heading", "h2": "## heading", "h3": "### heading", "h4": "#### heading", "hr": "---", "ul": "- item", "ol": "1. item", "blockquote": "> text",
}

// rawHTML is what becomes of the raw HTML of a body.
type rawHTML struct {
	written  map[ast.Node]string // what is rendered in place of a node
	findings []finding           // what is not as it was written
	left     map[string]bool     // elements whose beginning is left out
}

// maxFindings bounds what is found in one body.
const maxFindings = 1000

// finding is something that a place of a body's source is told of.
type finding struct {
	at      int
	message string
}

// piece is a part of what is written for a node.
type piece struct {
	node ast.Node
	html string
}

// opened is an element that waits for its end.
type opened struct {
	name  string
	piece int
	at    int
}

// readRawHTML goes through the raw HTML below a node of the tree. An element must end
// below the node where it begins; whatever can't be written is left out, and found.
func readRawHTML(root ast.Node, source []byte) *rawHTML {
	r := &rawHTML{written: map[ast.Node]string{}, left: map[string]bool{}}
	if slices.Contains(source, '<') {
		r.below(root, source)
		slices.SortStableFunc(r.findings, func(a, b finding) int { return a.at - b.at })
	}
	return r
}

// siblings are the children of one node while their raw HTML is read.
type siblings struct {
	*rawHTML
	pieces []piece
	open   []opened
}

func (r *rawHTML) below(parent ast.Node, source []byte) {
	s := &siblings{rawHTML: r}
	for c := parent.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.RawHTML:
			s.read(c, &segments{slices.Clone(c.Segments.Sliced(0, c.Segments.Len())), source}, inlineTags)
		case *ast.HTMLBlock:
			lines := slices.Clone(c.Lines().Sliced(0, c.Lines().Len()))
			if c.HasClosure() {
				lines = append(lines, c.ClosureLine)
			}
			s.read(c, &segments{lines, source}, nil)
		default:
			r.below(c, source)
		}
	}
	s.leave(0)
	for i := 0; i < len(s.pieces); {
		var b strings.Builder
		node := s.pieces[i].node
		for ; i < len(s.pieces) && s.pieces[i].node == node; i++ {
			b.WriteString(s.pieces[i].html)
		}
		r.written[node] = b.String()
	}
	for c := parent.FirstChild(); c != nil; c = c.NextSibling() {
		if c.Kind() == ast.KindHTMLBlock {
			r.written[c] = asBlock(r.written[c])
		}
	}
}

// asBlock makes a paragraph of what is in no element that makes a block.
func asBlock(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	for name := range blockTags {
		if strings.Contains(text, "<"+name) || strings.Contains(text, "</"+name) {
			return text + "\n"
		}
	}
	return "<p>" + text + "</p>\n"
}

// read reads the raw HTML of one node; only, when set, are the elements that may be there.
func (s *siblings) read(node ast.Node, text *segments, only map[string]bool) {
	whole := text.String()
	z := nethtml.NewTokenizer(strings.NewReader(whole))
	hidden := ""
	for {
		kind := z.Next()
		raw := string(z.Raw())
		at := text.pass(len(raw))
		switch kind {
		case nethtml.ErrorToken:
			if raw != "" { // a tag that is cut off
				s.write(node, escape(raw))
			}
			if only == nil { // what holds text alone ends in its block
				if i := slices.IndexFunc(s.open, func(o opened) bool { return o.name == "p" || inlineTags[o.name] }); i >= 0 {
					s.leave(i)
				}
			}
			return
		case nethtml.TextToken:
			if hidden == "" {
				s.write(node, escape(html.UnescapeString(raw)))
			}
		case nethtml.CommentToken, nethtml.DoctypeToken:
			switch {
			case !strings.HasPrefix(raw, "<!--"):
				s.find(at, "%s is no HTML that an article may hold; it is left out", shorten(oneLine(raw)))
			case !strings.HasSuffix(raw, "-->"):
				s.find(at, "a comment begins here and never ends: everything after it is left out; close it with -->")
			}
		case nethtml.StartTagToken, nethtml.SelfClosingTagToken:
			token := z.Token()
			if s.start(node, at, raw, token, only) && kind == nethtml.StartTagToken && (token.Data == "script" || token.Data == "style") {
				hidden = token.Data
			}
		case nethtml.EndTagToken:
			name := z.Token().Data
			if name == hidden {
				hidden = ""
			}
			s.end(node, at, raw, name)
		}
	}
}

// start reads the beginning of an element and reports whether its tag is left out.
func (s *siblings) start(node ast.Node, at int, raw string, token nethtml.Token, only map[string]bool) (leftOut bool) {
	name := token.Data
	switch {
	case isLiteral(raw, name):
		s.find(at, "%s is not HTML and is shown as it is written; put it in backquotes: `%s`", shorten(oneLine(raw)), shorten(oneLine(raw)))
		s.write(node, escape(raw))
		return false
	case !inlineTags[name] && !blockTags[name]:
		message := fmt.Sprintf("raw HTML <%s> is left out, and what it holds is kept as text", name)
		if name == "script" || name == "style" || name == "img" {
			message = fmt.Sprintf("raw HTML <%s> is left out", name)
		}
		if instead := inMarkdown[name]; instead != "" {
			message += "; write it as Markdown: " + instead
		}
		s.find(at, "%s", message)
		s.write(node, gap(name))
		return true
	case only != nil && !only[name]:
		s.left[name] = true
		s.find(at, "raw HTML <%s> is left out, and what it holds is kept: it must begin a line of its own", name)
		return true
	}
	var tag strings.Builder
	tag.WriteString("<" + name)
	for i, a := range token.Attr {
		twice := slices.ContainsFunc(token.Attr[:i], func(b nethtml.Attribute) bool { return b.Key == a.Key })
		switch {
		case twice:
		case a.Key == "title":
			tag.WriteString(` title="` + escape(a.Val) + `"`)
		case a.Key == "open" && name == "details":
			tag.WriteString(` open=""`)
		default:
			s.find(at, "raw HTML <%s>: its attribute %s is left out; title and open are those that are kept", name, shorten(a.Key))
		}
	}
	tag.WriteByte('>')
	if name == "br" {
		s.write(node, tag.String())
		return false
	}
	if len(s.open) == maxNesting {
		s.left[name] = true
		s.find(at, "raw HTML <%s> is left out, and what it holds is kept: it is the %dth inside others", name, maxNesting+1)
		return false
	}
	if blockTags[name] { // ends a paragraph
		if i := slices.IndexFunc(s.open, func(o opened) bool { return o.name == "p" }); i >= 0 {
			s.leave(i)
		}
	}
	s.write(node, tag.String())
	s.open = append(s.open, opened{name, len(s.pieces) - 1, at})
	return false
}

// end reads the end of an element.
func (s *siblings) end(node ast.Node, at int, raw, name string) {
	switch {
	case isLiteral(raw, name):
		s.write(node, escape(raw))
		return
	case !inlineTags[name] && !blockTags[name]:
		s.write(node, gap(name))
		return
	}
	i := len(s.open) - 1
	for i >= 0 && s.open[i].name != name {
		i--
	}
	if i < 0 {
		if !s.left[name] {
			s.find(at, "raw HTML </%s> is left out: nothing that it ends begins here", name)
		}
		return
	}
	s.leave(i + 1)
	s.open = s.open[:i]
	s.write(node, "</"+name+">")
}

// leave leaves out the elements that have not ended, from the i-th on.
func (s *siblings) leave(i int) {
	for _, o := range s.open[i:] {
		s.pieces[o.piece].html = ""
		s.left[o.name] = true
		s.find(o.at, "raw HTML <%s> is left out, and what it holds is kept: it does not end where it begins", o.name)
	}
	s.open = s.open[:i]
}

func (s *siblings) write(node ast.Node, html string) { s.pieces = append(s.pieces, piece{node, html}) }

func (r *rawHTML) find(at int, format string, args ...any) {
	if len(r.findings) < maxFindings {
		r.findings = append(r.findings, finding{at, fmt.Sprintf(format, args...)})
	}
}

// isLiteral reports a tag that isn't HTML's.
func isLiteral(raw, name string) bool {
	return strings.HasPrefix(raw, "<") && !inlineTags[name] && !blockTags[name] && !elements[name]
}

// plainHTML returns what is to be read of raw HTML where only text can be.
func plainHTML(text segments) string {
	var b strings.Builder
	z := nethtml.NewTokenizer(strings.NewReader(text.String()))
	for hidden := false; ; {
		switch kind := z.Next(); kind {
		case nethtml.ErrorToken:
			return b.String()
		case nethtml.TextToken:
			if !hidden {
				b.WriteString(html.UnescapeString(string(z.Raw())))
			}
		case nethtml.StartTagToken, nethtml.SelfClosingTagToken, nethtml.EndTagToken:
			raw, token := string(z.Raw()), z.Token()
			hidden = kind == nethtml.StartTagToken && (token.Data == "script" || token.Data == "style")
			switch {
			case isLiteral(raw, token.Data):
				b.WriteString(raw)
			default:
				b.WriteString(gap(token.Data))
			}
		}
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
