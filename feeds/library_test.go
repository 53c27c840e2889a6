package feeds_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
)

// TestEveryInsightIsInEveryFormat compares each entry of each document with the
// insight it is made of.
func TestEveryInsightIsInEveryFormat(t *testing.T) {
	for name, p := range publications(t) {
		lib, set := p.lib, p.set
		names := map[string][]*content.Insight{"all": lib.Insights()}
		for _, c := range lib.Categories() {
			names[c.Slug] = lib.In(c.Slug)
		}
		for feedName, insights := range names {
			for _, format := range feeds.Formats() {
				path := "/feeds/" + feedName + "." + string(format)
				t.Run(name+path, func(t *testing.T) {
					pages := follow(t, set, path)
					var want []entry
					for _, in := range insights {
						want = append(want, p.entry(in, format))
					}
					if diff := cmp.Diff(want, entriesOf(pages)); diff != "" {
						t.Errorf("(-library +document):\n%.2000s", diff)
					}
					for _, p := range pages {
						if p.Items != len(p.Entries) {
							t.Errorf("%s says %d items, it has %d", p.Path, p.Items, len(p.Entries))
						}
						if format != feeds.JSON && !p.feed.Updated.Equal(p.Document.Updated) {
							t.Errorf("%s says updated %v, its body %v", p.Path, p.Document.Updated, p.feed.Updated)
						}
					}
				})
			}
		}
	}
}

// entry is what a reader should make of an insight.
func (p published) entry(in *content.Insight, format feeds.Format) entry {
	e := entry{
		ID: "tag:example.com,2025:" + in.ID, URL: "https://example.com/news/insights/" + in.Slug,
		Title: in.Title, Summary: in.Summary, HTML: p.html[in], Author: in.Author,
		Published: in.Date.UTC(), Updated: p.updated[in], Categories: []string{in.Category.Name},
	}
	if strings.HasPrefix(in.ID, "tag:") {
		e.ID = in.ID
	}
	if e.Author == "" {
		e.Author = "Example Studio"
	}
	tags := slices.DeleteFunc(slices.Clone(in.Tags), func(tag string) bool { return tag == in.Category.Name })
	e.Categories = append(e.Categories, tags...)
	switch {
	case strings.HasPrefix(in.Image, "https://"):
		e.Image = in.Image
	case in.Image != "":
		e.Image = "https://example.com/news/insights/" + in.Image
	}
	switch format {
	case feeds.RSS:
		e.ImageType = map[string]string{".svg": "image/svg+xml", ".png": "image/png"}[extension(in.Image)]
	case feeds.Atom:
		e.Terms = append([]string{in.Category.Slug}, tags...)
	case feeds.JSON:
		e.Minutes, e.Featured = in.Minutes, in.Featured
	}
	return e
}

func extension(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return path.Ext(u.Path)
}

func TestEveryFeedHasItsAddresses(t *testing.T) {
	set := build(t, load(t, small()), testSite)
	homes := map[string]string{"all": "/"}
	for _, c := range categories {
		homes[c.Slug] = "/categories/" + c.Slug
	}
	for name, home := range homes {
		for _, format := range feeds.Formats() {
			path := "/feeds/" + name + "." + string(format)
			got := parse(t, format, document(t, set, path).Body)
			if want := "https://example.com/news" + path; got.Self != want {
				t.Errorf("%s: self is %s", path, got.Self)
			}
			if want := "https://example.com/news" + home; got.Home != want {
				t.Errorf("%s: alternate is %s, want %s", path, got.Home, want)
			}
			if want := "tag:example.com,2025:feed:" + name; format == feeds.Atom && got.ID != want {
				t.Errorf("%s: id is %s, want %s", path, got.ID, want)
			}
		}
	}
}

