package content_test

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/scaledbydesign/insights/content"
	"golang.org/x/net/html"
)

const base = "https://example.com/blog"

func rich(t testing.TB) *content.Insight {
	t.Helper()
	library, err := content.Load(os.DirFS("testdata/rich"), options())
	if err != nil {
		t.Fatal(err)
	}
	in, ok := library.BySlug("rich")
	if !ok {
		t.Fatal("no insight rich")
	}
	return in
}

func TestRenderingsOfARichInsight(t *testing.T) {
	in := rich(t)
	golden(t, "rich.page.html", in.HTML())
	golden(t, "rich.full.html", in.FullHTML(base))
	again := rich(t)
	if again.HTML() != in.HTML() || again.FullHTML(base) != in.FullHTML(base) {
		t.Error("two renderings differ")
	}
}

// element is an HTML start tag.
type element struct {
	name  string
	attrs map[string]string
}

// elements parses HTML, checks that tags are balanced, and returns its elements.
func elements(t testing.TB, doc string) []element {
	t.Helper()
	var found []element
	var open []string
	z := html.NewTokenizer(strings.NewReader(doc))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			if z.Err() != io.EOF {
				t.Fatalf("not HTML: %v", z.Err())
			}
			if len(open) > 0 {
				t.Fatalf("never closed: %v in\n%s", open, doc)
			}
			return found
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			e := element{token.Data, map[string]string{}}
			for _, a := range token.Attr {
				if _, twice := e.attrs[a.Key]; twice {
					t.Errorf("attribute %s twice in %s", a.Key, token)
				}
				e.attrs[a.Key] = a.Val
			}
			found = append(found, e)
			if !slices.Contains([]string{"br", "hr", "img", "input"}, token.Data) {
				open = append(open, token.Data)
			}
		case html.EndTagToken:
			name := z.Token().Data
			if len(open) == 0 || open[len(open)-1] != name {
				t.Fatalf("</%s> closes %v in\n%s", name, open, doc)
			}
			open = open[:len(open)-1]
		case html.CommentToken, html.DoctypeToken:
			t.Errorf("unexpected %s", z.Token())
		}
	}
}

// checkPage checks what holds for the page form of every insight.
func checkPage(t testing.TB, doc string) {
	t.Helper()
	ids := map[string]bool{}
	var fragments []string
	for _, e := range elements(t, doc) {
		if id, ok := e.attrs["id"]; ok {
			if id == "" || ids[id] || strings.ContainsAny(id, " \t\n") {
				t.Errorf("id %q is empty, not unique or has spaces", id)
			}
			ids[id] = true
		}
		checkSafe(t, e)
		if _, ok := e.attrs["style"]; ok {
			t.Errorf("inline style in %v", e)
		}
		if e.attrs["class"] == "anchor" || strings.HasPrefix(e.attrs["class"], "footnote-") {
			fragments = append(fragments, strings.TrimPrefix(e.attrs["href"], "#"))
			if e.attrs["aria-label"] == "" {
				t.Errorf("%v has no accessible name", e)
			}
		}
	}
	for _, f := range fragments {
		if !ids[f] {
			t.Errorf("link to #%s, which doesn't exist", f)
		}
	}
	checkCharacters(t, doc)
}

// checkFull checks what feeds and mail ask of every insight.
func checkFull(t testing.TB, doc string) {
	t.Helper()
	for _, e := range elements(t, doc) {
		checkSafe(t, e)
		for _, name := range []string{"id", "class", "srcset", "tabindex", "role"} {
			if _, ok := e.attrs[name]; ok {
				t.Errorf("attribute %s in %v", name, e)
			}
		}
		if e.name == "input" {
			t.Error("form control")
		}
		for _, name := range []string{"href", "src"} {
			if u, ok := e.attrs[name]; ok && !absolute.MatchString(u) {
				t.Errorf("%s=%q isn't absolute", name, u)
			}
		}
	}
	checkCharacters(t, doc)
}

var absolute = regexp.MustCompile(`^(?i:https?://[^/]|https:///|https?:|mailto:|tel:|data:image/(png|gif|jpeg|webp|avif);)`)

