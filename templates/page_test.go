package templates_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/templates"
)

func newPages(t *testing.T, override fstest.MapFS) *templates.Pages {
	t.Helper()
	pages, err := templates.NewPages(override)
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

func noticePage(site *templates.Site, words string) *templates.NoticePage {
	return &templates.NoticePage{Head: templates.Head{Site: site, Title: words, Path: "/x"}, Heading: words, Paragraphs: []string{words}}
}

func TestPagesCarryTheSitesLinks(t *testing.T) {
	site := templates.DefaultSite()
	site.BaseURL = "https://insights.example"
	page, err := newPages(t, nil).Render(&templates.IndexPage{Head: templates.Head{Site: &site, Path: "/"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Services", "Pricing", "About", "Contact", "Book a Call", "Need Help With Your Tech Stack?", "Let&#39;s Talk",
		"Ready to Ship?", "Company", "Resources", "Legal", "Privacy Policy", "Terms of Service", "FAQ",
		"Fractional CTO &#43; execution partner for revenue-critical systems.", "© 2026 ScaledByDesign. All rights reserved.",
		"contact@scaledbydesign.com", "All Articles", "Technical insights on scaling systems",
		`<html lang="en" dir="ltr">`, `<a class="skip" href="#main">`, `<main id="main"`, `<link rel="canonical" href="https://insights.example/">`,
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the index lacks %q", want)
		}
	}
}

func TestLinksThatAreNotConfiguredLeaveNothingBehind(t *testing.T) {
	site := templates.Site{Title: "Bare", Heading: "Bare", Language: "en", BaseURL: "https://bare.example"}
	page, err := newPages(t, nil).Render(&templates.IndexPage{Head: templates.Head{Site: &site, Path: "/"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, not := range []string{`class="closing"`, `class="action"`, `href=""`, "mailto:"} {
		if strings.Contains(string(page), not) {
			t.Errorf("the page holds an empty %s", not)
		}
	}
}

func TestTextIsNeverMarkup(t *testing.T) {
	const evil = `"'><script>alert(1)</script><b>`
	site := templates.DefaultSite()
	site.Title, site.Tagline, site.Copyright = evil, evil, evil
	site.Links.Navigation = []templates.Link{{Label: evil, URL: "javascript:alert(1)"}}
	in := &content.Insight{Slug: "x", Title: evil, Summary: evil, Author: evil, Tags: []string{evil}, Category: content.Category{Slug: "x", Name: evil}}
	pages := newPages(t, nil)
	for _, v := range []templates.View{
		noticePage(&site, evil),
		&templates.ArticlePage{Head: templates.Head{Site: &site, Path: "/x", Article: in, Title: evil, Description: evil}, Insight: in, Author: evil, Newer: in, Older: in},
		&templates.IndexPage{Head: templates.Head{Site: &site, Path: "/"}, Featured: in, Insights: []*content.Insight{in}},
		&templates.FeedsPage{Head: templates.Head{Site: &site}, Categories: []content.Category{in.Category, {Slug: evil, Name: evil}}, Combined: evil},
		&templates.FeedPage{
			Head:    templates.Head{Site: &site, Title: evil, Description: evil, NoIndex: true, Feeds: []templates.FeedLink{{Title: evil, Format: evil, URL: "javascript:alert(1)"}}},
			Heading: evil, Format: evil, URL: evil, Others: []templates.FeedLink{{Title: evil, Format: evil, URL: "javascript:alert(1)"}},
			OPML: "javascript:alert(1)", Home: "javascript:alert(1)", Mail: "javascript:alert(1)", Older: "javascript:alert(1)", Current: "javascript:alert(1)",
			Entries: []templates.FeedEntry{{Title: evil, URL: "javascript:alert(1)", Category: evil, Summary: evil}}, Total: 1,
		},
		&templates.SubscribePage{Head: templates.Head{Site: &site}, Form: templates.Form{Email: evil, Name: evil, Errors: []templates.FieldError{{Field: "email", Message: evil}}}},
		&templates.InboxPage{Head: templates.Head{Site: &site}, Messages: []templates.InboxMessage{{Subject: evil, To: evil}}},
		&templates.InboxMessagePage{Head: templates.Head{Site: &site}, Subject: evil, Text: []templates.Span{{Text: evil}}, Links: []string{"javascript:alert(1)"}},
	} {
		page, err := pages.Render(v)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(page), "<script>alert") || strings.Contains(string(page), "<b>\"") || strings.Contains(string(page), `href="javascript:`) {
			t.Errorf("%T lets markup through", v)
		}
	}
}

func TestAnOverrideReplacesWhatItNames(t *testing.T) {
	site := templates.DefaultSite()
	pages := newPages(t, fstest.MapFS{
		"site/notice.tmpl":   {Data: []byte(`{{define "main"}}<p class="mine">{{.Heading}}</p>{{end}}`)},
		"assets/site.css":    {Data: []byte("body { color: red }")},
		"assets/own.svg":     {Data: []byte("<svg/>")},
		"assets/notes.txt":   {Data: []byte("not for readers")},
		"site/README.md":     {Data: []byte("{{")},
		"email/digest.html":  {Data: []byte("{{")},
		"site/_pieces.tmpl~": {Data: []byte("{{")},
	})
	page, err := pages.Render(noticePage(&site, "Hello"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), `<p class="mine">Hello</p>`) || !strings.Contains(string(page), "Book a Call") {
		t.Error("the page is not the override in the layout")
	}
	css, ok := pages.Asset(pages.AssetURL("site.css"))
	if !ok || !strings.HasPrefix(string(css.Body), "body { color: red }") || !strings.Contains(string(css.Body), ".chroma") {
		t.Error("the style sheet is not the override with the colours of code")
	}
	if pages.AssetURL("own.svg") == "" || pages.AssetURL("notes.txt") != "" {
		t.Error("a new asset is missing, or a note is served")
	}
	if newPages(t, nil).AssetURL("site.css") == pages.AssetURL("site.css") {
		t.Error("another style sheet has the same address")
	}
}

func TestABrokenOverrideIsNamed(t *testing.T) {
	for name, source := range map[string]string{
		"site/notice.tmpl":  `{{define "main"}}{{if}}{{end}}`,
		"site/article.tmpl": `{{define "main"}}{{.Insight.Titel}}{{end}}`,
		"site/_layout.tmpl": `{{.Sight}}`,
	} {
		_, err := templates.NewPages(fstest.MapFS{name: {Data: []byte(source)}})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %q is answered with %v", name, source, err)
		}
	}
}

func TestAssetsHaveTypesAndStableAddresses(t *testing.T) {
	a, b := newPages(t, nil), newPages(t, nil)
	for _, path := range a.AssetPaths() {
		asset, ok := b.Asset(path)
		if !ok || asset.ContentType == "" || len(asset.Body) == 0 {
			t.Errorf("%s: %v, %q", path, ok, asset.ContentType)
		}
	}
	if plain, ok := a.Asset("/assets/favicon.ico"); !ok || plain.Immutable {
		t.Error("the icon is not found without its hash")
	}
}
