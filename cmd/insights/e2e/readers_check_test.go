package e2e

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/feeds"
)

// reading is what a program made of one document.
type reading struct {
	URL     string
	Fault   string // why it refuses the document
	Title   string // of the feed
	Self    string // the address by which the document calls itself; "" of programs that don't tell
	Entries []entry
}

// entry is one insight as a program shows it. What the program does not know is
// empty.
type entry struct {
	ID, URL, Title, Summary, Author, Content string
	Published, Updated                       int64 // seconds since 1970
	Categories                               []string
}

// wanted is what a feed is to say of its insights; it is made of the insights, by
// no code of feeds but that of ids.
func (r *readersSite) wanted(feed string) (entries []entry) {
	insights := r.library.In(feed)
	if feed == "all" {
		insights = r.library.Insights()
	}
	for _, in := range insights {
		entries = append(entries, entry{
			ID: feeds.EntryID(feeds.Site{Authority: "example.com,2025"}, in.ID), URL: r.base + in.Path(),
			Title: in.Title, Summary: in.Summary, Author: cmp.Or(in.Author, readersAuthor), Content: r.html[in],
			Published: in.Date.Unix(), Updated: in.Updated.Unix(),
			Categories: append([]string{in.Category.Name}, in.Tags...),
		})
	}
	return entries
}

// check compares what a program read with the insights, each feed's document and
// archives taken together.
func (r *readersSite) check(t *testing.T, judge feedTool, documents []document, readings []reading) {
	t.Helper()
	byURL := make(map[string]reading)
	for _, reading := range readings {
		if _, twice := byURL[reading.URL]; twice {
			t.Errorf("%s was read twice", reading.URL)
		}
		byURL[reading.URL] = reading
	}
	type whole struct {
		feed   string
		format feeds.Format
	}
	read := make(map[whole][]entry)
	for _, d := range documents {
		reading, ok := byURL[d.URL]
		title := readersTitle
		if category, ok := r.library.Category(d.Feed); ok {
			title += ": " + category.Name
		} else if d.Feed == "digests" {
			title += " digests"
		}
		self := d.URL
		if !d.isXML() {
			self = d.Head // JSON Feed has one address for all pages
		}
		switch {
		case !ok:
			t.Errorf("%s was not read", d.URL)
		case reading.Fault != "":
			t.Errorf("%s: %s", d.URL, reading.Fault)
		case judge.shown != nil && !judge.untitled && reading.Title != title || reading.Self != "" && reading.Self != self:
			t.Errorf("%s: title %q, self %q; want %q, %q", d.URL, reading.Title, reading.Self, title, self)
		}
		key := whole{d.Feed, d.Format}
		read[key] = append(read[key], reading.Entries...)
	}
	if judge.shown == nil {
		return
	}
	for key, got := range read {
		want := r.wanted(key.feed)
		for i := range want {
			if key.format != feeds.JSON { // there it is HTML
				want[i].Summary = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(want[i].Summary)
			}
			judge.shown(t, key.format, &want[i])
		}
		for _, entries := range [][]entry{got, want} {
			slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.ID, b.ID) })
			for i := range entries {
				slices.Sort(entries[i].Categories)
			}
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s.%s (-insights +read):\n%.3000s", key.feed, key.format, diff)
		}
	}
}
