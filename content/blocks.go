package content

import (
	"fmt"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/util"
)

// level is that of a heading on its page, where the insight's title is the h1.
func level(n *ast.Heading) int { return max(2, n.Level) }

func (p *page) openHeading(w util.BufWriter, _ []byte, node ast.Node) {
	n := node.(*ast.Heading)
	fmt.Fprintf(w, "<h%d", level(n))
	if id := p.ids[n]; id != "" {
		fmt.Fprintf(w, ` id="%s"`, escape(id))
	}
	_ = w.WriteByte('>')
}

func (p *page) closeHeading(w util.BufWriter, source []byte, node ast.Node) {
	n := node.(*ast.Heading)
	if id := p.ids[n]; id != "" {
		fmt.Fprintf(w, ` <a class="anchor" href="#%s" aria-label="Link to the section %s">#</a>`, escape(id), escape(plain(n, source)))
	}
	fmt.Fprintf(w, "</h%d>\n", level(n))
}

// write writes the HTML of an insight's own page, or that of everywhere else.
func (p *page) write(w util.BufWriter, own, elsewhere string) {
	if p.full {
		own = elsewhere
	}
	_, _ = w.WriteString(own)
}

func (p *page) openItem(w util.BufWriter, _ []byte, n ast.Node) {
	if isTask(n) {
		p.write(w, `<li class="task">`, `<li style="list-style-type:none">`)
	} else {
		_, _ = w.WriteString("<li>")
	}
	if first := n.FirstChild(); first != nil && first.Kind() != ast.KindTextBlock {
		_ = w.WriteByte('\n')
	}
}

func (p *page) closeItem(w util.BufWriter, _ []byte, _ ast.Node) { _, _ = w.WriteString("</li>\n") }

// isTask reports an item of a task list.
func isTask(item ast.Node) bool {
	text := item.FirstChild()
	return text != nil && text.FirstChild() != nil && text.FirstChild().Kind() == extast.KindTaskCheckBox
}

func (p *page) checkBox(w util.BufWriter, _ []byte, node ast.Node) {
	if node.(*extast.TaskCheckBox).IsChecked {
		p.write(w, `<input type="checkbox" checked disabled aria-label="Done"> `, "☑ ")
	} else {
		p.write(w, `<input type="checkbox" disabled aria-label="To do"> `, "☐ ")
	}
}

func (p *page) openTable(w util.BufWriter, _ []byte, n ast.Node) {
	// A region that scrolls must be reachable by the keyboard, and so have a name.
	p.write(w, fmt.Sprintf("<div class=\"table-scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">\n<table>\n", escape(p.tables[n])),
		"<table style=\"border-collapse:collapse\">\n")
}

func (p *page) closeTable(w util.BufWriter, _ []byte, _ ast.Node) {
	p.write(w, "</table>\n</div>\n", "</table>\n")
}

func (p *page) openCell(w util.BufWriter, _ []byte, node ast.Node) {
	n := node.(*extast.TableCell)
	_, _ = w.WriteString("<" + cellTag(n))
	if cellTag(n) == "th" {
		_, _ = w.WriteString(` scope="col"`)
	}
	aligned := n.Alignment != extast.AlignNone
	if p.full {
		_, _ = w.WriteString(` style="border:1px solid #d0d7de;padding:4px 8px`)
		if aligned {
			_, _ = w.WriteString(";text-align:" + n.Alignment.String())
		}
		_ = w.WriteByte('"')
	} else if aligned {
		fmt.Fprintf(w, ` class="%s"`, n.Alignment)
	}
	_ = w.WriteByte('>')
}

func (p *page) closeCell(w util.BufWriter, _ []byte, n ast.Node) {
	fmt.Fprintf(w, "</%s>\n", cellTag(n))
}

func cellTag(n ast.Node) string {
	if n.Parent().Kind() == extast.KindTableHeader {
		return "th"
	}
	return "td"
}

// Ids of footnotes hold the slug, since a page may show several insights, and an
// underscore, which ids of headings never hold.
func (p *page) noteID(index int) string { return fmt.Sprintf("fn_%s_%d", p.in.Slug, index) }

func (p *page) noteRefID(index, ref int) string {
	if ref > 0 {
		return fmt.Sprintf("fnref_%s_%d_%d", p.in.Slug, index, ref+1)
	}
	return fmt.Sprintf("fnref_%s_%d", p.in.Slug, index)
}

// place returns the URL of an id on the insight's page.
func (p *page) place(id string) string {
	href, _ := p.href(destination{kind: onPage, url: "#" + id})
	return escape(href)
}

func (p *page) footnoteLink(w util.BufWriter, _ []byte, node ast.Node) {
	n := node.(*extast.FootnoteLink)
	if p.full {
		fmt.Fprintf(w, `<sup><a href="%s">%d</a></sup>`, p.place(p.noteID(n.Index)), n.Index)
		return
	}
	fmt.Fprintf(w, `<sup id="%s"><a class="footnote-ref" href="%s" role="doc-noteref" aria-label="Footnote %d">%d</a></sup>`,
		p.noteRefID(n.Index, n.RefIndex), p.place(p.noteID(n.Index)), n.Index, n.Index)
}

func (p *page) footnoteBacklink(w util.BufWriter, _ []byte, node ast.Node) {
	n := node.(*extast.FootnoteBacklink)
	href := p.place(p.noteRefID(n.Index, n.RefIndex))
	if p.full {
		fmt.Fprintf(w, `&#160;<a href="%s">↩&#xfe0e;</a>`, href)
		return
	}
	fmt.Fprintf(w, `&#160;<a class="footnote-backref" href="%s" role="doc-backlink" aria-label="Back to footnote mark %d">↩&#xfe0e;</a>`, href, n.Index)
}

func (p *page) openFootnotes(w util.BufWriter, _ []byte, _ ast.Node) {
	p.write(w, "<section class=\"footnotes\" role=\"doc-endnotes\" aria-label=\"Footnotes\">\n<ol>\n", "<hr>\n<ol>\n")
}

func (p *page) closeFootnotes(w util.BufWriter, _ []byte, _ ast.Node) {
	p.write(w, "</ol>\n</section>\n", "</ol>\n")
}

func (p *page) openFootnote(w util.BufWriter, _ []byte, node ast.Node) {
	p.write(w, fmt.Sprintf("<li id=\"%s\">\n", p.noteID(node.(*extast.Footnote).Index)), "<li>\n")
}
