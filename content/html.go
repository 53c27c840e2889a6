package content

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/renderer"
	goldhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"
)

// HTML renders the insight's text for its page: sections with headings from h2
// downwards that have ids and a link of class "anchor"; code with the classes of
// [HighlightCSS] in pre.chroma; tables in div.table-scroll; items of task lists
// as li.task; footnotes in section.footnotes. Cells are aligned by the classes
// left, center and right, so that no inline style is needed. Addresses within the
// site begin with a slash. Ids of headings have no upper-case ASCII letter and no
// underscore, those of footnotes begin with fn_ or fnref_: a page that keeps its
// own ids clear of both has no id twice. Rendered at each call.
func (in *Insight) HTML() string { return in.render("", false) }

// FullHTML renders the insight's text for anywhere outside its page, such as feeds:
// every URL is absolute under base, the site's root without a trailing slash; no
// ids, classes, scripts, style sheets or forms; colours and alignment inline. It
// has no characters that XML 1.0 forbids. Rendered at each call.
func (in *Insight) FullHTML(base string) string { return in.render(base, true) }

func (in *Insight) render(base string, full bool) string {
	h := highlighting{plain: isSlow(in.body)}
	text := in.renderWith(&h, base, full)
	if h.exhausted() {
		rememberSlow(in.body)
		text = in.renderWith(&highlighting{plain: true}, base, full)
	}
	return text
}

func (in *Insight) renderWith(h *highlighting, base string, full bool) string {
	root, source := parseBody(in.body)
	p := &page{in: in, base: base, full: full, highlighting: h}
	p.survey(root, source)
	var b strings.Builder
	err := renderer.NewRenderer(renderer.WithNodeRenderers(
		util.Prioritized(p, 100),
		util.Prioritized(extension.NewTableHTMLRenderer(), 500),
		util.Prioritized(extension.NewStrikethroughHTMLRenderer(), 500),
		util.Prioritized(goldhtml.NewRenderer(), 1000),
	)).Render(&b, source, root)
	if err != nil { // a Builder takes everything, and no renderer here fails
		panic("content: render " + in.File + ": " + err.Error())
	}
	return clean(b.String())
}

// page renders the nodes that need more than goldmark's own HTML.
type page struct {
	in   *Insight
	base string
	full bool

	highlighting *highlighting
	raw          *rawHTML
	ids          map[ast.Node]string // of headings
	tables       map[ast.Node]string // names of tables
}

// survey reads the raw HTML, and gives headings their ids and tables their names, both in reading order.
func (p *page) survey(root ast.Node, source []byte) {
	p.raw = readRawHTML(root, source)
	if p.full { // needs neither
		return
	}
	p.ids, p.tables = map[ast.Node]string{}, map[ast.Node]string{}
	taken := ids{}
	heading := ""
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			heading = strings.TrimSpace(plain(n, source))
			p.ids[n] = taken.unique(slugify(heading, true))
		case *extast.Table:
			name := fmt.Sprintf("Table %d", len(p.tables)+1)
			if heading != "" {
				name += ": " + heading
			}
			p.tables[n] = name
		}
		return ast.WalkContinue, nil
	})
}

// ids are the anchors of a page, each with the number that the next like it gets.
type ids map[string]int

// unique returns id, or id-2, id-3 and so on if it is taken.
func (taken ids) unique(id string) string {
	if id == "" {
		return ""
	}
	fresh := id
	for n := max(2, taken[id]); taken[fresh] > 0; n++ {
		fresh = id + "-" + strconv.Itoa(n)
		taken[id] = n + 1
	}
	taken[fresh] = max(2, taken[fresh])
	return fresh
}

// RegisterFuncs tells goldmark which nodes are rendered here.
func (p *page) RegisterFuncs(reg renderer.NodeRendererFuncRegisterer) {
	type write = func(w util.BufWriter, source []byte, n ast.Node)
	register := func(kind ast.NodeKind, enter, leave write, next ast.WalkStatus) {
		reg.Register(kind, func(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
			if entering && enter != nil {
				enter(w, source, n)
			} else if !entering && leave != nil {
				leave(w, source, n)
			}
			return next, nil
		})
	}
	on := func(kind ast.NodeKind, enter, leave write) { register(kind, enter, leave, ast.WalkContinue) }
	alone := func(kind ast.NodeKind, enter write) { register(kind, enter, nil, ast.WalkSkipChildren) }
	alone(ast.KindHTMLBlock, p.rawHTML)
	alone(ast.KindRawHTML, p.rawHTML)
	alone(ast.KindCodeBlock, p.code)
	alone(ast.KindFencedCodeBlock, p.code)
	alone(ast.KindImage, p.image)
	alone(ast.KindAutoLink, p.autoLink)
	alone(extast.KindTaskCheckBox, p.checkBox)
	alone(extast.KindFootnoteLink, p.footnoteLink)
	alone(extast.KindFootnoteBacklink, p.footnoteBacklink)
	on(ast.KindLink, p.openLink, p.closeLink)
	on(ast.KindHeading, p.openHeading, p.closeHeading)
	on(ast.KindListItem, p.openItem, p.closeItem)
	on(extast.KindTable, p.openTable, p.closeTable)
	on(extast.KindTableCell, p.openCell, p.closeCell)
	on(extast.KindFootnoteList, p.openFootnotes, p.closeFootnotes)
	on(extast.KindFootnote, p.openFootnote, p.closeItem)
}

