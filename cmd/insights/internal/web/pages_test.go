package web_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
)

func TestEveryAddressAnswers(t *testing.T) {
	f := newFixture(t, library(), nil)
	f.sendDigest(1)
	f.inbox.raw = []string{plainMail}
	const page, text = "text/html; charset=utf-8", "text/plain; charset=utf-8"
	for _, tt := range []struct {
		path        string
		status      int
		contentType string
	}{
		{"/", 200, page},
		{"/insights/insight-1", 200, page},
		{"/insights/insight-5", 404, page}, // a draft
		{"/insights/nothing", 404, page},
		{"/insights/images/plan.svg", 200, "image/svg+xml"},
		{"/insights/images/nothing.svg", 404, page},
		{"/insights/images/..%2f2026-01-01-insight-1.md", 404, page},
		{"/categories/architecture", 200, page},
		{"/categories/growth-ops", 200, page}, // empty
		{"/categories/nothing", 404, page},
		{"/page/2", 404, page}, // there is one page only
		{"/page/0", 404, page},
		{"/page/x", 404, page},
		{"/feeds", 200, page},
		{"/feeds/all.rss", 200, "application/rss+xml; charset=utf-8"},
		{"/feeds/all.atom", 200, "application/atom+xml; charset=utf-8"},
		{"/feeds/all.json", 200, "application/feed+json; charset=utf-8"},
		{"/feeds/growth-ops.rss", 200, "application/rss+xml; charset=utf-8"},
		{"/feeds.opml", 200, "text/x-opml; charset=utf-8"},
		{"/feeds/nothing.rss", 404, page},
		{"/feeds/all.xml", 404, page},
		{"/atom.xml", 200, "application/atom+xml; charset=utf-8"},
		{"/feed.xml", 200, "application/rss+xml; charset=utf-8"},
		{"/digests", 200, page},
		{"/digests/1", 200, page},
		{"/digests/2", 404, page},
		{"/digests/01", 404, page},
		{"/digests/x", 404, page},
		{"/digests/page/2", 404, page},
		{"/digests.rss", 200, "application/rss+xml; charset=utf-8"},
		{"/digests.atom", 200, "application/atom+xml; charset=utf-8"},
		{"/digests.json", 200, "application/feed+json; charset=utf-8"},
		{"/subscribe", 200, page},
		{"/confirm/x", 404, page},
		{"/unsubscribe/x", 404, page},
		{"/preferences/x", 404, page},
		{"/sitemap.xml", 200, "application/xml; charset=utf-8"},
		{"/robots.txt", 200, text},
		{"/favicon.ico", 200, "image/x-icon"},
		{"/assets/icon.png", 200, "image/png"},
		{"/assets/favicon.png", 200, "image/png"},
		{"/assets/logo.png", 200, "image/png"},
		{"/assets/site.css", 200, "text/css; charset=utf-8"},
		{"/assets/nothing.css", 404, page},
		{"/healthz", 200, text},
		{"/readyz", 200, text},
		{"/_inbox", 200, page},
		{"/_inbox/1", 200, page},
		{"/_inbox/2", 404, page},
		{"/_events", 404, page},
		{"/nothing", 404, page},
	} {
		t.Run(tt.path, func(t *testing.T) {
			r := f.get(tt.path)
			wantStatus(t, r, tt.status)
			wantHeader(t, r, "Content-Type", tt.contentType)
			wantHeader(t, r, "X-Content-Type-Options", "nosniff")
			if r.Header.Get("Content-Security-Policy") == "" || r.Header.Get("Referrer-Policy") == "" || r.Header.Get("Cache-Control") == "" {
				t.Errorf("a header is missing: %v", r.Header)
			}
			if r.Header.Get("Set-Cookie") != "" {
				t.Error("the site sets a cookie")
			}
		})
	}
}

func TestOldAndOverlongAddressesRedirect(t *testing.T) {
	f := newFixture(t, library(), nil)
	for from, to := range map[string]string{
		"/feed": "/feeds/all.rss", "/feed/": "/feeds/all.rss", "/rss.xml": "/feeds/all.rss", "/index.xml": "/feeds/all.rss",
		"/feed.json": "/feeds/all.json", "/feeds/": "/feeds", "/insights/insight-1/": "/insights/insight-1",
		"/page/1": "/", "/categories/leadership/page/1": "/categories/leadership",
	} {
		r := f.get(from)
		wantStatus(t, r, http.StatusMovedPermanently)
		wantHeader(t, r, "Location", to)
	}
	wantStatus(t, f.get("/nothing/"), http.StatusNotFound)
}