func TestDocumentsAreListedInAFixedOrder(t *testing.T) {
	set := build(t, load(t, small()), testSite)
	var got, want []string
	for _, name := range append([]content.Category{{Slug: "all"}}, categories...) {
		for _, format := range []string{"rss application/rss+xml", "atom application/atom+xml", "json application/feed+json"} {
			want = append(want, "/feeds/"+name.Slug+"."+format+"; charset=utf-8")
		}
	}
	want = append(want, "/feeds/all.opml text/x-opml; charset=utf-8", "/feeds.opml text/x-opml; charset=utf-8")
	for _, d := range set.Documents() {
		got = append(got, d.Path+" "+d.ContentType)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, ok := set.Document("/feeds/none.rss"); ok {
		t.Error("a document of no category")
	}
	changed, none := time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC), time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	of := func(name, title, home string, format feeds.Format, items int, updated time.Time) feeds.Document {
		d := feeds.Document{Feed: name, Title: title, HomePath: home, Format: format, Items: items, Updated: updated, Modified: updated}
		if home != "/" {
			d.Category = name
		}
		return d
	}
	for path, want := range map[string]feeds.Document{
		"/feeds/all.rss":            of("all", "Insights", "/", feeds.RSS, 3, changed),
		"/feeds/ai-automation.atom": of("ai-automation", "Insights: AI & Automation", "/categories/ai-automation", feeds.Atom, 1, changed),
		"/feeds/architecture.json":  of("architecture", "Insights: Architecture", "/categories/architecture", feeds.JSON, 2, time.Date(2026, 1, 7, 6, 0, 0, 0, time.UTC)),
		"/feeds/leadership.json":    of("leadership", "Insights: Leadership", "/categories/leadership", feeds.JSON, 0, none),
		"/feeds.opml":               {Title: "Insights", HomePath: "/feeds", Items: 7, Updated: changed, Modified: changed},
	} {
		got := *document(t, set, path)
		if sum := sha256.Sum256(got.Body); got.Hash != hex.EncodeToString(sum[:12]) {
			t.Errorf("%s has the hash %s", path, got.Hash)
		}
		got.Path, got.ContentType, got.Body, got.Hash = "", "", nil, ""
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestEqualLibrariesGiveEqualBytes(t *testing.T) {
	lib := load(t, small())
	first := build(t, lib, testSite)
	elsewhere, err := content.Load(small(), content.Options{
		Categories: categories,
		Location:   time.FixedZone("", 9*3600),
		Now:        func() time.Time { return time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, lib := range map[string]*content.Library{
		"the same":               lib,
		"reloaded":               load(t, small()),
		"seen at another time":   lib.At(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)),
		"loaded in another zone": elsewhere,
	} {
		t.Run(name, func(t *testing.T) {
			var wait sync.WaitGroup
			for range 2 { // builds of one library do not meet
				wait.Go(func() {
					again, err := feeds.Build(lib, testSite, nil)
					if err != nil {
						t.Error(err)
						return
					}
					for i, d := range again.Documents() {
						if want := first.Documents()[i]; !bytes.Equal(d.Body, want.Body) || d.Path != want.Path || !d.Updated.Equal(want.Updated) {
							t.Errorf("%s differs:\n%s", d.Path, cmp.Diff(string(want.Body), string(d.Body)))
						}
					}
					if again.Version() != first.Version() {
						t.Errorf("version %s, was %s", again.Version(), first.Version())
					}
				})
			}
			wait.Wait()
		})
	}
}

func TestSmallEditMovesNoDate(t *testing.T) {
	edited := small()
	for name, file := range edited {
		if strings.HasSuffix(name, ".md") {
			file.Data = append(file.Data, "\nA comma, put right.\n"...)
		}
	}
	before, after := build(t, load(t, small()), testSite), build(t, load(t, edited), testSite)
	for i, d := range after.Documents() {
		old := before.Documents()[i]
		if !d.Updated.Equal(old.Updated) {
			t.Errorf("%s is updated %v, was %v", d.Path, d.Updated, old.Updated)
		}
		if d.Items > 0 && d.Format != "" && bytes.Equal(d.Body, old.Body) {
			t.Errorf("%s does not show the edit", d.Path)
		}
	}
}

func TestVersionTellsChangesApart(t *testing.T) {
	versions := map[string]string{}
	see := func(name string, set *feeds.Set) {
		if other, ok := versions[set.Version()]; ok {
			t.Errorf("%s has the version of %s", name, other)
		}
		versions[set.Version()] = name
	}
	see("the library", build(t, load(t, small()), testSite))
	edited := small()
	edited["2026-01-06-plain.md"].Data = append(edited["2026-01-06-plain.md"].Data, "More words.\n"...)
	see("an edit", build(t, load(t, edited), testSite))
	delete(edited, "2026-01-06-plain.md")
	see("a removal", build(t, load(t, edited), testSite))
	site := testSite
	site.Rights = "CC BY"
	see("another site", build(t, load(t, small()), site))
}

func TestBuildRefuses(t *testing.T) {
	for _, slug := range []string{"all", "digests"} {
		lib, err := content.Load(fstest.MapFS{}, content.Options{Categories: []content.Category{{Slug: slug, Name: "Anything"}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := feeds.Build(lib, testSite, nil); err == nil || !strings.Contains(err.Error(), slug) {
			t.Errorf("category %s: %v", slug, err)
		}
	}
	_, err := feeds.Build(load(t, small()), feeds.Site{}, nil)
	if err == nil {
		t.Fatal("a site that is not set up was accepted")
	}
	for _, want := range []string{"base URL", "title", "authority"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not speak of the %s: %v", want, err)
		}
	}
}
