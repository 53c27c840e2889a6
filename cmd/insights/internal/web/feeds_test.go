package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/feeds"
)

func TestFeedsAreSentAsTheyWereBuilt(t *testing.T) {
	f := newFixture(t, library(), nil)
	for _, doc := range f.set.Documents() {
		r := f.get(doc.Path + "?utm_source=x")
		wantStatus(t, r, http.StatusOK)
		wantHeader(t, r, "Content-Type", doc.ContentType)
		wantHeader(t, r, "Cache-Control", "public, max-age=900")
		wantHeader(t, r, "Access-Control-Allow-Origin", "*")
		wantHeader(t, r, "Last-Modified", doc.Updated.UTC().Format(http.TimeFormat))
		if tag := r.Header.Get("ETag"); len(tag) < 10 || tag[0] != '"' {
			t.Errorf("%s: ETag %q is not a strong one", doc.Path, tag)
		}
		if links := strings.Join(r.Header.Values("Link"), "\n"); !strings.Contains(links, `<`+base+doc.Path+`>; rel="self"`) || !strings.Contains(links, `rel="alternate"`) {
			t.Errorf("%s: Link %q", doc.Path, links)
		}
		if !bytes.Equal([]byte(bodyOf(t, r)), doc.Body) {
			t.Errorf("%s: other bytes than were built", doc.Path)
		}
		head := f.do(http.MethodHead, doc.Path)
		wantStatus(t, head, http.StatusOK)
		wantHeader(t, head, "ETag", r.Header.Get("ETag"))
		wantHeader(t, head, "Content-Length", r.Header.Get("Content-Length"))
	}
}

func TestWellKnownAddressesServeTheCanonicalFeed(t *testing.T) {
	f := newFixture(t, library(), nil)
	for path, canonical := range map[string]string{"/atom.xml": "/feeds/all.atom", "/feed.xml": "/feeds/all.rss"} {
		got, want := f.get(path), f.get(canonical)
		wantHeader(t, got, "ETag", want.Header.Get("ETag"))
		wantHeader(t, got, "Link", want.Header.Get("Link"))
		if bodyOf(t, got) != bodyOf(t, want) {
			t.Errorf("%s differs from %s", path, canonical)
		}
	}
}

func TestConditionalRequests(t *testing.T) {
	f := newFixture(t, library(), nil)
	first := f.get("/feeds/all.atom")
	tag, modified := first.Header.Get("ETag"), first.Header.Get("Last-Modified")
	date, err := http.ParseTime(modified)
	if err != nil {
		t.Fatal(err)
	}
	later := date.Add(time.Hour).Format(http.TimeFormat)
	for name, tt := range map[string]struct {
		header []string
		status int
	}{
		"the same tag":               {[]string{"If-None-Match", tag}, 304},
		"a weak tag":                 {[]string{"If-None-Match", "W/" + tag}, 304},
		"a list":                     {[]string{"If-None-Match", `"x", ` + tag + `, "y"`}, 304},
		"any":                        {[]string{"If-None-Match", "*"}, 304},
		"another tag":                {[]string{"If-None-Match", `"x"`}, 200},
		"another tag, the same time": {[]string{"If-None-Match", `"x"`, "If-Modified-Since", modified}, 200},
		"the same tag, another time": {[]string{"If-None-Match", tag, "If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"}, 304},
		"the same time":              {[]string{"If-Modified-Since", modified}, 304},
		"a later time":               {[]string{"If-Modified-Since", later}, 200},
		"no time at all":             {[]string{"If-Modified-Since", "yesterday"}, 200},
		"a range":                    {[]string{"Range", "bytes=0-9"}, 200},
		"a delta":                    {[]string{"A-IM", "feed"}, 200},
		"a delta with the same tag":  {[]string{"A-IM", "feed", "If-None-Match", tag}, 304},
	} {
		t.Run(name, func(t *testing.T) {
			r := f.get("/feeds/all.atom", tt.header...)
			wantStatus(t, r, tt.status)
			for _, h := range []string{"ETag", "Last-Modified", "Cache-Control", "Link", "Access-Control-Allow-Origin"} {
				wantHeader(t, r, h, first.Header.Get(h))
			}
			if body := bodyOf(t, r); tt.status == 304 && (body != "" || r.Header.Get("Content-Type") != "") {
				t.Errorf("a 304 with a body of %d bytes and type %q", len(body), r.Header.Get("Content-Type"))
			}
		})
	}
}

