package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/feeds/readership"
)

// counted takes what was counted.
type counted map[string]int

func (c counted) SaveReadership(_ context.Context, counts []readership.Count, _ readership.Day) error {
	for _, n := range counts {
		c[n.Document+" "+n.Source] = n.Readers
	}
	return nil
}

func TestReadersOfDocumentsAreCounted(t *testing.T) {
	got := make(counted)
	readers := &readership.Counter{Store: got}
	f := newFixture(t, long(), func(c *web.Config) {
		c.Readers = readers
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	ask := func(method, path, client string, header ...string) *http.Response {
		r := httptest.NewRequest(method, path, nil)
		r.RemoteAddr = client + ":4711"
		r.Header.Set("User-Agent", "newsboat/2.21.0")
		return f.send(r, header...)
	}
	first := ask("GET", "/feeds/all.atom", "198.51.100.1")
	unchanged := ask("GET", "/feeds/all.atom", "198.51.100.2", "If-None-Match", first.Header.Get("Etag"))
	wantStatus(t, unchanged, http.StatusNotModified)
	ask("GET", "/atom.xml", "198.51.100.3")                                          // the same document
	ask("GET", "/feeds/all.atom", "192.0.2.1", "X-Forwarded-For", "198.51.100.3")    // the same client
	ask("GET", "/feeds/all.atom", "198.51.100.3", "X-Forwarded-For", "198.51.100.9") // says what it likes
	ask("GET", "/feeds/all.atom", "198.51.100.4", "User-Agent", "Feedbin feed-id:1 - 7 subscribers")
	ask("GET", "/feeds/architecture+leadership.json", "198.51.100.1")
	ask("GET", "/digests.rss", "198.51.100.1")

	ask("GET", "/feeds/all.rss", "198.51.100.5", "Sec-Fetch-Dest", "document") // a person looks
	ask("HEAD", "/feeds/all.rss", "198.51.100.5")
	ask("GET", "/feeds/leadership+architecture.rss", "198.51.100.5") // moved
	ask("GET", "/feeds/nothing.rss", "198.51.100.5")
	ask("GET", "/feeds.opml", "198.51.100.5")
	wantStatus(t, ask("GET", f.set.Archives()[0], "198.51.100.5"), http.StatusOK)
	ask("GET", "/feeds", "198.51.100.5")
	if err := readers.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := counted{"/feeds/all.atom others": 3, "/feeds/all.atom Feedbin": 7, "/feeds/architecture+leadership.json others": 1, "/digests.rss others": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnswersAreObservedByRoute(t *testing.T) {
	got := make(map[string]int) // "GET /feeds 200" → its status
	f := newFixture(t, library(), func(c *web.Config) {
		c.Observe = func(route string, status int, took time.Duration) {
			got[route] = status
			if took <= 0 {
				t.Errorf("%s took %s", route, took)
			}
		}
	})
	f.get("/feeds/all.atom")
	f.get("/insights/there-is-none")
	f.get("/unsubscribe/some-token")
	f.get("/there/is/nothing")
	f.post("/subscribe", nil, "Sec-Fetch-Site", "cross-site")
	want := map[string]int{"GET /feeds/all.atom": 200, "GET /insights/{slug}": 404, "GET /unsubscribe/{token}": 404, "/": 404, "": 403}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
