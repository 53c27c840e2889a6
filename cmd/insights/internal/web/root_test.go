package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/templates"
)

// below is the site under a path of its host, behind a proxy that passes the path on, or
// takes it off.
type below struct {
	*fixture
	root  string
	strip bool
}

func newBelow(t *testing.T, root string, strip bool) *below {
	t.Helper()
	site := templates.DefaultSite()
	site.BaseURL = base + root
	library, err := content.Load(library(), content.Options{Categories: site.Categories})
	if err != nil {
		t.Fatal(err)
	}
	described := feedSite(site)
	described.BaseURL = site.BaseURL
	set, err := feeds.Build(library, described, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := newSite(t, site, library, set, func(c *web.Config) { c.FeedSite = described })
	f.sendDigest(1)
	return &below{f, root, strip}
}

// path is what the proxy asks for, of an address that a client asks for.
func (b *below) path(t *testing.T, address string) string {
	t.Helper()
	address = strings.TrimPrefix(address, base)
	inside, ok := strings.CutPrefix(address, b.root)
	if !ok || inside != "" && !strings.ContainsAny(inside[:1], "/?#") {
		t.Errorf("%s leads out of %s", address, b.root)
	}
	switch {
	case !b.strip:
		return address
	case !strings.HasPrefix(inside, "/"):
		return "/" + inside
	}
	return inside
}

func TestASiteBelowAPath(t *testing.T) {
	for _, c := range []struct {
		root  string
		strip bool
	}{{"/news", true}, {"/news", false}, {"/a/b%C3%BC", true}, {"/a/b%C3%BC", false}, {"/insights", true}, {"/insights", false}, {"/feeds", true}, {"/feeds", false}} {
		name := "kept " + c.root
		if c.strip {
			name = "stripped " + c.root
		}
		t.Run(name, func(t *testing.T) {
			b := newBelow(t, c.root, c.strip)
			b.crawl(t)
			b.sendForms(t)
			for _, from := range []string{"/feed", "/rss.xml", "/page/1", "/categories/leadership/", "/feeds/combine?category=leadership&category=engineering"} {
				r := b.get(b.path(t, c.root+from))
				if to := r.Header.Get("Location"); r.StatusCode < 300 || r.StatusCode > 399 || !strings.HasPrefix(to, c.root+"/") {
					t.Errorf("%s: %d to %q", from, r.StatusCode, to)
				} else if status := b.get(b.path(t, to)).StatusCode; status != http.StatusOK {
					t.Errorf("%s leads to %s: %d", from, to, status)
				}
			}
			if r := b.get(b.path(t, c.root+"/feeds/all.atom")); !strings.Contains(r.Header.Get("Link"), "<"+base+c.root+"/feeds/all.atom>; rel=\"self\"") {
				t.Errorf("%v", r.Header)
			}
			if robots := bodyOf(t, b.get(b.path(t, c.root+"/robots.txt"))); !strings.Contains(robots, "Disallow: "+c.root+"/unsubscribe/") || !strings.Contains(robots, "Sitemap: "+base+c.root+"/sitemap.xml") {
				t.Error(robots)
			}
			wantStatus(t, b.get(b.path(t, c.root+"/nothing/here")), http.StatusNotFound)
		})
	}
}

// crawl follows every link from the index.
func (b *below) crawl(t *testing.T) {
	t.Helper()
	seen := []string{b.root + "/"}
	for i := 0; i < len(seen); i++ {
		r := b.get(b.path(t, seen[i]))
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", seen[i], r.StatusCode)
			continue
		}
		if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
			continue
		}
		for _, n := range elements(t, bodyOf(t, r), "") {
			for _, name := range []string{"href", "src", "action"} {
				to, _, _ := strings.Cut(strings.TrimPrefix(attribute(n, name), base), "#")
				if to == "" || !strings.HasPrefix(to, "/") || strings.Contains(to, "/feeds/combine") {
					continue
				}
				if !slices.Contains(seen, to) {
					seen = append(seen, to)
				}
			}
		}
	}
	if len(seen) < 40 {
		t.Errorf("only %d addresses: %q", len(seen), seen)
	}
}

// sendForms does what readers do.
func (b *below) sendForms(t *testing.T) {
	t.Helper()
	_, unsubscribe, preferences := b.reader(t, "ada@example.com", subscribed)
	confirm, _, _ := b.reader(t, "bob@example.com", pending)
	for _, path := range []string{"/preferences/" + preferences, "/confirm/" + confirm, "/unsubscribe/" + unsubscribe} {
		r := b.get(b.path(t, b.root+path))
		wantStatus(t, r, http.StatusOK)
		action, fields := firstForm(t, bodyOf(t, r))
		if !strings.HasPrefix(action, b.root+"/") {
			t.Errorf("%s: the form goes to %s", path, action)
		}
		if r := b.post(b.path(t, action), fields); r.StatusCode >= 400 {
			t.Errorf("%s: status %d", path, r.StatusCode)
		}
	}
	if b.status(t, "ada@example.com") != "unsubscribed" || b.status(t, "bob@example.com") != "confirmed" {
		t.Errorf("%s, %s", b.status(t, "ada@example.com"), b.status(t, "bob@example.com"))
	}
	// One click, as mailbox providers post it.
	wantStatus(t, b.post(b.path(t, b.root+"/unsubscribe/"+unsubscribe), url.Values{"List-Unsubscribe": {"One-Click"}}), http.StatusOK)
}
