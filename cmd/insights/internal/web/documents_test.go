package web_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/feeds/feedstest"
	"github.com/scaledbydesign/insights/templates"
)

const hub = base + "/hub"

// long is a library whose feed of all insights has archives, and a category that
// is empty.
func long() fstest.MapFS {
	files := library()
	for i := range 90 {
		files[fmt.Sprintf("long-%02d.md", i)] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"---\nid: 10000000-0000-4000-8000-%012d\ntitle: Long %d\nsummary: Words.\ncategory: %s\ndate: 2025-%02d-%02d\n---\n\n%s\n",
			i, i, []string{"engineering", "infrastructure"}[i%2], 1+i/9, 1+i%9, strings.Repeat("Words that an article has. ", 300))}
	}
	return files
}

// everyDocument are the paths of all kinds of documents: heads, archives, feeds of
// several categories with theirs, the list of feeds, and the well-known addresses.
func everyDocument(t *testing.T, set *feeds.Set) []string {
	t.Helper()
	var paths []string
	for _, d := range set.Documents() {
		paths = append(paths, d.Path)
	}
	archives := set.Archives()
	if len(archives) == 0 {
		t.Fatal("the library has no archives")
	}
	paths = append(paths, archives...)
	for _, format := range []string{"rss", "atom", "json"} {
		combined := "/feeds/engineering+infrastructure." + format
		doc, err := set.Render(combined)
		if err != nil || doc.Previous == "" {
			t.Fatalf("%s: %v, %+v", combined, err, doc)
		}
		paths = append(paths, combined, doc.Previous, "/digests."+format)
	}
	return append(paths, "/atom.xml", "/feed.xml")
}

// TestConditionalRequestsOnEveryDocument is the table of RFC 9110, sections 13 and
// 8.8, on every document in every coding.
func TestConditionalRequestsOnEveryDocument(t *testing.T) {
	f := newFixture(t, long(), nil)
	f.sendDigest(1)
	f.sendDigest(2)
	for _, path := range everyDocument(t, f.set) {
		tags := map[string]string{}
		plain := f.get(path)
		raw := bodyOf(t, plain)
		for _, coding := range []string{"", "gzip", "br", "zstd"} {
			asks := []string{}
			if coding != "" {
				asks = []string{"Accept-Encoding", coding}
			}
			first := f.get(path, asks...)
			wantStatus(t, first, http.StatusOK)
			tag, modified := first.Header.Get("ETag"), first.Header.Get("Last-Modified")
			encoded := bodyOf(t, first)
			if got := unpacked(t, first.Header.Get("Content-Encoding"), encoded); got != raw {
				t.Errorf("%s in %q: other content", path, coding)
			}
			if got := first.Header.Get("Content-Encoding"); got != coding {
				t.Errorf("%s: asked for %q, got %q", path, coding, got)
			}
			if other, ok := tags[tag]; ok || len(tag) < 10 || tag[0] != '"' || tag[len(tag)-1] != '"' {
				t.Errorf("%s in %q: ETag %s; that of %q is %s", path, coding, tag, other, tag)
			}
			tags[tag] = coding
			wantHeader(t, first, "Vary", "Accept-Encoding, Sec-Fetch-Dest")
			wantHeader(t, first, "Cache-Control", "public, max-age=900")
			wantHeader(t, first, "X-Content-Type-Options", "nosniff")
			wantHeader(t, first, "Access-Control-Allow-Origin", "*")
			for _, absent := range []string{"Set-Cookie", "Expires"} {
				wantHeader(t, first, absent, "")
			}
			date, err := http.ParseTime(modified)
			if err != nil || date.After(time.Now()) {
				t.Errorf("%s: Last-Modified %q, %v", path, modified, err)
			}
			for name, tt := range map[string]struct {
				status int
				header []string
			}{
				"exact":             {304, []string{"If-None-Match", tag}},
				"weak":              {304, []string{"If-None-Match", "W/" + tag}},
				"list":              {304, []string{"If-None-Match", `"x", W/` + tag + `, "y"`}},
				"star":              {304, []string{"If-None-Match", "*"}},
				"stale":             {200, []string{"If-None-Match", `"0123456789abcdef01234567"`}},
				"unquoted":          {200, []string{"If-None-Match", strings.Trim(tag, `"`)}},
				"since":             {304, []string{"If-Modified-Since", modified}},
				"since RFC 850":     {304, []string{"If-Modified-Since", date.Format("Monday, 02-Jan-06 15:04:05 GMT")}},
				"since before":      {200, []string{"If-Modified-Since", date.Add(-time.Second).Format(http.TimeFormat)}},
				"since nonsense":    {200, []string{"If-Modified-Since", "yesterday"}},
				"both":              {304, []string{"If-None-Match", tag, "If-Modified-Since", modified}},
				"stale, not since":  {200, []string{"If-None-Match", `"x"`, "If-Modified-Since", modified}},
				"exact, since 1970": {304, []string{"If-None-Match", tag, "If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"}},
				"range":             {200, []string{"Range", "bytes=0-9"}},
				"range, exact":      {304, []string{"Range", "bytes=0-9", "If-None-Match", tag}},
				"delta":             {200, []string{"A-IM", "feed, gzip"}},
				"delta, exact":      {304, []string{"A-IM", "feed", "If-None-Match", tag}},
				"page-like Accept":  {304, []string{"Accept", "text/html;q=1, application/rss+xml", "If-None-Match", tag}},
				"not a page":        {304, []string{"Sec-Fetch-Dest", "empty", "If-None-Match", tag}},
				"unknown query":     {304, []string{"If-None-Match", tag}},
				"told not to cache": {200, []string{"Pragma", "no-cache", "Cache-Control", "no-cache"}},
			} {
				target := path
				if name == "unknown query" {
					target += "?utm_source=reader&x"
				}
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					r := f.do(method, target, append(slices.Clone(asks), tt.header...)...)
					if r.StatusCode != tt.status {
						t.Errorf("%s %s in %q, %s: status %d, want %d", method, path, coding, name, r.StatusCode, tt.status)
					}
					for _, same := range []string{"ETag", "Last-Modified", "Cache-Control", "Vary", "Link", "Access-Control-Allow-Origin"} {
						wantHeader(t, r, same, first.Header.Get(same))
					}
					body := bodyOf(t, r)
					switch {
					case tt.status == http.StatusNotModified:
						if body != "" || r.Header.Get("Content-Type") != "" || r.Header.Get("Content-Length") != "" || r.Header.Get("Content-Encoding") != "" {
							t.Errorf("%s %s, %s: a 304 with content", method, path, name)
						}
					case method == http.MethodGet && body != encoded:
						t.Errorf("%s in %q, %s: other bytes", path, coding, name)
					}
					wantSame(t, r, first, tt.status, "Content-Type", "Content-Length", "Content-Encoding")
				}
			}
		}
		refused := f.get(path, "Accept-Encoding", "gzip;q=0, br;q=0.0, zstd;q=0")
		if got := refused.Header.Get("Content-Encoding"); got != "" {
			t.Errorf("%s: %s was refused and sent", path, got)
		}
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch} {
			r := f.do(method, path)
			wantStatus(t, r, http.StatusMethodNotAllowed)
			wantHeader(t, r, "Allow", "GET, HEAD, OPTIONS")
		}
	}
}

