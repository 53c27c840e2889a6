package web

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/scaledbydesign/insights/feeds"
)

// documentAge is how long feed readers and caches may keep a document; readers
// take it as the time to wait before they ask again. The documents say the same.
var documentAge = newMaxAge(int(feeds.Refresh / time.Second))

// documentVaries: a browser gets a page for people instead (see preview).
var documentVaries = []string{"Accept-Encoding, Sec-Fetch-Dest"}

// documents serves the documents of the current set from memory.
type documents struct {
	current atomic.Pointer[publication]
	mu      sync.Mutex // while one is being made
	next    *publication
	made    cache // archives, feeds of several categories and pages that show documents, by set
}

// publication is a set whose head documents are ready to be sent.
type publication struct {
	set   *feeds.Set
	heads map[string]*body // by path
}

// Prepare encodes the documents of a set that is about to become current, so that no
// reader waits for it. What did not change is not encoded again.
func (s *Site) Prepare(set *feeds.Set) {
	d := &s.site.documents
	p := s.site.publish(set, s.site.publication())
	for _, head := range p.heads {
		head.encodeAll()
	}
	d.mu.Lock()
	d.next = p
	d.mu.Unlock()
}

// publication returns the documents of the current set. A reader never sees the
// validators of one set with the bytes of another.
func (s *site) publication() *publication {
	d := &s.documents
	set := s.Feeds()
	if p := d.current.Load(); p != nil && p.set == set {
		return p
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.current.Load()
	if p != nil && p.set == set {
		return p
	}
	if d.next != nil && d.next.set == set {
		p = d.next
	} else {
		p = s.publish(set, p)
	}
	d.current.Store(p)
	return p
}

// publish makes the answers of a set and takes over what before had encoded.
func (s *site) publish(set *feeds.Set, before *publication) *publication {
	p := &publication{set, make(map[string]*body)}
	for _, doc := range set.Documents() {
		served := s.serve(doc)
		if before != nil && before.heads[doc.Path] != nil && before.heads[doc.Path].hash == doc.Hash {
			served.encodings = before.heads[doc.Path].encodings
		}
		p.heads[doc.Path] = served
	}
	return p
}

func (s *site) serve(doc *feeds.Document) *body {
	b := &body{
		encodings:   &encodings{hash: doc.Hash, bytes: doc.Body},
		contentType: []string{doc.ContentType},
		varies:      documentVaries,
		links:       s.links(doc.Path, doc.HomePath, doc.Hub),
		followed:    doc.Archive == "" && doc.Feed != "",
		format:      doc.Format,
	}
	b.changedAt(doc.Modified)
	return b
}

// links are a document's Link headers (RFC 8288): WebSub looks for self and hub in
// them.
func (s *site) links(self, home, hub string) []string {
	links := []string{
		`<` + s.Site.BaseURL + self + `>; rel="self"`,
		`<` + s.Site.BaseURL + home + `>; rel="alternate"; type="text/html"`,
	}
	if hub != "" {
		links = append(links, `<`+hub+`>; rel="hub"`)
	}
	return links
}

// headAt answers with the head document at a path, whatever the path of the
// request: readers that probe for a feed do not all follow redirects.
func (s *site) headAt(path string) handlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		p := s.publication()
		head, ok := p.heads[path]
		if !ok {
			return statusError(http.StatusNotFound)
		}
		return s.sendDocument(w, r, p.set, path, head)
	}
}

// document answers with an archive or a feed of several categories, and redirects
// to the one address that each has.
func (s *site) document(w http.ResponseWriter, r *http.Request) error {
	p := s.publication()
	path, ok := p.set.Canonical(r.URL.Path)
	if !ok {
		return missing(p.set, r.URL.Path)
	}
	if path != r.URL.Path {
		return moved(path)(w, r)
	}
	made, err := s.documents.made.get(r.Context(), p.set, path, s.place(s.lines.documents, r), func() (*body, error) {
		doc, err := p.set.Render(path)
		if err != nil {
			return nil, err
		}
		served := s.serve(doc)
		served.in(accepted(r.Header)) // while there is a place for it
		return served, nil
	})
	if errors.Is(err, feeds.ErrNotFound) {
		return missing(p.set, path)
	}
	if err != nil {
		return err
	}
	if c := accepted(r.Header); !made.has(c) {
		leave, err := s.place(s.lines.documents, r).enter(r.Context(), new(shared))
		if err != nil {
			return err
		}
		made.in(c)
		leave()
	}
	return s.sendDocument(w, r, p.set, path, made)
}

// missing tells readers of a feed that was taken down to stop asking.
func missing(set *feeds.Set, path string) error {
	if set.Gone(path) {
		return statusError(http.StatusGone)
	}
	return statusError(http.StatusNotFound)
}

func (s *site) sendDocument(w http.ResponseWriter, r *http.Request, set *feeds.Set, path string, b *body) error {
	if b.format != "" && opensPage(r) {
		page, err := s.documents.made.get(r.Context(), set, "page of "+path, s.place(s.lines.documents, r), func() (*body, error) {
			feed, err := set.Feed(path)
			if err != nil {
				return nil, err
			}
			return s.preview(feed, b.format)
		})
		if err != nil {
			return err
		}
		s.feedHeaders(w, b.links, set.Next())
		unshared(w)
		return page.send(w, r)
	}
	if b.followed {
		s.seen(r, path)
	}
	s.feedHeaders(w, b.links, set.Next())
	return b.send(w, r)
}

// unshared keeps an answer out of every cache. It is that for people at an address where
// programs get another: caches that ignore Vary, as CDNs do, would hand it to those.
func unshared(w http.ResponseWriter) {
	h := w.Header()
	h["Cache-Control"] = []string{"private, no-store"}
	h["Cdn-Cache-Control"] = []string{"no-store"} // RFC 9213: even where the first is overruled
}

// anybody may read a feed from a page of theirs.
var (
	anybody       = []string{"*"}
	exposedToThem = []string{"ETag, Link"}
)

// feedHeaders are what a feed's answer says, 304 or not.
func (s *site) feedHeaders(w http.ResponseWriter, links []string, next time.Time) {
	h := w.Header()
	h["Link"] = links
	h["Access-Control-Allow-Origin"] = anybody
	h["Access-Control-Expose-Headers"] = exposedToThem
	s.public(w, documentAge, next)
}

// seen counts who is sent a document that feed readers subscribe to, whole or as
// unchanged. People who open it in a browser were sent a page before this.
func (s *site) seen(r *http.Request, document string) {
	if s.Readers != nil && r.Method == http.MethodGet {
		s.Readers.Seen(document, r.UserAgent(), s.clientAddr(r))
	}
}
