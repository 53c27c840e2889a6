package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/templates"
)

// TestPagesObeyThePolicy reads every page for what the Content-Security-Policy
// forbids, and for what a browser would have to guess.
func TestPagesObeyThePolicy(t *testing.T) {
	f := realSite(t)
	_, unsubscribe, preferences := f.reader(t, "ada@example.com", subscribed)
	confirm, _, _ := f.reader(t, "bob@example.com", pending)
	f.inbox.raw = []string{twoPartMail}
	paths := append(web.StaticPaths(f.library, f.set, f.config.Pages),
		"/subscribe", "/digests", "/digests/1", "/confirm/"+confirm, "/unsubscribe/"+unsubscribe,
		"/preferences/"+preferences, "/nothing", "/_inbox", "/_inbox/1")
	for _, path := range paths {
		r := f.get(path)
		if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
			continue
		}
		page := bodyOf(t, r)
		ids := make(map[string]bool)
		for _, n := range elements(t, page, "") {
			for _, a := range n.Attr {
				switch {
				case a.Key == "style", strings.HasPrefix(a.Key, "on"):
					t.Errorf("%s: <%s %s=%q>", path, n.Data, a.Key, a.Val)
				case a.Key == "id" && ids[a.Val]:
					t.Errorf("%s: two elements have the id %q", path, a.Val)
				case a.Key == "id":
					ids[a.Val] = true
				case (a.Key == "href" || a.Key == "src" || a.Key == "action") && strings.Contains(strings.ToLower(a.Val), "javascript:"):
					t.Errorf("%s: <%s %s=%q>", path, n.Data, a.Key, a.Val)
				}
			}
			switch n.Data {
			case "style":
				t.Errorf("%s has an inline style sheet", path)
			case "script":
				if attribute(n, "type") != "application/ld+json" {
					t.Errorf("%s has a script", path)
				}
			case "img":
				if !slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "alt" }) {
					t.Errorf("%s: an image lacks its text", path)
				}
			}
		}
		if n := len(elements(t, page, "h1")); n != 1 {
			t.Errorf("%s has %d first headings", path, n)
		}
	}
}

// TestNoLinkIsBroken follows every link inside the site from the index.
func TestNoLinkIsBroken(t *testing.T) {
	f := realSite(t)
	found := map[string]string{"/": "the start"} // path and who links to it
	fragments := make(map[string][]string)       // page and the fragments linked to
	for queue := []string{"/"}; len(queue) > 0; queue = queue[1:] {
		path := queue[0]
		r := f.get(path)
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s, linked from %s: status %d", path, found[path], r.StatusCode)
			continue
		}
		if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
			continue
		}
		for _, n := range elements(t, bodyOf(t, r), "") {
			for _, name := range []string{"href", "src"} {
				target := strings.TrimPrefix(attribute(n, name), base)
				if !strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "#") {
					continue
				}
				u, err := url.Parse(target)
				if err != nil {
					t.Errorf("%s links to %q: %v", path, target, err)
					continue
				}
				to := u.Path
				if to == "" {
					to = path
				}
				if u.Fragment != "" {
					fragments[to] = append(fragments[to], u.Fragment)
				}
				if found[to] == "" {
					found[to] = path
					queue = append(queue, to)
				}
			}
		}
	}
	for path, wanted := range fragments {
		var ids []string
		for _, n := range elements(t, bodyOf(t, f.get(path)), "") {
			ids = append(ids, attribute(n, "id"))
		}
		for _, fragment := range wanted {
			if !slices.Contains(ids, fragment) {
				t.Errorf("%s has no element with the id %q that a link names", path, fragment)
			}
		}
	}
	for _, path := range web.StaticPaths(f.library, f.set, f.config.Pages) {
		wantStatus(t, f.get(path), http.StatusOK)
		if found[path] == "" && !strings.HasSuffix(path, ".xml") && !strings.HasPrefix(path, "/favicon") && !strings.HasPrefix(path, "/assets") && path != "/robots.txt" {
			t.Errorf("no page links to %s", path)
		}
	}
}

// realSite is the site of the embedded insights, with two digests sent.
func realSite(t *testing.T) *fixture {
	t.Helper()
	site := templates.DefaultSite()
	site.BaseURL = base
	library, set, err := realLibrary(site)
	if err != nil {
		t.Fatal(err)
	}
	f := newSite(t, site, library, set, nil)
	f.sendDigest(1)
	f.sendDigest(2)
	return f
}

// realLibrary is kept for all tests: highlighting the code of every insight takes
// seconds under the race detector.
var realLibrary = func() func(templates.Site) (*content.Library, *feeds.Set, error) {
	var once sync.Once
	var library *content.Library
	var set *feeds.Set
	var err error
	return func(site templates.Site) (*content.Library, *feeds.Set, error) {
		once.Do(func() {
			if library, err = content.Load(content.Embedded(), content.Options{Categories: site.Categories}); err == nil {
				set, err = feeds.Build(library, feedSite(site), nil)
			}
		})
		return library, set, err
	}
}()

// TestAStaticCopyIsTheSameBytes compares the site without a database with the
// one that has everything.
func TestAStaticCopyIsTheSameBytes(t *testing.T) {
	noInbox := func(c *web.Config) { c.Inbox = nil }
	full := newFixture(t, library(), noInbox)
	full.sendDigest(1)
	bare := newFixture(t, library(), func(c *web.Config) { c.Registry, c.Archive, c.Inbox = nil, nil, nil })
	paths := web.StaticPaths(bare.library, bare.set, bare.config.Pages)
	if !slices.Contains(paths, "/insights/images/plan.svg") || !slices.Contains(paths, "/insights/insight-1") {
		t.Errorf("the static copy lacks something: %v", paths)
	}
	for _, path := range paths {
		a, b := full.get(path), bare.get(path)
		wantStatus(t, b, http.StatusOK)
		if bodyOf(t, a) != bodyOf(t, b) {
			t.Errorf("%s differs", path)
		}
	}
}

func TestDevelopmentSendsTheSameFeeds(t *testing.T) {
	serve := newFixture(t, library(), nil)
	dev := newFixture(t, library(), func(c *web.Config) {
		c.Dev, c.Changed = true, func() <-chan struct{} { return nil }
	})
	for _, path := range []string{"/feeds/all.rss", "/feeds.opml", "/atom.xml"} {
		a, b := serve.get(path), dev.get(path)
		if len(a.Header) != len(b.Header) || bodyOf(t, a) != bodyOf(t, b) {
			t.Errorf("%s differs", path)
		}
		for name := range a.Header {
			wantHeader(t, b, name, a.Header.Get(name))
		}
	}
}
