package feeds_test

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/feeds"
)

// TestTwinsHaveTimesOfTheirOwn: insights of one day say different times.
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

// TestWhatElseFallsOnADayChangesNoEntry: a day gets a time that depends on nothing but the
// insight, and on its order among those of the day.
func TestWhatElseFallsOnADayChangesNoEntry(t *testing.T) {
	article := func(n int, lines string) *fstest.MapFile {
		return &fstest.MapFile{Data: fmt.Appendf(nil, "---\nid: 00000000-0000-4000-8000-%012d\ntitle: Insight %d\nsummary: S.\ncategory: architecture\n%s\n---\nWords.\n", n, n, lines)}
	}
	updated := func(fsys fstest.MapFS) map[string]time.Time {
		times := map[string]time.Time{}
		for _, e := range parse(t, feeds.Atom, document(t, build(t, load(t, fsys), testSite), "/feeds/all.atom").Body).Entries {
			times[e.Title] = e.Updated
		}
		return times
	}
	fsys := fstest.MapFS{
		"a.md": article(1, "date: 2026-03-01"), "b.md": article(2, "date: 2026-03-01\norder: 1"), "c.md": article(3, "date: 2026-03-01\norder: 2"),
		"d.md": article(4, "date: 2026-02-01\nupdated: 2026-03-01"), "e.md": article(5, "date: 2026-03-01T09:00:00Z"), "f.md": article(6, "date: 2026-02-01\nupdated: 2026-03-01T00:00:00Z"),
		"g.md": article(7, "date: 2026-03-01\norder: -3"), "h.md": article(8, "date: 2026-03-01\norder: 5000"),
	}
	before := updated(fsys)
	midnight := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for title, exact := range map[string]time.Time{"Insight 5": midnight.Add(9 * time.Hour), "Insight 6": midnight} {
		if !before[title].Equal(exact) {
			t.Errorf("%s names a time, and is updated %v", title, before[title])
		}
	}
	for _, title := range []string{"Insight 1", "Insight 2", "Insight 3", "Insight 4", "Insight 7", "Insight 8"} {
		if at := before[title]; at.Before(midnight) || !at.Before(midnight.Add(2*time.Hour)) {
			t.Errorf("%s is updated %v", title, at)
		}
	}
	if !before["Insight 1"].After(before["Insight 2"]) || !before["Insight 2"].After(before["Insight 3"]) {
		t.Errorf("not in their order: %v", before)
	}
	for i := 10; i < 40; i++ {
		fsys[name(i)] = article(i, fmt.Sprintf("date: 2026-03-01\norder: %d", i%3))
	}
	delete(fsys, "a.md")
	after := updated(fsys)
	delete(before, "Insight 1")
	for title, at := range before {
		if is, ok := after[title]; ok && !is.Equal(at) {
			t.Errorf("%s was updated %v, and is %v", title, at, is)
		}
	}
}

// TestAnUpdateToComeIsNotYetOne: until its time an entry says its date.
func TestAnUpdateToComeIsNotYetOne(t *testing.T) {
	fsys := small()
	later := article(1, day(5), "leadership", "Words.")
	later.Data = append([]byte("---\nupdated: "+day(50).Format(time.RFC3339)+"\n"), later.Data[len("---\n"):]...)
	fsys["later.md"] = later
	lib := load(t, fsys)
	for at, want := range map[time.Time]time.Time{day(50).Add(-time.Second): day(5), day(50): day(50)} {
		then := lib.At(at)
		set := build(t, then, testSite)
		for _, format := range feeds.Formats() {
			d := document(t, set, "/feeds/leadership."+format.String())
			if got := parse(t, format, d.Body).Entries[0].Updated; format != feeds.RSS && !got.Equal(want) || d.Updated.After(at) {
				t.Errorf("%s at %v: updated %v, the document %v", d.Path, at, got, d.Updated)
			}
		}
		if in, ok := then.BySlug("later"); !ok || !in.Updated.Equal(want) || then.In("leadership")[0] != in {
			t.Errorf("at %v the insight is updated %v", at, in.Updated)
		}
	}
	early := lib.At(day(49))
	if !early.Next().Equal(day(50)) || early.Version() == lib.At(day(50)).Version() {
		t.Errorf("next %v", early.Next())
	}
	if notes := early.Notes(); len(notes) != 1 || notes[0].Line != 2 || len(lib.At(day(50)).Notes()) != 0 {
		t.Errorf("notes %v", notes)
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
