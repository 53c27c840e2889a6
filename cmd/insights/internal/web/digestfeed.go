package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/newsletter"
)

// digestsPath is the archive's page, and its feed's documents with an extension.
const digestsPath = "/digests"

// digestsInFeed is how many of the newest digests their feed holds.
const digestsInFeed = 50

func (s *site) digestsFeed(w http.ResponseWriter, r *http.Request) error {
	format, err := feeds.ParseFormat(strings.TrimPrefix(r.URL.Path, "/digests."))
	if err != nil {
		return statusError(http.StatusNotFound)
	}
	library, page := s.Library(), opensPage(r)
	b, err := s.digestsDocument(r, library, format, page)
	if err != nil {
		return err
	}
	if !page {
		s.seen(r, r.URL.Path)
	}
	s.feedHeaders(w, s.links(r.URL.Path, digestsPath, ""), library.Next())
	if page {
		unshared(w)
	}
	return b.send(w, r)
}

// digestsDocument is the feed of digests in a format, or the page that shows it, made
// again when a digest or an insight of one has changed.
func (s *site) digestsDocument(r *http.Request, library *content.Library, format feeds.Format, page bool) (*body, error) {
	leave, err := s.place(s.lines.digests, r).enter(r.Context(), new(shared))
	if err != nil {
		return nil, err
	}
	defer leave()
	digests, err := s.Archive.SentDigests(r.Context(), digestsInFeed, 0)
	if err != nil {
		return nil, fmt.Errorf("list digests: %w", err)
	}
	var version strings.Builder // of the digests, and of the insights they link to
	version.WriteString(library.Version())
	for _, d := range digests {
		fmt.Fprintf(&version, " %s %d", d.UID, sentAt(d).UnixMilli())
	}
	b, err := s.digests.get(r.Context(), version.String(), fmt.Sprint(format, page), place{}, func() (*body, error) {
		feed := s.digestFeed(digests, library)
		if page {
			return s.preview(feed, format)
		}
		rendered, err := feeds.Render(feed, format)
		b := newBody(rendered, format.ContentType())
		b.changedAt(s.digestsChanged(r.Context(), feed))
		b.varies = documentVaries
		return b, err
	})
	if err != nil {
		return nil, fmt.Errorf("render feed of digests: %w", err)
	}
	return b, nil
}

// digestsChanged returns when the feed of digests last changed: not only with a digest, but
// also when an insight that one carried gets another address, or is taken away.
func (s *site) digestsChanged(ctx context.Context, feed feeds.Feed) time.Time {
	updated := feed.Updated()
	if s.Documents == nil {
		return updated
	}
	text, err := json.Marshal(feed)
	if err == nil {
		sum := sha256.Sum256(text)
		var changed map[string]time.Time
		// What is kept must not depend on whether this one waits for it.
		recording, done := context.WithoutCancel(ctx), func() {}
		if until, ok := ctx.Deadline(); ok {
			recording, done = context.WithDeadline(recording, until)
		}
		defer done()
		changed, err = s.Documents.RecordDocuments(recording, []feeds.State{{Path: digestsPath, Version: hex.EncodeToString(sum[:12]), Updated: updated}})
		if at := changed[digestsPath]; at.After(updated) {
			return at
		}
	}
	if err != nil {
		s.Log.ErrorContext(ctx, "cannot load feed modification times", "error", err)
	}
	return updated
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
		var titles []string
		for _, item := range d.Items {
			titles = append(titles, item.Title)
		}
		feed.Entries = append(feed.Entries, feeds.Entry{
			ID:        feeds.EntryID(s.FeedSite, "digest:"+d.UID),
			URL:       s.Site.BaseURL + row.Path,
			Title:     row.Title,
			Summary:   strings.Join(titles, " · "),
			HTML:      s.digestHTML(d, library),
			Published: row.Sent,
		})
	}
	return feed
}

// digestHTML is a digest for feed readers: its words, and its insights as links.
func (s *site) digestHTML(d newsletter.Digest, library *content.Library) string {
	var b strings.Builder
	b.WriteString(intro(d).HTML())
	for _, item := range d.Items {
		title := html.EscapeString(item.Title)
		path := currentPath(library, item)
		if path != "" {
			title = `<a href="` + html.EscapeString(s.Site.BaseURL+path) + `">` + title + `</a>`
		}
		fmt.Fprintf(&b, "<h3>%s</h3>\n", title)
		if path != "" {
			fmt.Fprintf(&b, "<p>%s</p>\n", html.EscapeString(item.Summary))
		}
	}
	return b.String()
}
