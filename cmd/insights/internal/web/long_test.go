package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/content/budget"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/templates"
)

// longHeads are requests of which a part is as long as a server takes it, 30 KB.
func longHeads() map[string]*http.Request {
	fill := func(unit string) string { return strings.Repeat(unit, 30_000/len(unit)) }
	requests := make(map[string]*http.Request)
	for name, path := range map[string]string{
		"a category, again and again": "/feeds/" + fill("architecture+") + "leadership.atom",
		"categories in turn":          "/feeds/" + fill("leadership+architecture+") + "x.atom",
		"all":                         "/feeds/" + fill("all+") + "all.atom",
		"no category":                 "/feeds/" + fill("+") + "x.atom",
		"one long name":               "/feeds/" + fill("a") + ".atom",
		"dots":                        "/feeds/" + fill(".") + "atom",
		"a long archive":              "/feeds/all/2026-01-" + fill("1") + ".atom",
		"a long format":               "/feeds/all." + fill("a"),
		"an archive's combination":    "/feeds/" + fill("architecture+") + "leadership/2026-01.atom",
		"digits":                      "/feeds/" + fill("2026-01-1.") + "atom",
		"slashes":                     "/" + fill("/"),
		"folders":                     "/" + fill("a/"),
		"folders up":                  "/" + fill("a/../"),
		"escapes":                     "/" + fill("%61"),
		"an insight":                  "/insights/" + fill("a-"),
		"a picture":                   "/insights/images/" + fill("a/"),
		"a page":                      "/page/" + fill("1"),
		"a category's page":           "/categories/" + fill("a"),
		"a digest":                    "/digests/" + fill("1"),
		"an asset":                    "/assets/" + fill("a"),
		"a token":                     "/unsubscribe/" + fill("a"),
		"a token of many parts":       "/confirm/" + fill("a."),
		"parameters":                  "/feeds/combine?" + fill("category=leadership&"),
		"different parameters":        "/feeds/combine?" + fill("a=1&b&"),
		"one long parameter":          "/feeds/combine?category=" + fill("a+"),
		"a form's parameters":         "/subscribe?" + fill("category=leadership&"),
		"search":                      "/?q=" + fill("a+"),
	} {
		requests["path: "+name] = httptest.NewRequest(http.MethodGet, path, nil)
	}
	for name, value := range map[string]string{
		"Accept":            fill("text/html;q=0.1,"),
		"Accept-Encoding":   fill("gzip;q=0.5,"),
		"Accept-Encoding 2": fill(","),
		"Accept-Encoding 3": fill("a"),
		"Accept-Language":   fill("de;q=0.1,"),
		"If-None-Match":     fill(`"a",`),
		"If-None-Match 2":   fill(`W/"`),
		"If-Modified-Since": fill("Mon, "),
		"Cookie":            fill("a=b; "),
		"Range":             "bytes=" + fill("0-1,"),
		"If-Range":          fill(`"a"`),
		"X-Forwarded-For":   fill("192.0.2.1,"),
		"X-Forwarded-For 2": fill("1,"),
		"X-Forwarded-For 3": fill("2001:db8::1, "),
		"User-Agent":        fill("subscribers 1 "),
		"User-Agent 2":      fill("feedid "),
		"Origin":            "https://" + fill("a."),
		"Referer":           "https://" + fill("a/"),
		"Sec-Fetch-Dest":    fill("document"),
		"Content-Type":      "multipart/form-data; " + fill("a=b;"),
		"Authorization":     "Basic " + fill("YTo="),
	} {
		name, number, _ := strings.Cut(name, " ")
		for _, path := range []string{"/", "/feeds/all.atom", "/feeds/architecture+leadership.atom", "/insights/images/a.png", "/assets/site.css"} {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Header.Set(name, value)
			r.RemoteAddr = "192.0.2.1:4711" // a proxy
			requests["header: "+name+number+" of "+path] = r
		}
		r := httptest.NewRequest(http.MethodPost, "/subscribe", strings.NewReader(fill("a=1&")[:16_000]))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set(name, value)
		r.RemoteAddr = "192.0.2.1:4711"
		requests["header: "+name+number+" of a form"] = r
	}
	return requests
}

// TestALongHeadCostsLittle: nobody makes the site work hard by what comes before a body. A
// small error page takes about a fifth of a millisecond.
func TestALongHeadCostsLittle(t *testing.T) {
	const most = 2 * time.Millisecond
	f := newFixture(t, library(), func(c *web.Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	for name, r := range longHeads() {
		answer := f.send(r)
		if kind, _, _ := strings.Cut(name, ":"); kind == "path" && answer.StatusCode != http.StatusRequestURITooLong || answer.StatusCode >= 500 {
			t.Errorf("%s is answered %d", name, answer.StatusCode)
		}
		fastest := time.Hour // others run beside it, so one of many tries counts
		for try := 0; try < 100 && fastest > most; try++ {
			began := time.Now()
			f.send(r)
			fastest = min(fastest, time.Since(began))
		}
		if fastest > most && !budget.Raced {
			t.Errorf("%s took %v", name, fastest)
		}
	}
}

// TestTheLongestAddressesAreAnswered: as many categories as there may be, with long slugs.
func TestTheLongestAddressesAreAnswered(t *testing.T) {
	if feeds.MaxCombined != subscribers.MaxCategories {
		t.Errorf("a feed combines %d categories of %d", feeds.MaxCombined, subscribers.MaxCategories)
	}
	site := templates.DefaultSite()
	site.BaseURL, site.Categories = base, nil
	var slugs []string
	form := url.Values{"format": {"rss"}}
	for i := range subscribers.MaxCategories {
		slug := fmt.Sprintf("c%02d-%s", i, strings.Repeat("a", 196))
		slugs = append(slugs, slug)
		site.Categories = append(site.Categories, content.Category{Slug: slug, Name: "Category " + slug})
		form.Add("category", slug)
	}
	library, err := content.Load(fstest.MapFS{}, content.Options{Categories: site.Categories})
	if err != nil {
		t.Fatal(err)
	}
	set, err := feeds.Build(library, feedSite(site), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := newSite(t, site, library, set, nil)
	path := "/feeds/" + strings.Join(slugs, "+") + ".rss"
	wantStatus(t, f.get(path), http.StatusOK)
	if answer := f.get("/feeds/combine?" + form.Encode()); answer.Header.Get("Location") != path {
		t.Errorf("the form leads to %d %.50q", answer.StatusCode, answer.Header.Get("Location"))
	}
	wantStatus(t, f.get("/feeds/"+slugs[0]+"+"+strings.Join(slugs, "+")+".rss"), http.StatusNotFound)
	wantStatus(t, f.get("/"+strings.Repeat("a", 30_000)), http.StatusRequestURITooLong)
}

// TestOnlyTheStartOfAcceptedCodingsIsRead: it is a list that nobody writes to its end.
func TestOnlyTheStartOfAcceptedCodingsIsRead(t *testing.T) {
	f := newFixture(t, library(), nil)
	for header, want := range map[string]string{
		"a;q=0.5, b, gzip":                    "gzip",
		strings.Repeat(", ", 400) + "gzip":    "gzip",
		strings.Repeat(", ", 10_000) + "gzip": "",
	} {
		if got := f.get("/feeds/all.atom", "Accept-Encoding", header).Header.Get("Content-Encoding"); got != want {
			t.Errorf("%.20q is answered in %q, want %q", header, got, want)
		}
	}
}
