package templates_test

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func TestHTMLPartIsWhatMailProgramsShowAndScreenReadersRead(t *testing.T) {
	for name, r := range sampleMails(t) {
		t.Run(name, func(t *testing.T) {
			doc := parse(t, r.HTML)
			if root := element(doc, "html"); attr(root[0], "lang") != "en" || attr(root[0], "dir") != "ltr" {
				t.Error("html lacks lang or dir")
			}
			if title := element(doc, "title"); len(title) != 1 || textOf(title[0]) != r.Subject {
				t.Error("title is not the subject")
			}
			metas := make(map[string]string)
			for _, n := range element(doc, "meta") {
				metas[attr(n, "name")] = attr(n, "content")
			}
			if metas["color-scheme"] != "light dark" || metas["viewport"] == "" {
				t.Errorf("metas: %v", metas)
			}
			if h1 := element(doc, "h1"); len(h1) != 1 || strings.TrimSpace(textOf(h1[0])) == "" {
				t.Error("there is not one h1")
			}
			for _, n := range element(doc, "h2") {
				if a := element(n, "a"); len(a) != 1 || !strings.Contains(attr(a[0], "href"), "/insights/") {
					t.Errorf("an h2 is not the linked title of an insight: %q", textOf(n))
				}
			}
			for _, n := range element(doc, "table") {
				if attr(n, "role") != "presentation" {
					t.Error("a table lays out without role=presentation")
				}
			}
			articles := find(doc, func(n *html.Node) bool { return attr(n, "role") == "article" })
			if len(articles) != 1 || attr(articles[0], "aria-label") != r.Subject || attr(articles[0], "lang") == "" {
				t.Error("there is not one wrapper with role=article, named by the subject")
			}
			if n := strings.Count(r.HTML, "<!--[if mso]>"); n != 3 || strings.Count(r.HTML, "<![endif]-->") != n {
				t.Errorf("%d comments for Outlook", n)
			}
		})
	}
}

// What would be fetched, run, or tell somebody that the mail was read.
func TestMailsLoadNothing(t *testing.T) {
	for name, r := range sampleMails(t) {
		doc := parse(t, r.HTML)
		for _, n := range find(doc, func(n *html.Node) bool { return n.Type == html.ElementNode }) {
			if slices.Contains([]string{"img", "script", "link", "iframe", "object", "embed", "video", "audio", "form", "input", "svg", "base"}, n.Data) {
				t.Errorf("%s: <%s>", name, n.Data)
			}
			for _, a := range n.Attr {
				if slices.Contains([]string{"src", "srcset", "background", "poster", "ping"}, a.Key) || strings.HasPrefix(a.Key, "on") {
					t.Errorf("%s: <%s %s>", name, n.Data, a.Key)
				}
			}
		}
		if regexp.MustCompile(`(?i)url\(|@import|@font-face`).MatchString(r.HTML) {
			t.Errorf("%s: the style sheet loads something", name)
		}
	}
}

// The parser forgives; mail programs forgive differently.
func TestHTMLPartIsBalanced(t *testing.T) {
	void := []string{"meta", "br"}
	for name, r := range sampleMails(t) {
		var open []string
		z := html.NewTokenizer(strings.NewReader(r.HTML))
		for {
			kind := z.Next()
			if kind == html.ErrorToken {
				break
			}
			tag, _ := z.TagName()
			switch {
			case kind == html.StartTagToken && !slices.Contains(void, string(tag)):
				open = append(open, string(tag))
			case kind == html.EndTagToken:
				if len(open) == 0 || open[len(open)-1] != string(tag) {
					t.Fatalf("%s: </%s> closes %v", name, tag, open)
				}
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			t.Errorf("%s: %v are left open", name, open)
		}
		if strings.Contains(r.HTML, "ZgotmplZ") {
			t.Errorf("%s: html/template refused a value", name)
		}
	}
}

// Light as written, dark as the style sheet says, and what programs make of it
// that turn every colour round whatever the mail says.
func TestTextIsReadableInEveryScheme(t *testing.T) {
	for name, r := range sampleMails(t) {
		doc := parse(t, r.HTML)
		dark := darkColours(t, r.HTML)
		for _, text := range find(doc, func(n *html.Node) bool { return n.Type == html.TextNode && strings.TrimSpace(n.Data) != "" }) {
			if hidden(text) {
				continue
			}
			ink, paper := colour(text, "color", nil), colour(text, "background-color", nil)
			schemes := map[string][2]string{
				"light":    {ink, paper},
				"dark":     {colour(text, "color", dark), colour(text, "background-color", dark)},
				"inverted": {inverted(ink), inverted(paper)},
			}
			for scheme, c := range schemes {
				if ratio := contrast(t, c[0], c[1]); ratio < 4.5 {
					t.Errorf("%s, %s: %.1f between %s and %s: %q", name, scheme, ratio, c[0], c[1], strings.TrimSpace(text.Data))
				}
			}
		}
	}
}

func TestBodyTextIsLargeEnough(t *testing.T) {
	sizes := regexp.MustCompile(`font-size:(\d+)px`)
	for name, r := range sampleMails(t) {
		for _, text := range find(parse(t, r.HTML), func(n *html.Node) bool { return n.Type == html.TextNode && strings.TrimSpace(n.Data) != "" }) {
			if hidden(text) {
				continue
			}
			for n := text.Parent; n != nil; n = n.Parent {
				if m := sizes.FindStringSubmatch(attr(n, "style")); m != nil {
					if size, _ := strconv.Atoi(m[1]); size < 13 {
						t.Errorf("%s: %d px: %q", name, size, text.Data)
					}
					break
				}
				if n.Data == "body" {
					t.Errorf("%s: no size is set for %q", name, text.Data)
				}
			}
		}
	}
}

func TestMailsOfARightToLeftSiteRunThatWay(t *testing.T) {
	site := mailSite()
	site.Language = "ar-EG"
	r, err := newMail(t, site).Digest(edition("weekly", published, nil))
	if err != nil {
		t.Fatal(err)
	}
	doc := parse(t, r.HTML)
	if root := element(doc, "html")[0]; attr(root, "lang") != "ar-EG" || attr(root, "dir") != "rtl" {
		t.Errorf("lang %q, dir %q", attr(root, "lang"), attr(root, "dir"))
	}
	if ends := find(doc, func(n *html.Node) bool { return attr(n, "align") == "left" }); len(ends) != 1 {
		t.Error("the link at the end of the header does not stand on the left")
	}
}

func TestTitlesFindTheirOwnDirection(t *testing.T) {
	items := many(2)
	r, err := newMail(t, mailSite()).Digest(edition("weekly", items[:1], items[1:]))
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"h1", "h2", "li"} {
		for _, n := range element(parse(t, r.HTML), tag) {
			if attr(n, "dir") != "auto" {
				t.Errorf("%s without dir=auto: %q", tag, textOf(n))
			}
		}
	}
}

