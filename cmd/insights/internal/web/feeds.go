package web

import (
	"net/http"
	"sync"

	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/templates"
)

// feedAge is how many seconds feed readers and caches may keep a document; readers
// take it as the time to wait before they ask again.
const feedAge = 900

// feedFormat is one format as pages offer it.
type feedFormat struct{ extension, name string }

// feedFormats are the formats in the order of autodiscovery: Atom says most.
func feedFormats() []feedFormat {
	return []feedFormat{
		{"atom", "Atom"},
		{"rss", "RSS"},
		{"json", "JSON Feed"},
	}
}

// feedLinks are the three documents of one category, or of all for no slug.
func (s *site) feedLinks(slug, title string) []templates.FeedLink {
	name := slug
	if name == "" {
		name = "all"
	}
	return s.formatLinks("/feeds/"+name, slug, title)
}

func (s *site) formatLinks(stem, category, title string) []templates.FeedLink {
	var links []templates.FeedLink
	for _, f := range feedFormats() {
		links = append(links, templates.FeedLink{
			Title: title, Format: f.name, Category: category,
			URL: s.Site.BaseURL + stem + "." + f.extension,
		})
	}
	return links
}

func (s *site) feedsPage(w http.ResponseWriter, r *http.Request) error {
	library := s.Library()
	return s.cached(w, r, library, r.URL.Path, func() (templates.View, error) {
		v := &templates.FeedsPage{Head: s.head("Feeds", r.URL.Path), OPML: s.Site.BaseURL + "/feeds.opml"}
		v.Description = "RSS, Atom and JSON feeds of " + s.Site.Title + ", in full and by category."
		v.Rows = append(v.Rows, templates.FeedRow{Name: "All insights", Path: "/", Links: s.feedLinks("", "all insights")})
		for _, c := range library.Categories() {
			v.Rows = append(v.Rows, templates.FeedRow{Name: c.Name, Path: "/categories/" + c.Slug, Links: s.feedLinks(c.Slug, c.Name)})
		}
		v.Rows = append(v.Rows, templates.FeedRow{Name: "Past digests", Path: "/digests", Links: s.formatLinks("/digests", "digests", "past digests")})
		return v, nil
	})
}

// document answers with the feed document at the path of the request.
func (s *site) document(w http.ResponseWriter, r *http.Request) error {
	return s.documentAt(r.URL.Path)(w, r)
}

// documentAt answers with one feed document, whatever the path of the request:
// readers that probe for a feed do not all follow redirects.
func (s *site) documentAt(path string) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		set := s.Feeds()
		doc, ok := set.Document(path)
		if !ok {
			return statusError(http.StatusNotFound)
		}
		s.feedHeaders(w, doc.Path, doc.ContentType, s.alternate(doc))
		return s.documents.get(set, doc).send(w, r)
	}
}

// alternate is the path of the page that shows what a document holds.
func (s *site) alternate(doc *feeds.Document) string {
	if doc.Path == "/feeds.opml" {
		return "/feeds"
	}
	if doc.Category != "" {
		return "/categories/" + doc.Category
	}
	return "/"
}

// feedHeaders are what a feed's answer says, 304 or not. Anybody may read it from
// a page of theirs.
func (s *site) feedHeaders(w http.ResponseWriter, self, contentType, alternate string) {
	h := w.Header()
	h.Add("Link", `<`+s.Site.BaseURL+self+`>; rel="self"`)
	h.Add("Link", `<`+s.Site.BaseURL+alternate+`>; rel="alternate"; type="text/html"`)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "ETag, Link")
	s.public(w, feedAge)
}

// documentCache keeps the validators of one set's documents, so that a body is
// hashed once and not for every reader.
type documentCache struct {
	mu     sync.Mutex
	set    *feeds.Set
	bodies map[string]body
}

func (c *documentCache) get(set *feeds.Set, doc *feeds.Document) body {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set != set {
		c.set, c.bodies = set, make(map[string]body)
	}
	b, ok := c.bodies[doc.Path]
	if !ok {
		b = newBody(doc.Body, doc.ContentType)
		b.lastModified = doc.Updated
		c.bodies[doc.Path] = b
	}
	return b
}
