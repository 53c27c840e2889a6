package web

import (
	"fmt"
	"html"
	"net/http"
	"strings"
	"sync"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/newsletter"
)

// digestsPath is the archive's page, and its feed's documents with an extension.
const digestsPath = "/digests"

// digestsInFeed is how many of the newest digests their feed holds.
const digestsInFeed = 50

// digestFeeds keeps the documents of the newest digests as long as those stay
// the same.
type digestFeeds struct {
	mu     sync.Mutex
	of     string // names the digests and the snapshot they link to
	bodies map[digestDocument]*body
}

// digestDocument is a document of the feed of digests, or the page that shows it.
type digestDocument struct {
	format feeds.Format
	page   bool
}

func (s *site) digestsFeed(w http.ResponseWriter, r *http.Request) error {
	format, err := feeds.ParseFormat(strings.TrimPrefix(r.URL.Path, "/digests."))
	if err != nil {
		return statusError(http.StatusNotFound)
	}
	digests, err := s.Archive.SentDigests(r.Context(), digestsInFeed, 0)
	if err != nil {
		return fmt.Errorf("list digests: %w", err)
	}
	asked := digestDocument{format, opensPage(r)}
	b, err := s.digests.get(s, digests, s.Library(), asked)
	if err != nil {
		return fmt.Errorf("render feed of digests: %w", err)
	}
	if !asked.page {
		s.seen(r, r.URL.Path)
	}
	s.feedHeaders(w, s.links(r.URL.Path, digestsPath, ""), s.Library().Next())
	return b.send(w, r)
}

func (c *digestFeeds) get(s *site, digests []newsletter.Digest, library *content.Library, asked digestDocument) (*body, error) {
	var of strings.Builder
	of.WriteString(library.Version())
	for _, d := range digests {
		fmt.Fprintf(&of, " %s %d", d.UID, sentAt(d).UnixMilli())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of != of.String() {
		c.of, c.bodies = of.String(), make(map[digestDocument]*body)
	}
	if b, ok := c.bodies[asked]; ok {
		return b, nil
	}
	b, err := s.digestBody(s.digestFeed(digests, library), asked)
	if err == nil {
		c.bodies[asked] = b
	}
	return b, err
}

func (s *site) digestBody(feed feeds.Feed, asked digestDocument) (*body, error) {
	if asked.page {
		return s.preview(feed, asked.format)
	}
	rendered, err := feeds.Render(feed, asked.format)
	if err != nil {
		return nil, err
	}
	b := newBody(rendered, asked.format.ContentType())
	b.changedAt(feed.Updated())
	b.varies = documentVaries
	return b, nil
}

// digestFeed is the feed in which a digest is an entry.
func (s *site) digestFeed(digests []newsletter.Digest, library *content.Library) feeds.Feed {
	site := s.FeedSite
	site.Hub = "" // nobody tells it of digests
	feed := feeds.Feed{
		Site:        site,
		Name:        "digests",
		Title:       s.Site.Title + " digests",
		Description: "What subscribers of " + s.Site.Title + " have received by mail.",
		Path:        digestsPath,
		HomePath:    digestsPath,
	}
	for _, d := range digests {
		row := digestRow(d)
		feed.Entries = append(feed.Entries, feeds.Entry{
			ID:        feeds.EntryID(s.FeedSite, "digest:"+d.UID),
			URL:       s.Site.BaseURL + row.Path,
			Title:     row.Title,
			Summary:   strings.Join(titles(d.Items), " · "),
			HTML:      s.digestHTML(d, library),
			Published: row.Sent,
		})
	}
	return feed
}

func titles(items []newsletter.Item) []string {
	var list []string
	for _, item := range items {
		list = append(list, item.Title)
	}
	return list
}

// digestHTML is a digest for feed readers: its words, and its insights as links.
func (s *site) digestHTML(d newsletter.Digest, library *content.Library) string {
	var b strings.Builder
	for _, p := range paragraphs(d.Intro) {
		fmt.Fprintf(&b, "<p>%s</p>\n", html.EscapeString(p))
	}
	for _, item := range d.Items {
		title := html.EscapeString(item.Title)
		if path := currentPath(library, item); path != "" {
			title = `<a href="` + html.EscapeString(s.Site.BaseURL+path) + `">` + title + `</a>`
		}
		fmt.Fprintf(&b, "<h3>%s</h3>\n<p>%s</p>\n", title, html.EscapeString(item.Summary))
	}
	return b.String()
}
