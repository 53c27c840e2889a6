package web

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/scaledbydesign/insights/templates"
)

// feedFormat is one format as pages offer it.
type feedFormat struct{ extension, name string }

// feedFormats are the formats in the order of autodiscovery: Atom says most.
func feedFormats() []feedFormat {
	return []feedFormat{{"atom", "Atom"}, {"rss", "RSS"}, {"json", "JSON Feed"}}
}

// feedLinks are the three documents of one category, or of all for no slug.
func (s *site) feedLinks(slug, title string) []templates.FeedLink {
	return s.formatLinks("/feeds/"+cmp.Or(slug, "all"), slug, title)
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
	return s.cached(w, r, library, r.URL.Path, func() templates.View {
		v := &templates.FeedsPage{Head: s.head("Feeds", r.URL.Path), OPML: s.Site.BaseURL + "/feeds.opml", AllOPML: s.Site.BaseURL + "/feeds/all.opml"}
		v.Description = "RSS, Atom and JSON feeds of " + s.Site.Title + ", in full and by category."
		v.Rows = append(v.Rows, templates.FeedRow{Name: "All insights", Path: "/", Links: s.feedLinks("", "all insights")})
		for _, c := range library.Categories() {
			v.Rows = append(v.Rows, templates.FeedRow{Name: c.Name, Path: "/categories/" + c.Slug, Links: s.feedLinks(c.Slug, c.Name)})
		}
		if c := library.Categories(); len(c) > 2 && v.Offers() { // two would be all
			v.Categories = c
			v.Combined = cmp.Or(s.Server, s.Site.BaseURL) + "/feeds/" + min(c[0].Slug, c[1].Slug) + "+" + max(c[0].Slug, c[1].Slug) + ".atom"
		}
		if v.Offers() {
			links := s.formatLinks("/digests", "digests", "past digests")
			for i := range links {
				links[i].URL = cmp.Or(s.Server, s.Site.BaseURL) + strings.TrimPrefix(links[i].URL, s.Site.BaseURL)
			}
			v.Rows = append(v.Rows, templates.FeedRow{Name: "Past digests", Path: "/digests", Links: links})
		}
		return v
	})
}

// combine leads from the form on /feeds to the feed of the categories that were
// ticked: ?category=a&category=b&format=atom to /feeds/a+b.atom, the one address
// that this combination has. None leads back to the form. Without a format it is
// Atom.
func (s *site) combine(w http.ResponseWriter, r *http.Request) error {
	to := "/feeds#combine"
	query := r.URL.Query()
	if query.Has("category") {
		format := feedFormats()[0].extension
		if query.Has("format") {
			format = query.Get("format")
		}
		canonical, ok := s.Feeds().Canonical("/feeds/" + strings.Join(query["category"], "+") + "." + format)
		if !ok {
			return statusError(http.StatusNotFound)
		}
		to = canonical
	}
	s.public(w, pageAge, s.Library().Next())
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
