package feeds_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
)

// A head document may be so large, or hold so many insights whatever they take.
const (
	limit   = 250_000
	minHead = 20
)

// checkDivision follows every feed of the library in every format: each insight
// stands once, in its order; all formats divide alike; no head is too large.
func checkDivision(t *testing.T, lib *content.Library, set *feeds.Set) map[string][]page {
	t.Helper()
	chains := map[string][]page{}
	names := map[string][]*content.Insight{"all": lib.Insights()}
	for _, c := range lib.Categories() {
		names[c.Slug] = lib.In(c.Slug)
	}
	for name, insights := range names {
		var want []string
		for _, in := range insights {
			want = append(want, feeds.EntryID(testSite, in.ID))
		}
		var division []int
		for _, format := range feeds.Formats() {
			pages := follow(t, set, "/feeds/"+name+"."+format.String())
			var got []string
			var sizes []int
			for _, e := range entriesOf(pages) {
				got = append(got, e.ID)
			}
			for _, p := range pages {
				sizes = append(sizes, p.Items)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s.%s (-library +documents):\n%.1000s", name, format, diff)
			}
			if division == nil {
				division = sizes
			}
			if diff := cmp.Diff(division, sizes); diff != "" {
				t.Errorf("%s.%s is divided in another way than the formats before: %s", name, format, diff)
			}
			if n := len(pages[0].Body); n > limit && pages[0].Items > minHead || pages[0].Items < min(minHead, len(insights)) {
				t.Errorf("%s.%s has %d bytes and %d of %d insights", name, format, n, pages[0].Items, len(insights))
			}
			if format != feeds.JSON && pages[0].Complete != (len(pages) == 1) {
				t.Errorf("%s.%s says complete: %t, and has %d archives", name, format, pages[0].Complete, len(pages)-1)
			}
			chains[name+"."+format.String()] = pages
		}
	}
	return chains
}

// TestThousandsOfInsightsAreAllThere has a short category too, which fits into its
// own document.
func TestThousandsOfInsightsAreAllThere(t *testing.T) {
	t.Parallel()
	n := sized(600, 2000)
	fsys := fstest.MapFS{}
	for i := range n {
		category := categories[i%2].Slug
		if i%100 == 0 {
			category = "leadership"
		}
		fsys[name(i)] = article(i, day(0).Add(time.Duration(i)*8*time.Hour), category, prose(250))
	}
	lib := load(t, fsys)
	chains := checkDivision(t, lib, build(t, lib, testSite))
	for address, pages := range chains {
		for _, p := range pages {
			if len(p.Body) > limit {
				t.Errorf("%s has %d bytes", p.Path, len(p.Body))
			}
		}
		if head := pages[0]; len(pages) > 1 && head.Format == feeds.JSON && len(head.Body) < limit/2 {
			t.Errorf("%s has %d bytes and %d archives", address, len(head.Body), len(pages)-1)
		}
	}
	if short := len(chains["leadership.json"]); short != 1 || len(chains["all.json"]) < n/200 {
		t.Errorf("%d documents of the short category, %d of all", short, len(chains["all.json"]))
	}
}

func TestHeadStaysSmallWhateverIsInIt(t *testing.T) {
	t.Parallel()
	for kind, body := range map[string]string{
		"prose":       prose(4000),
		"tables":      "| a | b |\n| - | - |\n" + strings.Repeat("|1|2|\n", 400),
		"short lines": "```\n" + strings.Repeat("ab\n", 1300) + "```", // whose ends JSON escapes
	} {
		t.Run(kind, func(t *testing.T) {
			fsys := fstest.MapFS{}
			for i := range 12 { // of two months
				fsys[name(i)] = article(i, day(22+i), "architecture", body)
			}
			lib := load(t, fsys)
			for _, days := range []int{9, 12} {
				at := lib.At(day(22 + days - 1))
				if n := len(at.Insights()); n != days {
					t.Fatalf("%d insights after %d days", n, days)
				}
				checkDivision(t, at, build(t, at, testSite))
			}
		})
	}
}

