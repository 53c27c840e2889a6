package feedstest_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/feeds/feedstest"
)

const baseURL = "https://example.com/news"

// documents are those of two insights, with no fault.
func documents(t *testing.T) []*feeds.Document {
	t.Helper()
	article := func(id, title, date, more string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("---\nid: " + id + "\ntitle: " + title + "\nsummary: In short\ncategory: engineering\ndate: " + date + "\n" + more + "---\n\nWords.\n")}
	}
	lib, err := content.Load(fstest.MapFS{
		"new.md": article("\"tag:blog.example.org,2019:new\"", "New", "2026-01-06T06:00:00Z", "image: https://example.com/picture.png\n"),
		"old.md": article("0b0f6f0e-6a51-4c59-8d3c-0f0d3c1b2a19", "Old", "2026-01-05T06:00:00Z", ""),
	}, content.Options{
		Categories: []content.Category{{Slug: "engineering", Name: "Engineering", Description: "How"}},
		Now:        func() time.Time { return time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	site := feeds.Site{BaseURL: baseURL, Title: "Insights", Description: "What we learned", Author: "Example Studio", Authority: "example.com,2025"}
	set, err := feeds.Build(lib, site, nil)
	if err != nil {
		t.Fatal(err)
	}
	return set.Documents()
}

func TestLintFindsNoFaultInValidDocuments(t *testing.T) {
	if faults := feedstest.Lint(baseURL, documents(t)); len(faults) > 0 {
		t.Errorf("%q", faults)
	}
}

func TestLintFindsFaults(t *testing.T) {
	const oldID = "tag:example.com,2025:0b0f6f0e-6a51-4c59-8d3c-0f0d3c1b2a19"
	for _, broken := range []struct {
		format         feeds.Format
		old, new, want string
	}{
		{feeds.RSS, "</rss>", "", "not well-formed"},
		{feeds.RSS, "</rss>", "</rss><rss></rss>", "after the root element"},
		{feeds.RSS, "</rss>", "</rss>text", "after the root element"},
		{feeds.RSS, "<rss version", "<rdf version", "not well-formed"},
		{feeds.RSS, `version="2.0"`, `version="0.91"`, `RSS version "0.91"`},
		{feeds.RSS, "Words.", "Words\x08.", "not well-formed"},
		{feeds.RSS, "Words.", "Words\xff.", "not UTF-8"},
		{feeds.RSS, "<title>Insights</title>", "<title> </title>", "no title"},
		{feeds.RSS, "<link>https://example.com/news/</link>", "<link>/</link>", "not an absolute URL"},
		{feeds.RSS, "<description>What we learned</description>", "", "no description"},
		{feeds.RSS, "<lastBuildDate>", "<lastBuildDate>x", "cannot parse"},
		{feeds.RSS, `href="https://example.com/news/feeds/all.rss"`, `href="https://example.com/news/feeds/all.xml"`, "its own URL"},
		{feeds.RSS, `isPermaLink="false">` + oldID, `>` + oldID, "isPermaLink"},
		{feeds.RSS, oldID, "", "not a URI"},
		{feeds.RSS, oldID, "my id", "not a URI"},
		{feeds.RSS, oldID, "tag:blog.example.org,2019:new", "used twice"},
		{feeds.RSS, "<pubDate>Mon, 05 Jan 2026", "<pubDate>Mon 05 Jan 2026", "cannot parse"},
		{feeds.RSS, "<pubDate>Mon, 05 Jan 2026", "<pubDate>Thu, 08 Jan 2026", "newer than the entry before"},
		{feeds.RSS, "<atom:updated>2026-01-06", "<atom:updated>2025-01-06", "updated before"},
		{feeds.RSS, "<p>Words.</p>", "", "no content"},
		{feeds.RSS, "<dc:creator>Example Studio</dc:creator>", "", "0 of dc:creator"},
		{feeds.RSS, "<link>https://example.com/news/insights/old</link>", "<link>insights/old</link>", "not an absolute URL"},
		{feeds.RSS, "<p>Words.</p>", "<script>alert(1)</script>", "<script>"},
		{feeds.RSS, "<p>Words.</p>", "<FORM><input></FORM>", "<form>"},
		{feeds.RSS, "<p>Words.</p>", `<p onclick="x()">Words.</p>`, "event handler"},
		{feeds.RSS, "<p>Words.</p>", `<a href="#there">Words.</a>`, `<a href="#there">`},
		{feeds.RSS, "<p>Words.</p>", `<a href="javascript:x()">Words.</a>`, "javascript"},
		{feeds.RSS, "<p>Words.</p>", `<img src="x.png">`, `<img src="x.png">`},
		{feeds.RSS, "<p>Words.</p>", `<img srcset="https://example.com/b.png 1x, c.png 2x">`, `<img srcset="c.png">`},
		{feeds.RSS, `media:thumbnail url="https://example.com/picture.png"`, `media:thumbnail url="picture.png"`, "media:thumbnail"},
		{feeds.RSS, "<fh:complete>", `<atom:link rel="prev-archive" type="application/rss+xml" href="https://example.com/news/feeds/all/2020-01.rss"/><fh:complete>`, "does not exist: https://example.com/news/feeds/all/2020-01.rss"},

		{feeds.Atom, `<feed xmlns="http://www.w3.org/2005/Atom"`, `<feed xmlns="http://purl.org/atom/ns#"`, "not well-formed"},
		{feeds.Atom, "<id>tag:example.com,2025:feed:all</id>", "", "id"},
		{feeds.Atom, `<content type="html"><![CDATA[<p>Words`, `<content type="text"><![CDATA[<p>Words`, `of type "text"`},
		{feeds.Atom, "<published>2026-01-06T06:00:00Z", "<published>6 January", "cannot parse"},

		{feeds.JSON, "{", "", "not JSON"},
		{feeds.JSON, `"https://jsonfeed.org/version/1.1"`, `"2.0"`, `version "2.0"`},
		{feeds.JSON, `"items"`, `"entries"`, "no items"},
		{feeds.JSON, `"feed_url": "https://`, `"feed_url": "`, "its own URL"},
		{feeds.JSON, `"date_published": "2026-01-06T06:00:00Z"`, `"date_published": "today"`, "not JSON"},
		{feeds.JSON, `"image": "https://example.com/picture.png"`, `"image": "picture.png"`, "not an absolute URL"},
		{feeds.JSON, "tag:blog.example.org,2019:new", "tag:blog.example.org,2019:other", "readers take it for two"},
		{feeds.JSON, "/insights/old", "/insights/elsewhere", "is also that of"},
	} {
		all := documents(t)
		i := slices.IndexFunc(all, func(d *feeds.Document) bool { return d.Path == "/feeds/all."+string(broken.format) })
		d := *all[i]
		d.Body = bytes.ReplaceAll(d.Body, []byte(broken.old), []byte(broken.new))
		if bytes.Equal(d.Body, all[i].Body) {
			t.Errorf("%s does not hold %q", d.Path, broken.old)
			continue
		}
		all[i] = &d
		if faults := feedstest.Lint(baseURL, all); !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, broken.want) }) {
			t.Errorf("%s with %q for %q: no fault says %q: %q", d.Path, broken.new, broken.old, broken.want, faults)
		}
	}
}
