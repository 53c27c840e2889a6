package feeds_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
)

func TestEntryID(t *testing.T) {
	site := feeds.Site{Authority: "example.com,2025"}
	for id, want := range map[string]string{
		"7c8f4a52-5c0e-4c5b-9f0e-2f9d8a6b1c3d":  "tag:example.com,2025:7c8f4a52-5c0e-4c5b-9f0e-2f9d8a6b1c3d",
		"tag:blog.example.org,2019:Quotes%20/?": "tag:blog.example.org,2019:Quotes%20/?",
	} {
		if got := feeds.EntryID(site, id); got != want {
			t.Errorf("EntryID(%q) = %q, want %q", id, got, want)
		}
	}
}

// TestIDsOutliveEveryEdit changes all that may change and expects the ids of
// before, in every document.
func TestIDsOutliveEveryEdit(t *testing.T) {
	before := ids(t, build(t, load(t, small()), testSite))
	if n := len(before["/feeds/all.rss"]); n != 3 {
		t.Fatalf("%d ids of three insights", n)
	}

	edited := small()
	for old, name := range map[string]string{"2026-01-06-plain.md": "2025-12-31-renamed.md", "2026-01-05-fish-and-chips.md": "renamed-too.md"} {
		file := edited[old]
		delete(edited, old)
		edited[name] = file
		file.Data = bytes.ReplaceAll(file.Data, []byte("title: "), []byte("slug: moved-"+name[len(name)-5:len(name)-3]+"\nauthor: Another\ntitle: "))
		file.Data = bytes.ReplaceAll(file.Data, []byte("author: Kim Example\n"), nil)
		file.Data = bytes.ReplaceAll(file.Data, []byte("Plain"), []byte("Edited"))
		file.Data = append(file.Data, "\nEdited.\n"...)
	}
	site := testSite
	site.BaseURL, site.Title, site.Author = "http://news.example.net", "Renamed", "Another"
	renamed := slices.Clone(categories)
	for i := range renamed {
		if renamed[i].Slug != "ai-automation" { // files name it
			renamed[i].Name += " renamed"
		}
	}
	lib, err := content.Load(edited, content.Options{Categories: renamed})
	if err != nil {
		t.Fatal(err)
	}
	if in := lib.Insights(); in[1].Title != "Edited" || in[1].Slug == "plain" {
		t.Fatalf("the edit did not take: %+v", in[1])
	}
	if diff := cmp.Diff(before, ids(t, build(t, lib, site))); diff != "" {
		t.Error(diff)
	}
}

func TestIDsAreTheSameInEveryFormatAndFeed(t *testing.T) {
	for _, p := range publications(t) {
		all, archived := ids(t, p.set), archivedIDs(t, p.set)
		for _, in := range p.lib.Insights() {
			want := feeds.EntryID(testSite, in.ID)
			for _, name := range []string{"all", in.Category.Slug} {
				for _, format := range feeds.Formats() {
					path := "/feeds/" + name + "." + string(format)
					if slices.Contains(all[path], want) == slices.Contains(archived[path], want) {
						t.Errorf("%s: want %s in it, or in an archive of it", path, want)
					}
				}
			}
		}
		for path, ids := range all {
			for _, id := range ids {
				if strings.Contains(id, "://") || strings.Contains(id, "example.com/") || !strings.HasPrefix(id, "tag:") {
					t.Errorf("%s: the id %s has an address", path, id)
				}
			}
			slices.Sort(ids)
			if n := len(slices.Compact(ids)); n != len(ids) {
				t.Errorf("%s: an id stands twice", path)
			}
		}
	}
}

// ids returns the ids that each document holds, its own last where it has one.
func ids(tb testing.TB, set *feeds.Set) map[string][]string {
	tb.Helper()
	ids := map[string][]string{}
	for _, d := range set.Documents() {
		if d.Format != "" {
			ids[d.Path] = idsOf(tb, d)
		}
	}
	return ids
}

// archivedIDs returns the ids of each feed's entries that are in archives.
func archivedIDs(tb testing.TB, set *feeds.Set) map[string][]string {
	tb.Helper()
	ids := map[string][]string{}
	for _, path := range set.Archives() {
		d := get(tb, set, path)
		head := "/feeds/" + d.Feed + "." + d.Format.String()
		ids[head] = append(ids[head], idsOf(tb, d)...)
	}
	return ids
}

func idsOf(tb testing.TB, d *feeds.Document) []string {
	tb.Helper()
	f := parse(tb, d.Format, d.Body)
	ids := []string{}
	for _, e := range f.Entries {
		ids = append(ids, e.ID)
	}
	if f.ID != "" {
		ids = append(ids, f.ID)
	}
	return ids
}

func TestIDStaysWhenAnInsightMovesToAnotherCategory(t *testing.T) {
	moved := small()
	file := moved["2026-01-06-plain.md"]
	file.Data = bytes.Replace(file.Data, []byte("category: architecture"), []byte("category: leadership"), 1)
	before, after := ids(t, build(t, load(t, small()), testSite)), ids(t, build(t, load(t, moved), testSite))
	const id = "tag:example.com,2025:0b0f6f0e-6a51-4c59-8d3c-0f0d3c1b2a19"
	for _, format := range feeds.Formats() {
		all, from, to := "/feeds/all."+format.String(), "/feeds/architecture."+format.String(), "/feeds/leadership."+format.String()
		if !slices.Equal(before[all], after[all]) {
			t.Errorf("%s has %q, had %q", all, after[all], before[all])
		}
		if !slices.Contains(before[from], id) || slices.Contains(after[from], id) || slices.Contains(before[to], id) || !slices.Contains(after[to], id) {
			t.Errorf("%s has not moved from %q to %q", id, after[from], after[to])
		}
	}
}