func (p *page) rawHTML(w util.BufWriter, _ []byte, n ast.Node) {
	_, _ = w.WriteString(p.raw.written[n])
}

// href returns the URL of a destination in this rendering; false when there is
// nothing to link to.
func (p *page) href(to destination) (string, bool) {
	switch to.kind {
	case elsewhere:
		return to.url, true
	case onSite:
		return p.base + to.url, true
	case onPage:
		if p.full {
			return p.base + p.in.Path() + to.url, true
		}
		return to.url, true
	case toInsight:
		slug, ok := p.in.links[to.file]
		return p.base + insightsPath + slug + to.url, ok
	case toImage:
		name, ok := strings.CutPrefix(to.file, imagesFolder+"/")
		return p.base + imagesPath + url.PathEscape(name) + to.url, ok
	}
	return "", false
}

func (p *page) openLink(w util.BufWriter, _ []byte, node ast.Node) {
	n := node.(*ast.Link)
	if href, ok := p.href(classify(n.Destination, false)); ok {
		fmt.Fprintf(w, `<a href="%s"%s>`, escape(href), titleAttribute(n.Title))
	}
}

func (p *page) closeLink(w util.BufWriter, _ []byte, node ast.Node) {
	if _, ok := p.href(classify(node.(*ast.Link).Destination, false)); ok {
		_, _ = w.WriteString("</a>")
	}
}

func titleAttribute(title []byte) string {
	if len(title) == 0 {
		return ""
	}
	return ` title="` + escape(unescape(title)) + `"`
}

func (p *page) autoLink(w util.BufWriter, source []byte, node ast.Node) {
	n := node.(*ast.AutoLink)
	label := escape(string(n.Label(source)))
	if href, ok := p.href(autoDestination(n, source)); ok {
		fmt.Fprintf(w, `<a href="%s">%s</a>`, escape(href), label)
		return
	}
	_, _ = w.WriteString(label)
}

// autoDestination returns where <https://example.com>, a bare URL or a bare email
// address points to.
func autoDestination(n *ast.AutoLink, source []byte) destination {
	to := string(util.URLEscape(n.URL(source), false))
	scheme, _, _ := cutScheme(to)
	if n.AutoLinkType == ast.AutoLinkEmail && scheme != "mailto" {
		to, scheme = "mailto:"+to, "mailto"
	}
	if !schemes[scheme] {
		return destination{}
	}
	return destination{kind: elsewhere, url: to}
}

func (p *page) image(w util.BufWriter, source []byte, node ast.Node) {
	n := node.(*ast.Image)
	alt := escape(strings.TrimSpace(plain(n, source)))
	to := classify(n.Destination, true)
	src, ok := p.href(to)
	if !ok {
		_, _ = w.WriteString(alt)
		return
	}
	fmt.Fprintf(w, `<img src="%s" alt="%s"%s`, escape(src), alt, titleAttribute(n.Title))
	if known := p.in.shown[to.file]; known.width > 0 {
		fmt.Fprintf(w, ` width="%d" height="%d"`, known.width, known.height)
	}
	p.write(w, ` loading="lazy" decoding="async">`, ">")
}

func (p *page) code(w util.BufWriter, source []byte, node ast.Node) {
	code, language := string(node.Lines().Value(source)), ""
	if fenced, ok := node.(*ast.FencedCodeBlock); ok {
		language = unescape(fenced.Language(source))
	}
	if p.full {
		fmt.Fprintf(w, `<pre style="color:%s;background-color:%s;padding:12px;overflow:auto"><code>`, lightInk, lightGround)
	} else {
		_, _ = w.WriteString(`<pre class="chroma" tabindex="0"><code`) // the keyboard can scroll it
		if language != "" {
			fmt.Fprintf(w, ` class="language-%s"`, escape(language))
		}
		_ = w.WriteByte('>')
	}
	_, _ = w.WriteString(p.highlighting.highlight(code, language, p.full))
	_, _ = w.WriteString("</code></pre>\n")
}
