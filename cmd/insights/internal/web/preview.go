package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/templates"
)

// opensPage reports whether a browser asks for something to show in a tab. No feed
// reader says so, while many name text/html in Accept (W3C Fetch Metadata,
// section 2.1).
func opensPage(r *http.Request) bool {
	dest := r.Header["Sec-Fetch-Dest"]
	return len(dest) == 1 && dest[0] == "document"
}

// preview is a feed document as a page, for people who open its address: their
// browser would show them its source.
func (s *site) preview(feed feeds.Feed, format feeds.Format) (*body, error) {
	page := &templates.FeedPage{
		Head:    s.head("Feed of "+feed.Title, ""),
		Heading: feed.Title, URL: feed.SelfURL(format),
		OPML: s.Site.BaseURL + "/feeds.opml", Home: feed.HomePath,
		Digests: feed.Path == digestsPath, Total: max(feed.Total, len(feed.Entries)), Updated: feed.Updated(),
		Older: feed.PreviousURL(format),
	}
	page.Description, page.NoIndex, page.Script = feed.Description, true, ""
	if feed.Archive != "" {
		page.Current = feed.CurrentURL(format)
	}
	slugs := strings.Split(strings.TrimPrefix(feed.Path, "/feeds/"), "+")
	if page.Digests || feed.Path == "/feeds/all" {
		slugs = nil
	}
	if s.Registry != nil {
		page.Mail = "/subscribe"
		if len(slugs) > 0 {
			page.Mail += "?" + url.Values{"category": slugs}.Encode()
		}
	}
	category := ""
	if len(slugs) == 1 {
		category = slugs[0]
	}
	if feed.Path != "/feeds/all" {
		page.Feeds = append(s.formatLinks(feed.Path, category, feed.Title), page.Feeds...)
	}
	for _, f := range feedFormats() {
		if feeds.Format(f.extension) == format {
			page.Format = f.name
		} else {
			page.Others = append(page.Others, templates.FeedLink{Title: feed.Title, Format: f.name, Category: category, URL: feed.SelfURL(feeds.Format(f.extension))})
		}
	}
	for _, e := range feed.Entries {
		entry := templates.FeedEntry{Title: e.Title, URL: e.URL, Date: e.Published, Summary: e.Summary}
		if len(slugs) != 1 && len(e.Categories) > 0 {
			entry.Category = e.Categories[0].Name
		}
		page.Entries = append(page.Entries, entry)
	}
	b, err := s.Pages.Render(page)
	shown := newBody(b, htmlType)
	shown.varies = documentVaries
	return shown, err
}
