package feeds_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/feeds"
)

// TestArchiveSaysWhatItIs reads what RFC 5005 asks of an archive, and that nobody
// is told to come back to it.
func TestArchiveSaysWhatItIs(t *testing.T) {
	site := testSite
	site.Hub = "https://hub.example.com/"
	set := build(t, load(t, daily(80, 6000)), site)
	for _, name := range []string{"all", "architecture"} {
		for _, format := range feeds.Formats() {
			pages := follow(t, set, "/feeds/"+name+"."+format.String())
			head, archives := pages[0], pages[1:]
			if len(archives) < 2 || head.feed.Hub != site.Hub {
				t.Fatalf("%s: %d archives, hub %q", head.Path, len(archives), head.feed.Hub)
			}
			for _, a := range archives {
				self, current := site.BaseURL+a.Path, site.BaseURL+head.Path
				if format == feeds.JSON { // which knows pages of one feed
					self, current = current, ""
				} else if !a.feed.Archive || a.Complete {
					t.Errorf("%s is no archive", a.Path)
				}
				if a.Self != self || a.Current != current {
					t.Errorf("%s: self %s, current %s", a.Path, a.Self, a.Current)
				}
				if a.feed.ID != head.feed.ID || a.feed.Title != head.feed.Title || a.Home != head.Home {
					t.Errorf("%s is of %s, %q, %s", a.Path, a.feed.ID, a.feed.Title, a.Home)
				}
				if a.feed.Hub != "" || a.TTL != 0 || a.Period != "" || a.Frequency != 0 {
					t.Errorf("%s: hub %q, ttl %d, %d times %q", a.Path, a.feed.Hub, a.TTL, a.Frequency, a.Period)
				}
				if want := "/feeds/" + name + "/" + a.Document.Archive + "." + format.String(); a.Path != want || a.Feed != name || a.HomePath != head.HomePath || a.Category != head.Category {
					t.Errorf("%s, want %s: feed %s, page %s, category %q", a.Path, want, a.Feed, a.HomePath, a.Category)
				}
			}
			if head.feed.Archive || head.Complete || head.Current != "" || head.Document.Archive != "" {
				t.Errorf("%s is an archive, or all there is", head.Path)
			}
		}
	}
}

func TestArchivesAreListed(t *testing.T) {
	set := build(t, load(t, daily(80, 6000)), testSite)
	var want []string
	for _, name := range []string{"all", "architecture", "split-testing-tracking"} {
		for _, p := range follow(t, set, "/feeds/"+name+".rss")[1:] {
			for _, format := range feeds.Formats() {
				want = append(want, strings.TrimSuffix(p.Path, "rss")+format.String())
			}
		}
	}
	if got := set.Archives(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// archived returns the versions of the archives, by path without a format. They
// change with the bytes, as TestRebuildGivesWhatABuildGives sees.
func archived(set *feeds.Set) map[string]string {
	archived := versions(set)
	maps.DeleteFunc(archived, func(path, _ string) bool { return strings.Count(path, "/") < 3 })
	return archived
}

// TestNewInsightsChangeNoArchive publishes many insights one by one.
func TestNewInsightsChangeNoArchive(t *testing.T) {
	t.Parallel()
	n := sized(60, 240)
	fsys := fstest.MapFS{}
	for i := range n {
		fsys[name(i)] = article(i, day(0).Add(time.Duration(i)*7*time.Hour), "architecture", prose(2000+i%7*1000))
	}
	lib := load(t, fsys)
	states, bodies := map[string]string{}, map[string][]byte{}
	var set *feeds.Set
	for i := range n {
		at := lib.At(day(0).Add(time.Duration(i) * 7 * time.Hour))
		next, err := feeds.Build(at, testSite, set)
		if err != nil {
			t.Fatal(err)
		}
		set = next
		for path, version := range archived(set) {
			if old, ok := states[path]; !ok {
				states[path] = version
				bodies[path] = get(t, set, path+".atom").Body
			} else if old != version {
				t.Errorf("insight %d changes %s", i, path)
			}
		}
	}
	for path, body := range bodies {
		if !bytes.Equal(get(t, set, path+".atom").Body, body) {
			t.Errorf("%s has changed", path)
		}
	}
	if len(bodies) < n/20 {
		t.Errorf("%d archives", len(bodies))
	}
}

// TestEditOfThePastStaysInItsMonth adds and removes an insight in the middle of the
// archives.
func TestEditOfThePastStaysInItsMonth(t *testing.T) {
	t.Parallel()
	fsys := daily(115, 6000) // January to April, four parts each
	set := build(t, load(t, fsys), testSite)
	before := archived(set)

	check := func(what string, edited fstest.MapFS, month string, first ...string) map[string]string {
		t.Helper()
		next, err := feeds.Build(load(t, edited), testSite, set)
		if err != nil {
			t.Fatal(err)
		}
		after, touched := archived(next), 0
		for path := range merged(before, after) {
			if before[path] == after[path] {
				continue
			}
			touched++
			archive := path[strings.LastIndex(path, "/")+1:]
			if !strings.HasPrefix(archive, month) && !slices.Contains(first, archive) {
				t.Errorf("%s changes %s", what, path)
			}
		}
		if touched == 0 {
			t.Errorf("%s changes nothing", what)
		}
		return after
	}
	added := maps.Clone(fsys)
	added["back-dated.md"] = article(1000, day(45).Add(time.Hour), "architecture", prose(6000))
	after := check("a back-dated insight", added, "2026-02", "2026-03")
	if path := "/feeds/all/2026-03"; before["/feeds/all/2026-02-5"] != "" || after["/feeds/all/2026-02-5"] == "" || before[path] == after[path] {
		t.Errorf("%s does not lead to a new last part of the month before", path)
	}

	removed := maps.Clone(fsys)
	delete(removed, name(45))
	check("a removal", removed, "2026-02", "2026-03")

	edited := maps.Clone(fsys)
	edited[name(45)] = article(45, day(45), categories[1].Slug, prose(6000)+"A comma, put right.")
	check("an edit", edited, "2026-02")

	// What precedes the change in its month stays too.
	late := maps.Clone(fsys)
	late["back-dated.md"] = article(1000, day(57).Add(time.Hour), "architecture", prose(6000))
	after = check("an insight late in the month", late, "2026-02", "2026-03")
	for _, path := range []string{"/feeds/all/2026-02", "/feeds/all/2026-02-2"} {
		if before[path] == "" || before[path] != after[path] {
			t.Errorf("an insight late in the month changes %s", path)
		}
	}
}

func merged(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}