func checkSafe(t testing.TB, e element) {
	t.Helper()
	if slices.Contains([]string{"script", "style", "form", "iframe", "object", "button"}, e.name) {
		t.Errorf("element %s", e.name)
	}
	for name, value := range e.attrs {
		if strings.HasPrefix(name, "on") {
			t.Errorf("attribute %s", name)
		}
		scheme, _, ok := strings.Cut(strings.ToLower(value), ":")
		if (name == "href" || name == "src") && ok && slices.Contains([]string{"javascript", "vbscript", "file"}, strings.TrimSpace(scheme)) {
			t.Errorf("%s=%q", name, value)
		}
	}
}

func checkCharacters(t testing.TB, doc string) {
	t.Helper()
	if !utf8.ValidString(doc) {
		t.Error("not UTF-8")
	}
	for _, r := range doc {
		if r < ' ' && r != '\t' && r != '\n' || r == 0xfffe || r == 0xffff {
			t.Errorf("XML forbids %U", r)
		}
	}
}

func TestRichInsightIsSafeEverywhere(t *testing.T) {
	in := rich(t)
	checkPage(t, in.HTML())
	checkFull(t, in.FullHTML(base))
}

func TestURLs(t *testing.T) {
	for _, c := range []struct{ name, markdown, page, full string }{
		{"file", "[x](2026-02-26-other.md)", "/insights/another-slug", base + "/insights/another-slug"},
		{"file, with a heading", "[x](2026-02-26-other.md#h)", "/insights/another-slug#h", base + "/insights/another-slug#h"},
		{"file, escaped", "[x](2026%2D02-26-other.md)", "/insights/another-slug", base + "/insights/another-slug"},
		{"heading", "[x](#h)", "#h", base + "/insights/one#h"},
		{"root", "[x](/feeds?a=1&b=2)", "/feeds?a=1&b=2", base + "/feeds?a=1&b=2"},
		{"relative", "[x](thing)", "/insights/thing", base + "/insights/thing"},
		{"upwards", "[x](../feeds)", "/feeds", base + "/feeds"},
		{"picture as link", "[x](images/d.svg)", "/insights/images/d.svg", base + "/insights/images/d.svg"},
		{"picture by its address", "[x](/insights/images/d.svg)", "/insights/images/d.svg", base + "/insights/images/d.svg"},
		{"no scheme", "[x](//example.org/a)", "https://example.org/a", "https://example.org/a"},
		{"web", "[x](https://example.org/?q=\"<>)", "https://example.org/?q=%22%3C%3E", "https://example.org/?q=%22%3C%3E"},
		{"mail", "[x](mailto:a@example.org)", "mailto:a@example.org", "mailto:a@example.org"},
		{"script", "[x](javascript:alert(1))", "", ""},
		{"script in disguise", "[x](java&#115;cript:alert(1))", "", ""},
		{"script after a blank", "[x](<&#1; javascript:alert(1)>)", "", ""},
		{"local file", "[x](file:///etc/passwd)", "", ""},
		{"data", "[x](data:text/html,x)", "", ""},
		{"nothing", "[x]()", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := one(t, c.markdown)
			for doc, want := range map[string]string{in.HTML(): c.page, in.FullHTML(base): c.full} {
				got := ""
				for _, e := range elements(t, doc) {
					if e.name == "a" {
						got = e.attrs["href"]
					}
				}
				if got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		})
	}
}