func TestNothingIsCachedPastTheNextInsight(t *testing.T) {
	files := library()
	files["later.md"] = &fstest.MapFile{Data: []byte("---\nid: 00000000-0000-4000-8000-000000000099\ntitle: Later\nsummary: Words.\ncategory: Leadership\ndate: " +
		time.Now().Add(5*time.Minute).UTC().Format(time.RFC3339) + "\n---\n\nWords.\n")}
	f := newFixture(t, files, nil)
	for path, atMost := range map[string]string{"/feeds/all.rss": "public, max-age=300", "/": "public, max-age=60"} {
		// A second may have passed since.
		if got := f.get(path).Header.Get("Cache-Control"); got != atMost && got != "public, max-age=299" && got != "public, max-age=298" {
			t.Errorf("%s: Cache-Control %q, want %q or a little less", path, got, atMost)
		}
	}
}

func TestNothingIsCachedWhileTheNextInsightIsBeingServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := library()
		files["later.md"] = &fstest.MapFile{Data: []byte("---\nid: 00000000-0000-4000-8000-000000000099\ntitle: Later\nsummary: Words.\ncategory: Leadership\ndate: " +
			time.Now().Add(time.Minute).UTC().Format(time.RFC3339) + "\n---\n\nWords.\n")}
		f := newFixture(t, files, nil)
		time.Sleep(time.Minute + 50*time.Millisecond)
		current := f.library.At(time.Now()) // the pages have it, the feeds are being built
		f = newSite(t, f.config.Site, current, f.set, nil)
		for _, path := range []string{"/feeds/all.rss", "/feeds/architecture+leadership.json", "/feeds.opml"} {
			wantHeader(t, f.get(path), "Cache-Control", "public, max-age=0")
		}
		wantHeader(t, f.get("/"), "Cache-Control", "public, max-age=60")
	})
}

func TestANewSnapshotIsServedAtOnce(t *testing.T) {
	f := newFixture(t, library(), nil)
	tag := f.get("/feeds/all.rss").Header.Get("ETag")
	files := library()
	delete(files, "2026-01-04-insight-4.md")
	next := newFixture(t, files, nil)
	f.library, f.set = next.library, next.set
	r := f.get("/feeds/all.rss", "If-None-Match", tag)
	wantStatus(t, r, http.StatusOK)
	if strings.Contains(bodyOf(t, r), "insight-4") {
		t.Error("the feed still holds what was taken away")
	}
}

func TestDigestsHaveAFeed(t *testing.T) {
	f := newFixture(t, library(), nil)
	empty := f.get("/digests.json")
	wantStatus(t, empty, http.StatusOK)
	f.sendDigest(1)
	f.sendDigest(2)
	r := f.get("/digests.json")
	var feed struct {
		HomePageURL string `json:"home_page_url"`
		FeedURL     string `json:"feed_url"`
		Items       []struct {
			ID, URL, Title string
			HTML           string `json:"content_html"`
		}
	}
	if err := json.Unmarshal([]byte(bodyOf(t, r)), &feed); err != nil {
		t.Fatal(err)
	}
	if feed.FeedURL != base+"/digests.json" || feed.HomePageURL != base+"/digests" || len(feed.Items) != 2 {
		t.Fatalf("got %+v", feed)
	}
	item := feed.Items[0]
	if item.URL != base+"/digests/2" || item.ID != feeds.EntryID(f.config.FeedSite, "digest:uid2") {
		t.Errorf("the newest is %+v", item)
	}
	if !strings.Contains(item.HTML, `href="`+base+`/insights/insight-1"`) || strings.Contains(item.HTML, "/insights/gone") || strings.Contains(item.HTML, "<script>") {
		t.Errorf("its content is %s", item.HTML)
	}
	wantStatus(t, f.get("/digests.json", "If-None-Match", r.Header.Get("ETag")), http.StatusNotModified)
	wantStatus(t, f.get("/digests.json", "If-None-Match", empty.Header.Get("ETag")), http.StatusOK)
}

// recorded remembers documents as a database does.
type recorded map[string]feeds.Recorded

