package feeds_test

import (
	"bytes"
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
					d := document(t, set, path)
					got := parse(t, format, d.Body)
					if d.Items != len(insights) {
						t.Errorf("the document says %d items of %d", d.Items, len(insights))
					}
					var want []entry
					for _, in := range insights {
						want = append(want, p.entry(in, format))
					}
					if diff := cmp.Diff(want, got.Entries); diff != "" {
						t.Errorf("(-library +document):\n%.2000s", diff)
					}
					if format != feeds.JSON && !got.Updated.Equal(d.Updated) {
						t.Errorf("the document says updated %v, its body %v", d.Updated, got.Updated)
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
		Published: in.Date.UTC(), Updated: in.Updated.UTC(), Categories: []string{in.Category.Name},
	}
	if strings.HasPrefix(in.ID, "tag:") {
		e.ID = in.ID
	}
	if e.Author == "" {
		e.Author = "Example Studio"
	}
	tags := slices.DeleteFunc(slices.Clone(in.Tags), func(tag string) bool { return tag == in.Category.Name })
	e.Categories = append(e.Categories, tags...)
	switch format {
	case feeds.Atom:
		e.Terms = append([]string{in.Category.Slug}, tags...)
	case feeds.JSON:
		e.Minutes, e.Featured = in.Minutes, in.Featured
		switch {
		case strings.HasPrefix(in.Image, "https://"):
			e.Image = in.Image
		case in.Image != "":
			e.Image = "https://example.com/news/insights/" + in.Image
		}
	}
	return e
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
	want = append(want, "/feeds.opml text/x-opml; charset=utf-8")
	for _, d := range set.Documents() {
		got = append(got, d.Path+" "+d.ContentType)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, ok := set.Document("/feeds/none.rss"); ok {
		t.Error("a document of no category")
	}
	for path, want := range map[string]feeds.Document{
		"/feeds/all.rss":            {Title: "Insights", Items: 3, Updated: time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)},
		"/feeds/ai-automation.atom": {Title: "Insights: AI & Automation", Category: "ai-automation", Items: 1, Updated: time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)},
		"/feeds/architecture.json":  {Title: "Insights: Architecture", Category: "architecture", Items: 2, Updated: time.Date(2026, 1, 7, 6, 0, 0, 0, time.UTC)},
		"/feeds/leadership.json":    {Title: "Insights: Leadership", Category: "leadership", Updated: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)},
		"/feeds.opml":               {Title: "Insights", Items: 8, Updated: time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)},
	} {
		got := *document(t, set, path)
		got.Path, got.ContentType, got.Body = "", "", nil
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
		if d.Items > 0 && d.Path != "/feeds.opml" && bytes.Equal(d.Body, old.Body) {
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

func TestDocumentsHoldTheNewestThatFit(t *testing.T) {
	const limit = 1 << 20
	for name, lib := range map[string]*content.Library{
		"prose":       load(t, generate(200, "")),
		"short lines": load(t, generate(30, "```\n"+strings.Repeat("ab\n", 15_000)+"```")), // whose ends JSON escapes
	} {
		set := build(t, lib, testSite)
		for _, format := range feeds.Formats() {
			t.Run(name+" "+string(format), func(t *testing.T) {
				d := document(t, set, "/feeds/all."+string(format))
				got := parse(t, format, d.Body).Entries
				if len(got) != d.Items || d.Items >= len(lib.Insights()) {
					t.Fatalf("holds %d of %d insights and says %d", len(got), len(lib.Insights()), d.Items)
				}
				if rss := document(t, set, "/feeds/all.rss"); rss.Items != d.Items {
					t.Errorf("holds %d insights, RSS %d", d.Items, rss.Items)
				}
				if len(d.Body) > limit || format == feeds.JSON && len(d.Body) < limit*8/10 { // JSON is the largest
					t.Errorf("has %d bytes", len(d.Body))
				}
				for i, e := range got {
					if want := feeds.EntryID(testSite, lib.Insights()[i].ID); e.ID != want {
						t.Fatalf("entry %d is %s, want %s", i, e.ID, want)
					}
				}
			})
		}
	}
}

func TestDocumentHoldsOneInsightOfAnySize(t *testing.T) {
	huge := small()
	huge["2026-01-08-huge.md"] = &fstest.MapFile{Data: []byte(`---
id: 5f0c9b1e-1d67-4f5d-8a63-0d5b6c7e8f90
title: Huge
summary: Too large for a document
category: architecture
date: 2026-01-08
---

` + strings.Repeat(`It is "quoted" again & again. `, 30_000) + "\n")}
	set := build(t, load(t, huge), testSite)
	for _, format := range feeds.Formats() {
		for _, name := range []string{"all", "architecture"} {
			d := document(t, set, "/feeds/"+name+"."+string(format))
			if got := parse(t, format, d.Body).Entries; len(got) != 1 || got[0].Title != "Huge" {
				t.Errorf("%s holds %d insights", d.Path, len(got))
			}
		}
	}
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