// TestFeedThatJustFitsIsWhole brings a feed's largest document to the limit, byte
// by byte.
func TestFeedThatJustFitsIsWhole(t *testing.T) {
	largest := func(length int) (int, []page) {
		fsys := fstest.MapFS{"last.md": article(30, day(0), "architecture", strings.Repeat("x", length))}
		for i := range 3 { // each of its own month
			fsys[name(i)] = article(i, day(40+40*i), "architecture", strings.Repeat("y", 60_000))
		}
		for i := 3; i < 3+minHead; i++ {
			fsys[name(i)] = article(i, day(200).Add(time.Duration(i)*time.Minute), "architecture", "Words.")
		}
		lib := load(t, fsys)
		set, size := build(t, lib, testSite), 0
		for _, format := range feeds.Formats() {
			size = max(size, len(document(t, set, "/feeds/all."+format.String()).Body))
		}
		return size, follow(t, set, "/feeds/all.atom")
	}
	const start = 20_000
	size, pages := largest(start)
	if len(pages) != 1 {
		t.Fatalf("%d documents of %d bytes", len(pages), size)
	}
	for beyond, want := range map[int]int{-1: 1, 0: 1, 1: 2} {
		size, pages := largest(start + limit - size + beyond)
		if len(pages) != want || want == 1 && size != limit+beyond {
			t.Errorf("%d bytes beyond the limit: %d documents, the largest %d bytes", beyond, len(pages), size)
		}
	}
}

// TestAHeadFullOfLargeArticlesLosesNone: an aggregator that comes once a week must find
// what came in between.
func TestAHeadFullOfLargeArticlesLosesNone(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{}
	for i := range 29 {
		fsys[name(i)] = article(i, day(i), "architecture", strings.Repeat("Words of a long article. ", 3_000))
	}
	lib := load(t, fsys)
	pages := checkDivision(t, lib, build(t, lib, testSite))["all.rss"]
	if pages[0].Items != minHead {
		t.Errorf("the head holds %d insights", pages[0].Items)
	}
}

// TestAVeryLargeArticleIsItsSummary, so that it leaves room for others.
func TestAVeryLargeArticleIsItsSummary(t *testing.T) {
	t.Parallel()
	fsys := fstest.MapFS{}
	for i, size := range []int{99_000, 101_000, 900_000} {
		fsys[name(i)] = article(i, day(i), "architecture", strings.Repeat("x", size))
	}
	lib := load(t, fsys)
	set := build(t, lib, testSite)
	for _, format := range feeds.Formats() {
		d := document(t, set, "/feeds/all."+format.String())
		if len(d.Body) > limit {
			t.Errorf("%s has %d bytes", d.Path, len(d.Body))
		}
		entries := parse(t, format, d.Body).Entries
		for i, e := range entries { // the newest is the largest
			in := lib.Insights()[i]
			whole := in.FullHTML(testSite.BaseURL)
			if large := len(whole) > feeds.MaxEntry; large != (i < 2) || (e.HTML == whole) == large ||
				large && (!strings.Contains(e.HTML, "<p>"+in.Summary+"</p>") || !strings.Contains(e.HTML, `href="`+e.URL+`"`)) {
				t.Errorf("%s: %d bytes are %.200s", d.Path, len(whole), e.HTML)
			}
		}
	}
	n := 0
	for range feeds.TooLarge(lib, testSite.BaseURL) {
		n++
	}
	if n != 2 {
		t.Errorf("%d are too large, want 2", n)
	}
}

// TestCrowdedMonthIsSharedUntilItEnds publishes articles of which few fit into a
// document: the head holds the newest, an archive of the month the others.
func TestCrowdedMonthIsSharedUntilItEnds(t *testing.T) {
	t.Parallel()
	crowd := "| a | b |\n| - | - |\n" + strings.Repeat("|1|2|\n", 400)
	fsys := fstest.MapFS{}
	for i := range 23 {
		fsys[name(i)] = article(i, day(i), "architecture", crowd)
	}
	fsys["next.md"] = article(90, day(40), "architecture", prose(4_000))
	lib := load(t, fsys)
	for _, test := range []struct {
		day   int
		items []int
	}{{1, []int{2}}, {19, []int{20}}, {20, []int{20, 1}}, {22, []int{20, 3}}, {40, []int{20, 4}}} {
		at := lib.At(day(test.day))
		var items []int
		for _, p := range checkDivision(t, at, build(t, at, testSite))["all.rss"] {
			items = append(items, p.Items)
			if p.feed.Archive && p.Document.Archive != "2026-01" {
				t.Errorf("the archive is %s", p.Path)
			}
		}
		if diff := cmp.Diff(test.items, items); diff != "" {
			t.Errorf("day %d: %s", test.day, diff)
		}
	}
}