func (r recorded) RecordDocuments(_ context.Context, states []feeds.State) (map[string]time.Time, error) {
	changed := make(map[string]time.Time)
	for _, s := range states {
		if is, ok := s.Record(r[s.Path], time.Now()); ok {
			r[s.Path] = is
		}
	}
	for path, is := range r {
		changed[path] = is.Changed
	}
	return changed, nil
}

// TestTheFeedOfDigestsIsDatedAsItsBytes: it changes with what its digests link to.
func TestTheFeedOfDigestsIsDatedAsItsBytes(t *testing.T) {
	for _, path := range []string{"/digests.rss", "/digests.atom", "/digests.json"} {
		f := newFixture(t, library(), func(c *web.Config) { c.Documents = recorded{} })
		f.sendDigest(1)
		before := f.get(path)
		again := f.get(path)
		wantHeader(t, again, "Last-Modified", before.Header.Get("Last-Modified"))
		files := library()
		for name := range files {
			if strings.HasSuffix(name, "insight-1.md") {
				delete(files, name)
			}
		}
		f.library = newFixture(t, files, nil).library
		after := f.get(path, "If-Modified-Since", before.Header.Get("Last-Modified"))
		wantStatus(t, after, http.StatusOK)
		old, err := http.ParseTime(before.Header.Get("Last-Modified"))
		is, err2 := http.ParseTime(after.Header.Get("Last-Modified"))
		if err != nil || err2 != nil || !is.After(old) {
			t.Errorf("%s: modified %v, then %v", path, old, is)
		}
	}
}

// TestReadersOnOtherSitesMayReadEveryAnswer, also what says that a feed is elsewhere or gone.
func TestReadersOnOtherSitesMayReadEveryAnswer(t *testing.T) {
	f := newFixture(t, library(), nil)
	f.set = f.set.Dated(map[string]time.Time{"/feeds/sales": time.Now()})
	for path, status := range map[string]int{
		"/feeds/all.rss": 200, "/rss.xml": 301, "/feed": 301, "/feed/": 301, "/feed.json": 301, "/feeds/leadership+architecture.atom": 301, "/feeds/all.rss/": 301,
		"/feeds/leadership+sales.rss": 301, "/feeds/nothing.rss": 404, "/feeds/all/1999-01.rss": 404, "/digests.xml": 404, "/feeds/sales.atom": 410,
	} {
		r := f.get(path)
		wantStatus(t, r, status)
		if r.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d without CORS", path, r.StatusCode)
		}
	}
	for _, path := range []string{"/", "/subscribe", "/insights/insight-1"} {
		wantHeader(t, f.get(path), "Access-Control-Allow-Origin", "")
	}
}

func TestDigestPageLinksOnlyToWhatIsPublished(t *testing.T) {
	f := newFixture(t, library(), nil)
	f.sendDigest(1)
	page := bodyOf(t, f.get("/digests/1"))
	if !strings.Contains(page, `href="/insights/insight-1"`) || !strings.Contains(page, "Gone by now") || strings.Contains(page, `href="/insights/gone"`) {
		t.Error("the page links to what is gone, or not to what is there")
	}
	if !strings.Contains(page, "Hello &lt;b&gt;you&lt;/b&gt;.") {
		t.Error("the introduction is missing, or is not shown as text")
	}
}

// The two answers that a feed's readers get nearly always.
func BenchmarkFeed(b *testing.B) {
	f := newFixture(b, library(), nil)
	f.handler = quiet(b, f)
	tag := f.get("/feeds/all.rss").Header.Get("ETag")
	for name, match := range map[string]string{"200": "", "304": tag} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/feeds/all.rss", nil)
			r.Header.Set("If-None-Match", match)
			b.ReportAllocs()
			for b.Loop() {
				f.handler.ServeHTTP(discard{make(http.Header)}, r)
			}
		})
	}
}

func BenchmarkArticle(b *testing.B) {
	f := newFixture(b, library(), nil)
	f.handler = quiet(b, f)
	r := httptest.NewRequest(http.MethodGet, "/insights/insight-2", nil)
	b.ReportAllocs()
	for b.Loop() {
		f.handler.ServeHTTP(discard{make(http.Header)}, r)
	}
}

func quiet(b *testing.B, f *fixture) http.Handler {
	c := f.config
	c.Log = nil
	h, err := web.New(c)
	if err != nil {
		b.Fatal(err)
	}
	return h
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) WriteHeader(int)             {}
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
