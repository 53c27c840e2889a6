package web

import (
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/templates"
)

func (s *site) digestHead(title, path string) templates.Head {
	h := s.head(title, path)
	h.Feeds = append(s.formatLinks("/digests", "digests", s.Site.Title+" digests"), h.Feeds...)
	return h
}

// maxPage is beyond the last page of any archive.
const maxPage = 1 << 20

func (s *site) digestsPage(w http.ResponseWriter, r *http.Request) error {
	page := 1
	if given := r.PathValue("page"); given != "" {
		n, err := strconv.Atoi(given)
		if err != nil || n < 2 || n > maxPage || strconv.Itoa(n) != given {
			return statusError(http.StatusNotFound)
		}
		page = n
	}
	return s.uncached(w, r, func() (templates.View, error) { return s.digestsView(r, page) })
}

func (s *site) digestsView(r *http.Request, page int) (templates.View, error) {
	// One more than shown tells whether there is an older page.
	digests, err := s.Archive.SentDigests(r.Context(), perPage+1, (page-1)*perPage)
	if err != nil {
		return nil, fmt.Errorf("list digests: %w", err)
	}
	if len(digests) == 0 && page > 1 {
		return nil, statusError(http.StatusNotFound)
	}
	v := &templates.DigestsPage{Head: s.digestHead("Past digests", r.URL.Path)}
	v.Pager = templates.Pager{Page: page, Pages: page}
	if len(digests) > perPage {
		digests = digests[:perPage]
		v.Pager.Pages, v.Pager.Older = page+1, pagePath("/digests", page+1)
	}
	if page > 1 {
		v.Pager.Newer = pagePath("/digests", page-1)
	}
	v.Prev, v.Next = v.Pager.Newer, v.Pager.Older
	for _, d := range digests {
		v.Digests = append(v.Digests, digestRow(d))
	}
	return v, nil
}

func (s *site) digestPage(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != r.PathValue("id") {
		return statusError(http.StatusNotFound)
	}
	return s.uncached(w, r, func() (templates.View, error) { return s.digestView(r, id) })
}

func (s *site) digestView(r *http.Request, id int64) (templates.View, error) {
	d, err := s.Archive.SentDigest(r.Context(), id)
	if err != nil {
		return nil, fmt.Errorf("read digest: %w", err)
	}
	row := digestRow(d)
	v := &templates.DigestPage{Head: s.digestHead(row.Title, r.URL.Path), Digest: row, IntroHTML: template.HTML(intro(d).HTML()), TakenDown: d.TakenDown}
	library := s.Library()
	for _, item := range d.Items {
		v.Items = append(v.Items, templates.DigestItem{Item: item, Path: currentPath(library, item)})
	}
	return v, nil
}

// uncached answers with a page that is read from the database, once there is a place for it.
func (s *site) uncached(w http.ResponseWriter, r *http.Request, read func() (templates.View, error)) error {
	leave, err := s.place(s.lines.digests, r).enter(r.Context(), new(shared))
	if err != nil {
		return err
	}
	page, err := func() ([]byte, error) {
		defer leave()
		v, err := read()
		if err != nil {
			return nil, err
		}
		return s.Pages.Render(v)
	}()
	if err != nil {
		return err
	}
	s.public(w, pageAge, s.Library().Next())
	return newUnkeptBody(page, htmlType).send(w, r)
}

// currentPath is the present path of a digest's insight, or empty.
func currentPath(library *content.Library, item newsletter.Item) string {
	if in, ok := library.ByID(item.InsightID); ok {
		return in.Path()
	}
	return ""
}

func digestRow(d newsletter.Digest) templates.DigestRow {
	return templates.DigestRow{
		Path:    "/digests/" + strconv.FormatInt(d.ID, 10),
		Title:   titleOf(d),
		Sent:    sentAt(d),
		Cadence: d.Cadence,
		Count:   len(d.Items),
	}
}

// titleOf is the subject of a digest. One of which nothing is left has none that may be shown.
func titleOf(d newsletter.Digest) string {
	if len(d.Items) == 0 {
		return "A digest that was taken down"
	}
	return newsletter.SubjectFor(d.Items, d.Subject)
}

// sentAt is when a digest began to go out. It does not change when it ends.
func sentAt(d newsletter.Digest) time.Time {
	if d.ApprovedAt.IsZero() {
		return d.PlannedAt
	}
	return d.ApprovedAt
}

// intro is what staff said at the top of a digest.
func intro(d newsletter.Digest) content.Note {
	note, _ := content.ParseNote(d.Intro) // its faults were reported when it was planned
	return note
}