func parse(t testing.TB, s string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func find(root *html.Node, want func(*html.Node) bool) (found []*html.Node) {
	for n := range root.Descendants() {
		if want(n) {
			found = append(found, n)
		}
	}
	return found
}

func element(root *html.Node, tag string) []*html.Node {
	return find(root, func(n *html.Node) bool { return n.Type == html.ElementNode && n.Data == tag })
}

func firstElement(parent *html.Node) *html.Node {
	for n := range parent.ChildNodes() {
		if n.Type == html.ElementNode {
			return n
		}
	}
	return nil
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for _, text := range find(n, func(n *html.Node) bool { return n.Type == html.TextNode }) {
		b.WriteString(text.Data)
	}
	return b.String()
}

// words is what a reader of the HTML part sees.
func words(t testing.TB, markup string) string {
	t.Helper()
	var b strings.Builder
	for _, text := range find(parse(t, markup), func(n *html.Node) bool { return n.Type == html.TextNode }) {
		if !hidden(text) {
			b.WriteString(text.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// hrefs are the different addresses that the HTML part links to, sorted.
func hrefs(t testing.TB, markup string) []string {
	t.Helper()
	var all []string
	for _, a := range element(parse(t, markup), "a") {
		all = append(all, attr(a, "href"))
	}
	return sorted(all)
}

func hidden(n *html.Node) bool {
	for ; n != nil; n = n.Parent {
		if n.Data == "head" || strings.Contains(attr(n, "style"), "display:none") {
			return true
		}
	}
	return false
}

// colour is what an element gets from the nearest style around it, or from its
// class where classes say something else.
func colour(n *html.Node, property string, classes map[string]string) string {
	own := regexp.MustCompile(`(?:^|;)` + property + `:(#[0-9a-f]{6})`)
	for n = n.Parent; n != nil; n = n.Parent {
		for class := range strings.FieldsSeq(attr(n, "class")) {
			if c, ok := classes[class+" "+property]; ok {
				return c
			}
		}
		if m := own.FindStringSubmatch(attr(n, "style")); m != nil {
			return m[1]
		}
	}
	return ""
}

// darkColours reads the colours of the dark scheme: "ink color" → "#f1f5f9".
func darkColours(t *testing.T, markup string) map[string]string {
	t.Helper()
	_, dark, ok := strings.Cut(markup, "prefers-color-scheme:dark){")
	dark, _, _ = strings.Cut(dark, "@media")
	rules := regexp.MustCompile(`\.(\w+)\{([\w-]+):(#[0-9a-f]{6})!important\}`).FindAllStringSubmatch(dark, -1)
	if !ok || len(rules) == 0 {
		t.Fatal("there is no dark scheme")
	}
	colours := make(map[string]string)
	for _, rule := range rules {
		colours[rule[1]+" "+rule[2]] = rule[3]
	}
	return colours
}

func inverted(c string) string {
	n, _ := strconv.ParseUint(strings.TrimPrefix(c, "#"), 16, 32)
	return fmt.Sprintf("#%06x", 0xffffff-n)
}

// contrast is the ratio of WCAG 2.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	luminance := func(c string) float64 {
		n, err := strconv.ParseUint(strings.TrimPrefix(c, "#"), 16, 32)
		if err != nil {
			t.Fatalf("colour %q: %v", c, err)
		}
		channel := func(v uint64) float64 {
			s := float64(v&0xff) / 255
			if s <= 0.04045 {
				return s / 12.92
			}
			return math.Pow((s+0.055)/1.055, 2.4)
		}
		return 0.2126*channel(n>>16) + 0.7152*channel(n>>8) + 0.0722*channel(n)
	}
	x, y := luminance(a)+0.05, luminance(b)+0.05
	return max(x, y) / min(x, y)
}
