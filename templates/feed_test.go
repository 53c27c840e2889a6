package templates_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/scaledbydesign/insights/templates"
)

// feedPage is the feed of one category, whole.
func feedPage() *templates.FeedPage {
	site := templates.DefaultSite()
	site.BaseURL = "https://insights.example"
	return &templates.FeedPage{
		Head: templates.Head{
			Site: &site, Title: "Feed of Leadership", Description: "Who decides what.", NoIndex: true,
			Feeds: []templates.FeedLink{{Title: "Leadership", Format: "Atom", URL: site.BaseURL + "/feeds/leadership.atom"}},
		},
		Heading: "Insights: Leadership",
		Format:  "Atom",
		URL:     site.BaseURL + "/feeds/leadership.atom",
		Others: []templates.FeedLink{
			{Format: "RSS", URL: site.BaseURL + "/feeds/leadership.rss"},
			{Format: "JSON Feed", URL: site.BaseURL + "/feeds/leadership.json"},
		},
		OPML: site.BaseURL + "/feeds.opml",
		Home: "/categories/leadership",
		Mail: "/subscribe?category=leadership",
		Entries: []templates.FeedEntry{
			{Title: "مقدمة <b> & 🙂", URL: "/insights/b", Date: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), Category: "Leadership", Summary: "Summary of b"},
			{Title: "The first", URL: "/insights/a", Date: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
		},
		Total:   2,
		Updated: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC),
	}
}

func render(t *testing.T, v templates.View) string {
	t.Helper()
	page, err := newPages(t, nil).Render(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func wantWords(t *testing.T, page string, words ...string) {
	t.Helper()
	for _, want := range words {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func wantNone(t *testing.T, page string, words ...string) {
	t.Helper()
	for _, not := range words {
		if strings.Contains(page, not) {
			t.Errorf("the page holds %s", not)
		}
	}
}

func TestAFeedShowsHowToFollowItAndWhatItHolds(t *testing.T) {
	page := render(t, feedPage())
	wantWords(t, page,
		`<title>Feed of Leadership · ScaledByDesign Insights</title>`, `<meta name="robots" content="noindex">`,
		`<link rel="alternate" type="application/atom+xml" title="Leadership (Atom)" href="https://insights.example/feeds/leadership.atom">`,
		`<h1 dir="auto">Insights: Leadership</h1>`, `Who decides what.`, `Atom feed`, `This is a feed`,
		`<code dir="ltr">https://insights.example/feeds/leadership.atom</code>`,
		`<a href="https://insights.example/feeds/leadership.rss">RSS</a> or <a href="https://insights.example/feeds/leadership.json">JSON Feed</a>.`,
		`href="https://insights.example/feeds.opml"`, `href="/feeds"`, `href="/categories/leadership"`, `href="/subscribe?category=leadership"`,
		`Updated <time datetime="2026-03-02T10:00:00Z">March 2, 2026</time>`, `>2 insights</h2>`,
		`<a href="/insights/b">مقدمة &lt;b&gt; &amp; 🙂</a>`, `<time datetime="2026-03-02">Mar 2, 2026</time>`, `Summary of b`,
		`<span class="label">Leadership</span>`, `<a href="/insights/a">The first</a>`,
	)
	wantNone(t, page, `rel="canonical"`, `class="closing"`, `rel="next"`, `<script`)
	if strings.Index(page, "/insights/b") > strings.Index(page, "/insights/a") {
		t.Error("the entries have lost their order")
	}
	if strings.Count(page, `<p class="summary"`) != 1 || strings.Count(page, `<span class="label">`) != 1 {
		t.Error("an entry without a summary or a category shows an empty one")
	}
}

func TestALongFeedLeadsToItsOlderPart(t *testing.T) {
	v := feedPage()
	v.Total, v.Older = 300, "https://insights.example/feeds/leadership/2026-02.atom"
	wantWords(t, render(t, v), `>The newest 2 of 300 insights</h2>`, `<a rel="next" href="https://insights.example/feeds/leadership/2026-02.atom">`)
}

func TestAnArchiveDocumentLeadsToTheFeedItself(t *testing.T) {
	v := feedPage()
	v.Total, v.Current, v.URL = 300, v.URL, "https://insights.example/feeds/leadership/2026-02.atom"
	page := render(t, v)
	wantWords(t, page, `An older part of a feed`, `<code dir="ltr">https://insights.example/feeds/leadership.atom</code>`,
		`<a class="button" href="https://insights.example/feeds/leadership.atom">Open the feed itself</a>`, `>2 of 300 insights</h2>`)
	wantNone(t, page, v.URL, "This is a feed", "newest")
}

func TestAnEmptyFeedSaysThatItIs(t *testing.T) {
	v := feedPage()
	v.Entries, v.Total, v.Description, v.Mail, v.Others, v.Digests = nil, 0, "", "", nil, true
	page := render(t, v)
	wantWords(t, page, `>No digests yet</h2>`, `every new digest appears`, `the first digest appears`)
	wantNone(t, page, `<ol class="insights">`, "Updated", `class="lede"`, "by email", "another format", `href=""`)
}

func TestFeedsShowNoHeadingOutOfOrder(t *testing.T) {
	for _, v := range []templates.View{feedPage(), &templates.FeedsPage{Head: feedPage().Head, Categories: templates.DefaultCategories()}} {
		doc, err := html.Parse(strings.NewReader(render(t, v)))
		if err != nil {
			t.Fatal(err)
		}
		level, first := 0, 0
		for n := range doc.Descendants() {
			if n.Type != html.ElementNode || len(n.Data) != 2 || n.Data[0] != 'h' || n.Data[1] < '1' || n.Data[1] > '6' {
				continue
			}
			now := int(n.Data[1] - '0')
			if now > level+1 {
				t.Errorf("%T: <%s> comes after level %d", v, n.Data, level)
			}
			if level = now; now == 1 {
				first++
			}
		}
		if first != 1 {
			t.Errorf("%T has %d first headings", v, first)
		}
	}
}

func TestFeedsOfferToCombineCategories(t *testing.T) {
	v := &templates.FeedsPage{Head: feedPage().Head, Categories: templates.DefaultCategories(), Combined: "https://insights.example/feeds/a+b.atom"}
	page := render(t, v)
	wantWords(t, page, `<form method="get" action="/feeds/combine"`, `<code>https://insights.example/feeds/a&#43;b.atom</code>`,
		`name="format" value="atom"`, `name="format" value="rss"`, `name="format" value="json"`)
	for _, c := range v.Categories {
		wantWords(t, page, `name="category" value="`+c.Slug+`"`)
	}
	v.Categories = nil
	wantNone(t, render(t, v), "/feeds/combine", "Several categories")
}
