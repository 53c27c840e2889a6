package feeds_test

import (
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/feeds"
)

// get returns the document at a canonical path, as a server would answer with it.
func get(tb testing.TB, set *feeds.Set, path string) *feeds.Document {
	tb.Helper()
	d, err := find(set, path)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func find(set *feeds.Set, path string) (*feeds.Document, error) {
	if d, ok := set.Document(path); ok {
		return d, nil
	}
	return set.Render(path)
}

// page is a document of a feed: its own, or an archive.
type page struct {
	*feeds.Document
	feed
}

// follow reads a feed from its own document on through all its archives, by what
// the documents themselves say.
func follow(tb testing.TB, set *feeds.Set, path string) []page {
	tb.Helper()
	seen := map[string]bool{}
	var pages []page
	for path != "" {
		if seen[path] {
			tb.Fatalf("%s comes a second time", path)
		}
		seen[path] = true
		d := get(tb, set, path)
		p := page{d, parse(tb, d.Format, d.Body)}
		pages = append(pages, p)
		if p.feed.Previous == "" {
			break
		}
		var ok bool
		if path, ok = strings.CutPrefix(p.feed.Previous, testSite.BaseURL); !ok || path != d.Previous {
			tb.Fatalf("%s leads to %s and says that it leads to %s", d.Path, p.feed.Previous, d.Previous)
		}
	}
	return pages
}

// entriesOf returns what the pages hold, in their order.
func entriesOf(pages []page) []entry {
	var entries []entry
	for _, p := range pages {
		entries = append(entries, p.Entries...)
	}
	return entries
}

// addresses returns the path of every document there is, but for the feeds of
// several categories and the OPML file.
func addresses(set *feeds.Set) []string {
	var paths []string
	for _, d := range set.Documents() {
		if d.Format != "" {
			paths = append(paths, d.Path)
		}
	}
	return append(paths, set.Archives()...)
}