func TestEscapedSlashesLeadNowhere(t *testing.T) {
	f := newFixture(t, library(), nil)
	for _, path := range []string{
		"/%2Ffeeds/all.rss/", "/%2Fexample.com%2F..%2Ffeeds%2Fall.rss/", "/%2Fexample.com%2F..%2Fatom.xml%2F",
		"/feeds%2Fall.rss", "/feeds/%2e%2e/feeds/all.rss",
	} {
		r := f.get(path)
		wantStatus(t, r, http.StatusNotFound)
		wantHeader(t, r, "Location", "")
	}
}

func TestWrongMethodsAreNamed(t *testing.T) {
	f := newFixture(t, library(), nil)
	for path, allow := range map[string]string{
		"/": "GET, HEAD, OPTIONS", "/feeds/all.rss": "GET, HEAD, OPTIONS", "/feeds.opml": "GET, HEAD, OPTIONS",
		"/subscribe": "GET, HEAD, POST, OPTIONS", "/unsubscribe/x": "GET, HEAD, POST, OPTIONS",
	} {
		r := f.do(http.MethodDelete, path)
		wantStatus(t, r, http.StatusMethodNotAllowed)
		wantHeader(t, r, "Allow", allow)
		r = f.do(http.MethodOptions, path)
		wantStatus(t, r, http.StatusNoContent)
		wantHeader(t, r, "Allow", allow)
	}
	wantStatus(t, f.post("/feeds/all.rss", nil), http.StatusMethodNotAllowed)
	wantHeader(t, f.do(http.MethodOptions, "/feeds/all.rss"), "Access-Control-Allow-Origin", "*")
}

