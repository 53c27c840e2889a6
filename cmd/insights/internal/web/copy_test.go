package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/web"
	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/templates"
)

// copied makes a static copy of a site with nothing behind it.
func copied(t *testing.T, files fstest.MapFS, combined bool) (*fixture, map[string]web.StaticFile) {
	t.Helper()
	return copiedWith(t, files, combined, func(*web.Config) {})
}

func copiedWith(t *testing.T, files fstest.MapFS, combined bool, change func(*web.Config)) (*fixture, map[string]web.StaticFile) {
	t.Helper()
	site := templates.DefaultSite()
	site.BaseURL = base
	site.Categories[0].Formerly = []string{"systems"}
	library, err := content.Load(files, content.Options{Categories: site.Categories})
	if err != nil {
		t.Fatal(err)
	}
	set, err := feeds.Build(library, feedSite(site), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := newSite(t, site, library, set, func(c *web.Config) { c.Registry, c.Archive, c.Inbox, c.Static = nil, nil, nil, true; change(c) })
	var mu sync.Mutex
	byName := make(map[string]web.StaticFile)
	err = f.handler.(*web.Site).Copy(t.Context(), combined, func(file web.StaticFile) error {
		mu.Lock()
		defer mu.Unlock()
		if _, twice := byName[file.Name]; twice {
			t.Errorf("%s is written twice", file.Name)
		}
		byName[file.Name] = file
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return f, byName
}

// many is a library whose feeds have archives, with a picture whose name needs
// escaping.
func many() fstest.MapFS {
	files := library()
	files["images/a plan & more.svg"] = files["images/plan.svg"]
	for i := range 90 {
		category := []string{"Architecture", "Leadership", "Engineering"}[i%3]
		files[fmt.Sprintf("long-%d.md", i)] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"---\nid: 00000000-0000-4000-8000-1%011d\ntitle: Long %d\nsummary: S.\ncategory: %s\ndate: 2025-%02d-01\n---\n\n![A plan](<images/a plan & more.svg>)\n\n%s\n",
			i, i, category, 1+i%12, strings.Repeat("Words and words. ", 400))}
	}
	return files
}

// TestACopyIsWhatTheSiteAnswers compares every file with the answer of a site that
// has everything, in every coding; pages with that of one that has what they need.
func TestACopyIsWhatTheSiteAnswers(t *testing.T) {
	static, files := copied(t, many(), false)
	full := newSite(t, static.config.Site, static.library, static.set, func(c *web.Config) { c.Inbox = nil })
	for name, file := range files {
		path := "/" + strings.TrimSuffix(strings.TrimSuffix(name, "index.html"), "/")
		switch name {
		case "_headers", "_redirects":
			continue
		case "404.html":
			wantStatus(t, full.get(path), http.StatusNotFound)
		case "index.html":
			path = "/"
		}
		escaped := (&url.URL{Path: path}).String()
		full := full
		if strings.HasSuffix(name, ".html") || name == "sitemap.xml" {
			full = static
		}
		plain := full.get(escaped)
		if name != "404.html" {
			wantStatus(t, plain, http.StatusOK)
		}
		if bodyOf(t, plain) != string(file.Body) {
			t.Errorf("%s differs", name)
		}
		if modified := plain.Header.Get("Last-Modified"); modified != "" && file.Modified.Format(http.TimeFormat) != modified {
			t.Errorf("%s: modified %v, want %s", name, file.Modified, modified)
		}
		for coding, body := range map[string][]byte{"gzip": file.Gzip, "br": file.Brotli} {
			r := full.get(escaped, "Accept-Encoding", coding)
			if coded := r.Header.Get("Content-Encoding"); (coded == coding) != (body != nil) {
				t.Errorf("%s: %d bytes of %s, the site answers in %q", name, len(body), coding, coded)
			} else if body != nil && bodyOf(t, r) != string(body) {
				t.Errorf("%s differs in %s", name, coding)
			}
		}
	}
	for _, name := range []string{
		"index.html", "insights/insight-1/index.html", "insights/images/a plan & more.svg", "categories/leadership/index.html",
		"feeds/index.html", "feeds/all.rss", "feeds/all/2025-01.json", "feeds.opml", "atom.xml", "feed.xml", "sitemap.xml", "robots.txt", "favicon.ico", "404.html",
	} {
		if len(files[name].Body) == 0 {
			t.Errorf("there is no %s", name)
		}
	}
	if files["feeds/all.rss"].Gzip == nil || files["feeds/all.rss"].Brotli == nil {
		t.Error("the feed is not there in gzip and br")
	}
	for _, path := range full.set.Archives() {
		if _, ok := files[path[1:]]; !ok {
			t.Errorf("there is no %s", path)
		}
	}
}

func TestACopyTellsHostsWhatTheyCanNotKnow(t *testing.T) {
	files := library()
	soon := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
	files["soon.md"] = &fstest.MapFile{Data: []byte("---\nid: 00000000-0000-4000-8000-000000000099\ntitle: Soon\nsummary: S.\ncategory: Leadership\ndate: " + soon + "\n---\nText.\n")}
	f, made := copied(t, files, false)
	rules := string(made["_headers"].Body)
	feed := f.get("/feeds/all.rss")
	for _, name := range []string{"Content-Type", "Cache-Control", "Access-Control-Allow-Origin", "Link"} {
		value := strings.Join(feed.Header.Values(name), ", ")
		_, rule, _ := strings.Cut(rules, "\n/feeds/all.rss\n")
		rule, _, _ = strings.Cut(rule, "\n/")
		if value == "" || !strings.Contains(rule+"\n", "  "+name+": "+value+"\n") {
			t.Errorf("the rule of the feed lacks %s: %s:\n%s", name, value, rule)
		}
	}
	// A file can't say how long it is until the next insight.
	if !strings.Contains(rules, "public, max-age=900") {
		t.Errorf("no feed may be kept for 900 seconds:\n%s", rules)
	}
	for _, rule := range []string{"/*\n", "  X-Content-Type-Options: nosniff\n", "\n/insights/images/*\n", "\n/feeds.opml\n"} {
		if !strings.Contains(rules, rule) {
			t.Errorf("no %q in:\n%s", rule, rules)
		}
	}
	for line := range strings.Lines(string(made["_redirects"].Body)) {
		fields := strings.Fields(line)
		r := f.get(fields[0])
		wantStatus(t, r, http.StatusMovedPermanently)
		wantHeader(t, r, "Location", fields[1])
	}
	for _, line := range []string{"/rss.xml /feeds/all.rss 301\n", "/categories/systems /categories/architecture 301\n", "/feeds/systems.json /feeds/architecture.json 301\n"} {
		if !strings.Contains(string(made["_redirects"].Body), line) {
			t.Errorf("no %q in:\n%s", line, made["_redirects"].Body)
		}
	}
	for name, file := range made {
		if strings.Contains(name, "soon") || bytes.Contains(file.Body, []byte("Not yet")) {
			t.Errorf("%s holds what nobody may see yet", name)
		}
	}
}

// leads lists where the links and forms of a copy's pages lead.
func leads(t *testing.T, files map[string]web.StaticFile) map[string]string {
	t.Helper()
	to := make(map[string]string)
	for name, file := range files {
		if !strings.HasSuffix(name, ".html") {
			continue
		}
		for _, n := range elements(t, string(file.Body), "") {
			for _, attr := range []string{"href", "src", "action"} {
				address, _, _ := strings.Cut(attribute(n, attr), "#")
				if address = strings.TrimPrefix(address, base); address != "" {
					to[address] = name
				}
			}
		}
	}
	return to
}

// TestACopyOffersOnlyWhatItHas: nothing leads to what only a program can answer.
func TestACopyOffersOnlyWhatItHas(t *testing.T) {
	more := library()
	more["links.md"] = &fstest.MapFile{Data: []byte("---\nid: 00000000-0000-4000-8000-000000000098\ntitle: Links\nsummary: S.\ncategory: Leadership\ndate: 2026-01-01\n---\n[Subscribe](/subscribe) or [read](/feeds).\n")}
	_, files := copied(t, more, false)
	for to, from := range leads(t, files) {
		path, _, _ := strings.Cut(to, "?")
		if !strings.HasPrefix(path, "/") {
			continue
		}
		path, _ = url.PathUnescape(strings.Trim(path, "/"))
		if files[path].Body == nil && files[strings.Trim(path+"/index.html", "/")].Body == nil {
			t.Errorf("%s leads to %s, which is not there", from, to)
		}
	}
	for name, file := range files {
		if strings.HasSuffix(name, ".html") && (bytes.Contains(file.Body, []byte("<form")) || bytes.Contains(file.Body, []byte("by email"))) {
			t.Errorf("%s offers a form or emails", name)
		}
	}
	if page := string(files["insights/links/index.html"].Body); !strings.Contains(page, `<p>Subscribe or <a href="/feeds">read</a>.</p>`) {
		t.Error("the words of a link that leads nowhere are lost, or another link is")
	}
	if bytes.Contains(files["sitemap.xml"].Body, []byte("/subscribe")) {
		t.Error("the sitemap lists the sign-up")
	}
	const server = "https://live.example.com/news"
	_, files = copiedWith(t, more, false, func(c *web.Config) { c.Server = server })
	to := leads(t, files)
	for _, want := range []string{server + "/subscribe", server + "/subscribe?category=leadership", server + "/digests", server + "/digests.atom", server + "/feeds/combine", "/feeds", "/feeds/all.atom"} {
		if to[want] == "" {
			t.Errorf("nothing leads to %s", want)
		}
	}
	for path := range to {
		if strings.HasPrefix(path, "/subscribe") || strings.HasPrefix(path, "/digests") {
			t.Errorf("%s leads to %s", to[path], path)
		}
	}
	if rules := string(files["_headers"].Body); !strings.Contains(rules, "form-action 'self' https://live.example.com;") {
		t.Error(rules)
	}
}

func TestACopyWithEveryCombination(t *testing.T) {
	f, made := copied(t, library(), true)
	for _, path := range f.set.Combinations() {
		if len(made[path[1:]].Body) == 0 {
			t.Errorf("there is no %s", path)
		}
	}
	if _, some := copied(t, library(), false); len(made)-len(some) != len(f.set.Combinations()) {
		t.Errorf("%d files more, want %d", len(made)-len(some), len(f.set.Combinations()))
	}
}

// Hosts read a hundred rules at most: those that matter must be among them.
func TestACopyHasFewRules(t *testing.T) {
	for _, combined := range []bool{false, true} {
		f, made := copied(t, many(), combined)
		rules := "\n" + string(made["_headers"].Body)
		n := 0
		for line := range strings.Lines(rules) {
			if strings.HasPrefix(line, "/") {
				n++
			}
		}
		if n > 99 || len(f.set.Archives()) < 20 {
			t.Errorf("%d rules, with %d archives", n, len(f.set.Archives()))
		}
		for _, doc := range f.set.Documents() {
			if !strings.Contains(rules, "\n"+doc.Path+"\n") {
				t.Errorf("no rule for %s", doc.Path)
			}
		}
		if !strings.Contains(rules, "\n/feeds/:feed/*\n  Cache-Control: ") {
			t.Errorf("no rule for archives:\n%s", rules)
		}
	}
}

func TestACopyStopsAtAFault(t *testing.T) {
	f := newFixture(t, library(), func(c *web.Config) { c.Static = true })
	site := f.handler.(*web.Site)
	fault := errors.New("no room")
	if err := site.Copy(t.Context(), false, func(web.StaticFile) error { return fault }); !errors.Is(err, fault) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var names []string
	var mu sync.Mutex
	err := site.Copy(ctx, false, func(file web.StaticFile) error {
		mu.Lock()
		defer mu.Unlock()
		names = append(names, file.Name)
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || slices.Contains(names, "_headers") {
		t.Errorf("got %v after %v", err, names)
	}
}