func TestPicturesHaveTheirSize(t *testing.T) {
	var small bytes.Buffer
	if err := png.Encode(&small, image.NewGray(image.Rect(0, 0, 30, 20))); err != nil {
		t.Fatal(err)
	}
	library := load(t, fstest.MapFS{
		"a.md":            insight(1, "![a](images/a.svg) ![b](images/b.svg) ![c](images/c.png) ![d](images/d.webp) ![e](<images/e f.svg>)"),
		"images/a.svg":    file(`<?xml version="1.0"?><!DOCTYPE svg><svg viewBox="0 0 800 420"/>`),
		"images/b.svg":    file(`<svg width="64px" height="32" viewBox="0 0 8 4"/>`),
		"images/c.png":    {Data: small.Bytes()},
		"images/d.webp":   file("not really"),
		"images/e f.svg":  file("broken <<<"),
		"images/.x.svg":   file("<svg/>"),
		"images/page.htm": file("<html>"),
		"images/big.png":  {Data: make([]byte, 8<<20+1)},
	})
	page := library.Insights()[0].HTML()
	for _, want := range []string{
		`<img src="/insights/images/a.svg" alt="a" width="800" height="420" loading="lazy" decoding="async">`,
		`<img src="/insights/images/b.svg" alt="b" width="64" height="32" `,
		`<img src="/insights/images/c.png" alt="c" width="30" height="20" `,
		`<img src="/insights/images/d.webp" alt="d" loading`,
		`<img src="/insights/images/e%20f.svg" alt="e" loading`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
	if data, contentType, ok := library.Image("c.png"); !ok || contentType != "image/png" || !bytes.Equal(data, small.Bytes()) {
		t.Errorf("Image(c.png) = %d bytes, %q, %v", len(data), contentType, ok)
	}
	for _, name := range []string{"", ".", "..", "none.svg", ".x.svg", "page.htm", "big.png", "../a.md", "../images/a.svg", "/a.svg", `..\a.svg`, "images/a.svg", "a.svg/", "a.svg\x00"} {
		if _, _, ok := library.Image(name); ok {
			t.Errorf("Image(%q) was given out", name)
		}
	}
}

func TestHeadingIDsAreStableAndUnique(t *testing.T) {
	in := one(t, "# Top\n\n## A & B\n\n## A & B\n\n## A-and-B-2\n\n## Über alles\n\n## 日本\n\n## !!!\n\n##\n\n## With `code` and [link](/x)\n")
	var ids []string
	for _, e := range elements(t, in.HTML()) {
		if e.name == "h1" {
			t.Error("a second h1")
		}
		if id := e.attrs["id"]; id != "" {
			ids = append(ids, id)
		}
	}
	want := "top a-and-b a-and-b-2 a-and-b-2-2 über-alles 日本 insight-e84c538e with-code-and-link"
	if got := strings.Join(ids, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCodeKeepsItsText(t *testing.T) {
	code := "func  f() {\t// <b> & \"q\"\n\n\treturn `x\\n` \n}\n\n\n  trailing  \n"
	for _, language := range []string{"go", "GO", "unknown", "", "python", "php", "diff", "text", "yaml", "http", "jsx", "console"} {
		in := one(t, "```"+language+"\n"+code+"```\n")
		for _, doc := range []string{in.HTML(), in.FullHTML(base)} {
			if got := textContent(t, doc); strings.TrimSuffix(got, "\n") != code {
				t.Errorf("%s: got %q, want %q", language, got, code)
			}
		}
	}
}

func textContent(t testing.TB, doc string) string {
	t.Helper()
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(doc))
	for z.Next() != html.ErrorToken {
		if token := z.Token(); token.Type == html.TextToken {
			b.WriteString(token.Data)
		}
	}
	return b.String()
}

func TestTitlesOfEveryKindAreKept(t *testing.T) {
	for _, title := range []string{"The <video> tag & &nbsp;", "🚀 to the moon", "مرحبا بالعالم", `He said "no"`, "C# \\ C++", "日本語"} {
		in := one(t, "", "title: '"+title+"'")
		if in.Title != title {
			t.Errorf("got %q, want %q", in.Title, title)
		}
	}
}

func TestReadingTime(t *testing.T) {
	for _, c := range []struct {
		name, body     string
		words, minutes int
	}{
		{"nothing", "", 0, 1},
		{"one word", "Word.", 1, 1},
		{"a minute", strings.Repeat("word ", 220), 220, 1},
		{"more", strings.Repeat("word ", 221), 221, 2},
		{"code counts little", "word\n\n```go\n" + strings.Repeat("x := f(a, b, c)\n", 100) + "```\n", 1, 2},
		{"marks, headings, lists, tables, notes", "## One *two*\n\n- three `four`\n\n| five | six |\n|---|---|\n| — | [seven](/x) |\n\n![no](/x.png) eight[^1]\n\n[^1]: nine\n", 9, 1},
		{"signs", "日本語日本", 3, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := one(t, c.body)
			if in.Words != c.words || in.Minutes != c.minutes {
				t.Errorf("got %d words, %d minutes, want %d and %d", in.Words, in.Minutes, c.words, c.minutes)
			}
		})
	}
}