func wantSame(t *testing.T, got, want *http.Response, status int, headers ...string) {
	t.Helper()
	if status != http.StatusOK {
		return
	}
	for _, name := range headers {
		wantHeader(t, got, name, want.Header.Get(name))
	}
}

func unpacked(t *testing.T, coding, body string) string {
	t.Helper()
	r := io.Reader(strings.NewReader(body))
	var err error
	switch coding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "br":
		r = brotli.NewReader(r)
	case "zstd":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(r); err == nil {
			defer d.Close()
			r = d
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDocumentsSayWhereTheyAre(t *testing.T) {
	site := templates.DefaultSite()
	site.BaseURL = base
	library, err := content.Load(long(), content.Options{Categories: site.Categories})
	if err != nil {
		t.Fatal(err)
	}
	pushed := feedSite(site)
	pushed.Hub, pushed.OwnHub = hub, true
	set, err := feeds.Build(library, pushed, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := newSite(t, site, library, set, func(c *web.Config) { c.FeedSite = pushed })
	for _, path := range everyDocument(t, f.set) {
		self := map[string]string{"/atom.xml": "/feeds/all.atom", "/feed.xml": "/feeds/all.rss"}[path]
		if self == "" {
			self = path
		}
		links := f.get(path).Header.Values("Link")
		if !slices.Contains(links, `<`+base+self+`>; rel="self"`) {
			t.Errorf("%s: no self in %q", path, links)
		}
		archive := strings.Count(path, "/") == 3
		wantHub := !archive && !strings.HasSuffix(path, ".opml") && !strings.HasPrefix(path, "/digests.")
		if slices.Contains(links, `<`+hub+`>; rel="hub"`) != wantHub {
			t.Errorf("%s: a hub in %q? want %v", path, links, wantHub)
		}
	}
}

func TestEachFeedHasOneAddress(t *testing.T) {
	f := newFixture(t, long(), nil)
	for path, to := range map[string]string{
		"/feeds/leadership+architecture.atom":               "/feeds/architecture+leadership.atom",
		"/feeds/leadership+leadership.rss":                  "/feeds/leadership.rss",
		"/feeds/all+leadership.json":                        "/feeds/all.json",
		"/feeds/infrastructure+engineering/2025-01.atom":    "/feeds/engineering+infrastructure/2025-01.atom",
		"/feeds/leadership%2Barchitecture.atom":             "/feeds/architecture+leadership.atom",
		"/feeds/leadership+architecture.atom?utm_source=me": "/feeds/architecture+leadership.atom",
	} {
		r := f.get(path)
		wantStatus(t, r, http.StatusMovedPermanently)
		wantHeader(t, r, "Location", to)
	}
	for _, path := range []string{
		"/feeds/nothing.atom", "/feeds/leadership+nothing.atom", "/feeds/leadership.xml", "/feeds/leadership", "/feeds/all/2025-01.opml",
		"/feeds/all/1999-01.atom", "/feeds/leadership/2026-01.atom", "/feeds/+.atom", "/feeds/all/2026-01/x.atom", "/feeds/..%2f..%2fetc.atom",
	} {
		wantStatus(t, f.get(path), http.StatusNotFound)
	}
}

// TestWhatWasPreparedIsServedWhole swaps sets under readers: each answer's validator
// must be that of its bytes.
func TestWhatWasPreparedIsServedWhole(t *testing.T) {
	f := newFixture(t, library(), nil)
	var sets []*feeds.Set
	known := map[string]string{} // tag → body
	files := library()
	for i := range 8 {
		files["2026-01-04-insight-4.md"].Data = append(files["2026-01-04-insight-4.md"].Data, fmt.Sprintf("More %d.\n", i)...)
		next := newFixture(t, files, nil)
		sets = append(sets, next.set)
		r := next.get("/feeds/leadership.atom")
		known[r.Header.Get("ETag")] = bodyOf(t, r)
	}
	var current atomic.Pointer[feeds.Set]
	current.Store(sets[0])
	f.config.Feeds, f.config.Log = current.Load, nil
	site, err := web.New(f.config)
	if err != nil {
		t.Fatal(err)
	}
	var ended atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for last := false; !last; {
				last = ended.Load()
				rec := httptest.NewRecorder()
				site.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/feeds/leadership.atom", nil))
				if body, ok := known[rec.Header().Get("ETag")]; !ok || body != rec.Body.String() {
					t.Errorf("tag %s known %v, its bytes %v", rec.Header().Get("ETag"), ok, body == rec.Body.String())
					return
				}
			}
		})
	}
	for range 2 {
		for _, set := range sets {
			site.Prepare(set)
			current.Store(set)
		}
	}
	ended.Store(true)
	readers.Wait()
	rec := httptest.NewRecorder()
	site.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/feeds/leadership.atom", nil))
	if last, _ := sets[len(sets)-1].Document("/feeds/leadership.atom"); rec.Body.String() != string(last.Body) {
		t.Error("the set in force is not served")
	}
}

