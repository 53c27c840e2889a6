package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/content"
)

// asset answers with a file that pages need. One whose address holds its hash is
// kept for ever.
func (s *site) asset(w http.ResponseWriter, r *http.Request) error {
	path := r.URL.Path
	if path == "/favicon.ico" {
		path = "/assets/favicon.ico"
	}
	a, ok := s.Pages.Asset(path)
	if !ok {
		return statusError(http.StatusNotFound)
	}
	cache := "public, max-age=86400"
	if a.Immutable {
		cache = "public, max-age=31536000, immutable"
	}
	w.Header().Set("Cache-Control", cache)
	b, err := s.assets.get(r.Context(), s.Pages, path, s.place(s.lines.pages, r), func() (*body, error) { return newBody(a.Body, a.ContentType), nil })
	if err != nil {
		return err
	}
	return b.send(w, r)
}

// image answers with an image of an insight. Opened by itself, an SVG could act
// as a page of this site; the policy takes that from it.
func (s *site) image(w http.ResponseWriter, r *http.Request) error {
	library := s.Library()
	name := r.PathValue("name")
	version, size, ok := library.ImageVersion(name)
	if !ok {
		return statusError(http.StatusNotFound)
	}
	most := int64(maxHeld)
	if compressible(content.ImageType(name)) {
		most *= 4 // as it is sent, it is smaller
	}
	if size > most && !s.Static {
		if picture := library.OpenImage(name); picture != nil {
			defer picture.Close()
			return stream(w, r, picture, version, content.ImageType(name))
		}
	}
	b, err := s.pages.get(r.Context(), library, version, s.place(s.lines.pages, r), func() (*body, error) {
		picture, contentType, ok := library.Image(name)
		if !ok {
			return nil, statusError(http.StatusNotFound)
		}
		return newBody(picture, contentType), nil
	})
	if err != nil {
		return err
	}
	pictureHeaders(w.Header())
	return b.send(w, r)
}

func pictureHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	h.Set("Access-Control-Allow-Origin", "*") // feed readers in a browser draw it
	h.Set("Cache-Control", "public, max-age=3600")
}

// maxHeld is the size of pictures that are held in memory, in bytes. Larger ones are sent as
// they are read: many who read slowly would hold a copy each, once it has left the cache.
const maxHeld = 256 << 10

// stream sends a picture as it is read.
func stream(w http.ResponseWriter, r *http.Request, picture *content.Picture, version, contentType string) error {
	sum := sha256.Sum256([]byte(version))
	pictureHeaders(w.Header())
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Etag", `"`+hex.EncodeToString(sum[:12])+`"`)
	http.ServeContent(w, r, "", picture.Modified, picture)
	return nil
}

func (s *site) robots(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "public, max-age=86400")
	var b strings.Builder
	b.WriteString("User-agent: *\n")
	for _, path := range []string{"/confirm/", "/decline/", "/unsubscribe/", "/moved/", "/preferences/", "/undo/", "/yours/", "/_inbox"} {
		b.WriteString("Disallow: " + s.root + path + "\n")
	}
	b.WriteString("\nSitemap: " + s.Site.BaseURL + "/sitemap.xml\n")
	return newUnkeptBody([]byte(b.String()), "text/plain; charset=utf-8").send(w, r)
}

// maxSitemap is how many addresses one sitemap may hold (sitemaps.org).
const maxSitemap = 50_000

func (s *site) sitemap(w http.ResponseWriter, r *http.Request) error {
	library := s.Library()
	b, err := s.pages.get(r.Context(), library, r.URL.Path, s.place(s.lines.pages, r), func() (*body, error) { return s.makeSitemap(library) })
	if err != nil {
		return err
	}
	s.public(w, pageAge, library.Next())
	return b.send(w, r)
}

func (s *site) makeSitemap(library *content.Library) (*body, error) {
	type address struct {
		Location string `xml:"loc"`
		Modified string `xml:"lastmod,omitempty"`
	}
	add := func(list []address, path string, insights ...*content.Insight) []address {
		var newest time.Time
		for _, in := range insights {
			if in.Updated.After(newest) {
				newest = in.Updated
			}
		}
		a := address{Location: s.Site.BaseURL + path}
		if !newest.IsZero() {
			a.Modified = newest.Format(time.RFC3339)
		}
		return append(list, a)
	}
	list := add(nil, "/", library.Insights()...)
	for _, c := range library.Categories() {
		list = add(list, "/categories/"+c.Slug, library.In(c.Slug)...)
	}
	list = add(list, "/feeds")
	if !s.Static {
		list = add(add(list, "/subscribe"), "/digests")
	}
	for _, in := range library.Insights() {
		if in.Canonical == "" { // the original is another site's to list
			list = add(list, in.Path(), in)
		}
	}
	var out strings.Builder
	out.WriteString(xml.Header)
	err := xml.NewEncoder(&out).Encode(struct {
		XMLName   xml.Name  `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 urlset"`
		Addresses []address `xml:"url"`
	}{Addresses: list[:min(len(list), maxSitemap)]})
	return newBody([]byte(out.String()+"\n"), "application/xml; charset=utf-8"), err
}

// healthz says that the program answers; readyz, that it can do its work.
func (s *site) healthz(w http.ResponseWriter, r *http.Request) error {
	return plain(w, http.StatusOK, "ok")
}

func (s *site) readyz(w http.ResponseWriter, r *http.Request) error {
	if s.Ready != nil {
		if err := s.Ready(r.Context()); err != nil {
			s.Log.WarnContext(r.Context(), "not ready", "error", err)
			return plain(w, http.StatusServiceUnavailable, "not ready: the database does not answer")
		}
	}
	return plain(w, http.StatusOK, "ready; library "+s.Library().Version())
}

// plain answers a program, or a mailbox provider.
func plain(w http.ResponseWriter, status int, text string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n") // a client that has gone is no error of ours
	return nil
}
