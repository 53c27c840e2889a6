package feeds_test

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/feeds"
)

// TestTwinsHaveTimesOfTheirOwn: insights of one day change in the same second, and
// no two entries of a document say the same time.
func TestTwinsHaveTimesOfTheirOwn(t *testing.T) {
	p := publications(t)["embedded"]
	twins, seen := 0, map[time.Time]bool{}
	for _, in := range p.lib.Insights() {
		if seen[in.Updated] {
			twins++
		}
		seen[in.Updated] = true
	}
	if twins == 0 {
		t.Fatal("the library has no twins")
	}
	for _, path := range append(addresses(p.set), "/feeds/architecture+engineering+leadership.atom") {
		d := get(t, p.set, path)
		seen := map[time.Time]string{}
		for _, e := range parse(t, d.Format, d.Body).Entries {
			if other := seen[e.Updated]; other != "" {
				t.Errorf("%s: %s and %s are updated %v", path, e.ID, other, e.Updated)
			}
			seen[e.Updated] = e.ID
		}
	}
}

func TestNewTwinChangesNoOlderOne(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	updated := func(fsys fstest.MapFS) map[string]string {
		times := map[string]string{}
		for _, e := range parse(t, feeds.Atom, document(t, build(t, load(t, fsys), testSite), "/feeds/all.atom").Body).Entries {
			times[e.Title] = e.Updated.Format(time.TimeOnly)
		}
		return times
	}
	fsys := fstest.MapFS{ // of one time those whose names come first are newer
		"y.md": article(1, noon, "architecture", "One."),
		"x.md": article(2, noon, "leadership", "Two."),
		"w.md": article(3, noon.Add(time.Second), "architecture", "Three."), // where the second twin comes to be
		"v.md": article(4, noon.Add(2*time.Second), "architecture", "Four."),
	}
	want := map[string]string{"Insight 1": "12:00:00", "Insight 2": "12:00:01", "Insight 3": "12:00:02", "Insight 4": "12:00:03"}
	if diff := cmp.Diff(want, updated(fsys)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	fsys["a.md"] = article(5, noon.Add(2*time.Second), "architecture", "Five.")
	fsys["b.md"] = article(6, noon.Add(time.Minute), "architecture", "Six.")
	want["Insight 5"], want["Insight 6"] = "12:00:04", "12:01:00"
	if diff := cmp.Diff(want, updated(fsys)); diff != "" {
		t.Errorf("newer ones (-want +got):\n%s", diff)
	}
	// A feed says of an insight what all feeds say of it.
	set := build(t, load(t, fsys), testSite)
	if e := parse(t, feeds.Atom, document(t, set, "/feeds/leadership.atom").Body).Entries[0]; e.Updated.Format(time.TimeOnly) != "12:00:01" {
		t.Errorf("in its category it is updated %v", e.Updated)
	}
}

// TestManyTwinsTakeNoTime is of an import that gives a library one date.
func TestManyTwinsTakeNoTime(t *testing.T) {
	fsys := fstest.MapFS{}
	for i := range 3000 {
		fsys[name(i)] = article(i, day(0), "architecture", "Words.")
	}
	set := build(t, load(t, fsys), testSite)
	d := document(t, set, "/feeds/all.atom")
	if want := day(0).Add(2999 * time.Second); !d.Updated.Equal(want) {
		t.Errorf("updated %v, want %v", d.Updated, want)
	}
}

func TestWhatIsNotPublishedIsInNoFeed(t *testing.T) {
	fsys := small()
	draft := article(1, day(5), "leadership", "Words.")
	draft.Data = append([]byte("---\ndraft: true\n"), draft.Data[len("---\n"):]...)
	fsys["draft.md"], fsys["future.md"] = draft, article(2, day(100), "leadership", "Words.")
	lib := load(t, fsys)
	for at, want := range map[time.Time]int{day(100).Add(-time.Second): 0, day(100): 1} {
		set := build(t, lib.At(at), testSite)
		for _, format := range feeds.Formats() {
			for path, want := range map[string]int{"/feeds/all.": 3 + want, "/feeds/leadership.": want, "/feeds/growth-ops+leadership.": want} {
				if got := len(parse(t, format, get(t, set, path+format.String()).Body).Entries); got != want {
					t.Errorf("%s%s at %v: %d entries, want %d", path, format, at, got, want)
				}
			}
		}
	}
}
