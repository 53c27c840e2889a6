package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
)

// TestABrowserIsShownAPage opens every document as a browser does.
func TestABrowserIsShownAPage(t *testing.T) {
	f := newFixture(t, long(), func(c *web.Config) { c.Dev = true; c.Changed = func() <-chan struct{} { return nil } })
	f.sendDigest(1)
	for _, path := range everyDocument(t, f.set) {
		document := f.get(path)
		page := f.get(path, "Sec-Fetch-Dest", "document")
		wantStatus(t, page, http.StatusOK)
		if strings.HasSuffix(path, ".opml") { // a file to save
			wantHeader(t, page, "Content-Type", document.Header.Get("Content-Type"))
			continue
		}
		wantHeader(t, page, "Content-Type", "text/html; charset=utf-8")
		wantHeader(t, page, "Vary", document.Header.Get("Vary"))
		wantHeader(t, page, "Link", document.Header.Get("Link"))
		// A cache that ignores Vary must not hand the page to feed readers.
		wantHeader(t, page, "Cache-Control", "private, no-store")
		wantHeader(t, page, "CDN-Cache-Control", "no-store")
		wantHeader(t, document, "CDN-Cache-Control", "")
		if page.Header.Get("ETag") == document.Header.Get("ETag") {
			t.Errorf("%s: page and document have one ETag", path)
		}
		wantStatus(t, f.get(path, "Sec-Fetch-Dest", "document", "If-None-Match", page.Header.Get("ETag")), http.StatusNotModified)
		wantStatus(t, f.get(path, "Sec-Fetch-Dest", "document", "If-None-Match", document.Header.Get("ETag")), http.StatusOK)
		body := bodyOf(t, page)
		self := strings.ReplaceAll(strings.Split(strings.TrimPrefix(document.Header.Get("Link"), "<"), ">")[0], "+", "&#43;")
		if archive := strings.Count(path, "/") == 3; archive { // nobody is to follow it
			self = self[:strings.LastIndex(self, "/")] + self[strings.LastIndex(self, "."):]
		}
		for _, want := range []string{self, "noindex", `href="` + base + `/feeds.opml"`} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: the page does not hold %s", path, want)
			}
		}
		if strings.Contains(body, "<script") {
			t.Errorf("%s: a script, which the policy forbids here", path)
		}
	}
}

func TestThePageOfAFeedLeadsOn(t *testing.T) {
	f := newFixture(t, long(), nil)
	older, _ := f.set.Document("/feeds/all.atom")
	links := func(path string) []string {
		var all []string
		page := bodyOf(t, f.get(path, "Sec-Fetch-Dest", "document"))
		for _, name := range []string{"a", "link"} {
			for _, n := range elements(t, page, name) {
				all = append(all, attribute(n, "href"))
			}
		}
		return all
	}
	for path, want := range map[string][]string{
		"/feeds/all.atom":                     {base + older.Previous, base + "/feeds/all.rss", base + "/feeds/all.json", "/subscribe", base + "/insights/long-89"},
		older.Previous:                        {base + "/feeds/all.atom"},
		"/feeds/leadership.json":              {base + "/feeds/leadership.rss", "/categories/leadership", "/subscribe?category=leadership"},
		"/feeds/architecture+leadership.atom": {base + "/feeds/architecture+leadership.json", "/subscribe?category=architecture&category=leadership"},
	} {
		got := links(path)
		for _, link := range want {
			if !slices.Contains(got, link) {
				t.Errorf("%s: no link to %s", path, link)
			}
		}
	}
	if own := links("/feeds/leadership.json"); slices.Index(own, base+"/feeds/leadership.atom") > slices.Index(own, base+"/feeds/all.atom") {
		t.Error("the feed of all is offered before the category's own")
	}
}