func TestIndexShowsTheFeaturedInsightFirstAndEveryInsightOnce(t *testing.T) {
	f := realSite(t)
	var got []string
	for _, n := range elements(t, bodyOf(t, f.get("/")), "a") {
		if href := attribute(n, "href"); strings.HasPrefix(href, "/insights/") && attribute(n, "tabindex") == "" {
			got = append(got, href)
		}
	}
	want := []string{f.library.Featured().Path()}
	for _, in := range f.library.Insights() {
		if in != f.library.Featured() {
			want = append(want, in.Path())
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the index links to %d insights, want %d, featured first, newest first", len(got), len(want))
	}
}

func TestArticleShowsWhatIsKnownOfIt(t *testing.T) {
	f := newFixture(t, library(), nil)
	page := bodyOf(t, f.get("/insights/insight-2"))
	for _, want := range []string{
		`<title>&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; more · ScaledByDesign Insights</title>`,
		`<link rel="canonical" href="https://insights.example/insights/insight-2">`,
		`<time datetime="2026-01-02">January 2, 2026</time>`,
		`1 min read`, `By ScaledByDesign`, `<li>&lt;b&gt;</li>`, `href="/categories/architecture"`,
		`href="/subscribe?category=architecture"`, `src="/insights/images/plan.svg"`, `href="/insights/insight-1"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page, "alert(2)</script>") || strings.Contains(page, "javascript:") {
		t.Error("the page holds what the author smuggled in")
	}
	if !strings.Contains(bodyOf(t, f.get("/insights/insight-3")), "By &lt;i&gt;Nobody&lt;/i&gt;") {
		t.Error("the author is not shown as text")
	}
}

func TestPagesNameTheirOwnFeedFirst(t *testing.T) {
	f := newFixture(t, library(), nil)
	f.sendDigest(1)
	for path, first := range map[string]string{
		"/": "/feeds/all.atom", "/feeds": "/feeds/all.atom", "/subscribe": "/feeds/all.atom", "/nothing": "/feeds/all.atom",
		"/categories/leadership": "/feeds/leadership.atom", "/insights/insight-1": "/feeds/architecture.atom", "/digests/1": "/digests.atom",
	} {
		var links []string
		page := bodyOf(t, f.get(path))
		for _, n := range elements(t, page, "link") {
			if attribute(n, "rel") == "alternate" {
				href := strings.TrimPrefix(attribute(n, "href"), base)
				links = append(links, href)
				kind, _, _ := strings.Cut(f.get(href).Header.Get("Content-Type"), ";")
				if attribute(n, "type") != kind {
					t.Errorf("%s calls %s %s", path, href, attribute(n, "type"))
				}
			}
		}
		if len(links) == 0 || links[0] != first || !slices.Contains(links, "/feeds/all.rss") {
			t.Errorf("%s names the feeds %v, want %s first", path, links, first)
		}
		if !strings.Contains(page, `type="application/atom+xml"`) {
			t.Errorf("%s writes the type of the feed in a way that readers miss", path)
		}
	}
}

func TestLongListsComeInPages(t *testing.T) {
	files := make(fstest.MapFS)
	for i := range 250 {
		files[fmt.Sprintf("insight-%03d.md", i)] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"---\nid: 00000000-0000-4000-8000-%012d\ntitle: Insight %d\nsummary: Words.\ncategory: Engineering\ndate: 2025-01-01\norder: %d\n---\n\nWords.\n", i, i, i)}
	}
	f := newFixture(t, files, nil)
	seen := make(map[string]bool)
	for i, path := range []string{"/", "/page/2", "/page/3"} {
		page := bodyOf(t, f.get(path))
		if len(page) > 200_000 {
			t.Errorf("%s has %d bytes", path, len(page))
		}
		for _, n := range elements(t, page, "a") {
			if href := attribute(n, "href"); strings.HasPrefix(href, "/insights/") {
				if seen[href] {
					t.Errorf("%s shows %s again", path, href)
				}
				seen[href] = true
			}
		}
		for rel, want := range map[string]bool{"prev": i > 0, "next": i < 2} {
			if strings.Contains(page, `<link rel="`+rel+`"`) != want {
				t.Errorf("%s: link to %s: want %v", path, rel, want)
			}
		}
	}
	if len(seen) != 250 {
		t.Errorf("the pages show %d insights, want 250", len(seen))
	}
	wantStatus(t, f.get("/page/4"), http.StatusNotFound)
	wantStatus(t, f.get("/categories/engineering/page/3"), http.StatusOK)
	wantStatus(t, f.get("/categories/engineering/page/4"), http.StatusNotFound)
	for _, path := range web.StaticPaths(f.library, f.set, f.config.Pages) {
		wantStatus(t, f.get(path), http.StatusOK)
	}
}

func TestPagesAreRenderedOncePerSnapshot(t *testing.T) {
	f := newFixture(t, library(), nil)
	first := f.get("/insights/insight-1")
	tag := first.Header.Get("ETag")
	wantHeader(t, first, "Cache-Control", "public, max-age=60")
	wantStatus(t, f.get("/insights/insight-1", "If-None-Match", tag), http.StatusNotModified)

	files := library()
	files["2026-01-01-insight-1.md"].Data = append(files["2026-01-01-insight-1.md"].Data, "More words.\n"...)
	f.library = newFixture(t, files, nil).library
	second := f.get("/insights/insight-1", "If-None-Match", tag)
	wantStatus(t, second, http.StatusOK)
	if !strings.Contains(bodyOf(t, second), "More words.") {
		t.Error("the page is still the old one")
	}
}

func TestSitemapListsWhatShouldBeFound(t *testing.T) {
	f := newFixture(t, library(), nil)
	sitemap := bodyOf(t, f.get("/sitemap.xml"))
	for _, path := range []string{"/", "/insights/insight-1", "/categories/architecture", "/feeds", "/subscribe"} {
		if !strings.Contains(sitemap, "<loc>"+base+path+"</loc>") {
			t.Errorf("the sitemap lacks %s", path)
		}
	}
	if strings.Contains(sitemap, "insight-5") {
		t.Error("the sitemap names a draft")
	}
	robots := bodyOf(t, f.get("/robots.txt"))
	for _, want := range []string{"Disallow: /confirm/", "Disallow: /unsubscribe/", "Disallow: /preferences/", "Sitemap: " + base + "/sitemap.xml"} {
		if !strings.Contains(robots, want) {
			t.Errorf("robots.txt lacks %q", want)
		}
	}
}

func TestImagesCannotActAsPages(t *testing.T) {
	f := newFixture(t, library(), nil)
	r := f.get("/insights/images/plan.svg")
	wantHeader(t, r, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	wantStatus(t, f.get("/insights/images/plan.svg", "If-None-Match", r.Header.Get("ETag")), http.StatusNotModified)
}

func TestAssetsWithAHashAreKeptForEver(t *testing.T) {
	f := newFixture(t, library(), nil)
	r := f.get(f.config.Pages.AssetURL("site.css"))
	wantStatus(t, r, http.StatusOK)
	wantHeader(t, r, "Cache-Control", "public, max-age=31536000, immutable")
	if strings.Contains(f.get("/assets/site.css").Header.Get("Cache-Control"), "immutable") {
		t.Error("an address without a hash is kept for ever")
	}
}