func TestPagesAreEncodedToo(t *testing.T) {
	f := newFixture(t, library(), nil)
	for _, path := range []string{"/", "/feeds", "/assets/site.css", "/sitemap.xml", "/insights/images/plan.svg"} {
		plain := bodyOf(t, f.get(path))
		for _, coding := range []string{"gzip", "br", "zstd"} {
			r := f.get(path, "Accept-Encoding", coding)
			if coding == "gzip" && len(plain) < 200 {
				continue
			}
			wantHeader(t, r, "Vary", "Accept-Encoding")
			if got := unpacked(t, r.Header.Get("Content-Encoding"), bodyOf(t, r)); got != plain {
				t.Errorf("%s in %s: other content", path, coding)
			}
		}
	}
	if r := f.get("/assets/icon.png", "Accept-Encoding", "gzip"); r.Header.Get("Content-Encoding") != "" || r.Header.Get("Vary") != "" {
		t.Error("a picture was encoded again")
	}
	private := f.get("/subscribe", "Accept-Encoding", "gzip")
	if private.Header.Get("Content-Encoding") != "" || bytes.Contains([]byte(bodyOf(t, private)), []byte{0x1f, 0x8b}) {
		t.Error("a page with a secret was encoded: its length would tell of it (BREACH)")
	}
}

func TestServedDocumentsHaveNoFault(t *testing.T) {
	f := newFixture(t, long(), nil)
	f.sendDigest(1)
	var documents []*feeds.Document
	for _, path := range everyDocument(t, f.set) {
		format, err := feeds.ParseFormat(strings.TrimPrefix(path[strings.LastIndex(path, "."):], "."))
		if err != nil || strings.Count(path, "/") < 2 && !strings.HasPrefix(path, "/digests.") {
			continue // the OPML file, and addresses that programs try, where a document has another path
		}
		documents = append(documents, &feeds.Document{Path: path, Format: format, Body: []byte(bodyOf(t, f.get(path)))})
	}
	for _, fault := range feedstest.Lint(base, documents) {
		if !strings.Contains(fault, "names a document that does not exist: "+base+"/feeds/engineering+infrastructure/") { // the second and third archive
			t.Error(fault)
		}
	}
}
