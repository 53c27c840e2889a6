package feeds_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/feeds"
)

// versions returns the states' versions, by path.
func versions(set *feeds.Set) map[string]string {
	versions := map[string]string{}
	for _, s := range set.States() {
		versions[s.Path] = s.Version
	}
	return versions
}

// changed returns the paths whose states differ, those that came or went too.
func changed(before, after *feeds.Set) []string {
	old, new := versions(before), versions(after)
	var paths []string
	for path := range maps.Keys(merged(old, new)) {
		if old[path] != new[path] {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

func TestStatesAreOfEveryDocument(t *testing.T) {
	set := build(t, load(t, daily(80, 6000)), testSite)
	var got, want []string
	for _, s := range set.States() {
		got = append(got, s.Path)
		if strings.HasSuffix(s.Path, ".opml") {
			continue
		}
		for _, format := range feeds.Formats() {
			if d := get(t, set, s.Path+"."+format.String()); !d.Updated.Equal(s.Updated) {
				t.Errorf("%s is updated %v, its state says %v", d.Path, d.Updated, s.Updated)
			}
		}
	}
	for _, path := range addresses(set) {
		if stem, ok := strings.CutSuffix(path, ".rss"); ok {
			want = append(want, stem)
		}
	}
	want = append(want, "/feeds.opml", "/feeds/all.opml")
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStatesTellWhatChanged(t *testing.T) {
	t.Parallel()
	fsys := daily(80, 6000)
	before := build(t, load(t, fsys), testSite)
	edit := func(edit func(fsys fstest.MapFS)) []string {
		edited := maps.Clone(fsys)
		edit(edited)
		after, err := feeds.Build(load(t, edited), testSite, before)
		if err != nil {
			t.Fatal(err)
		}
		return changed(before, after)
	}
	for _, test := range []struct {
		name string
		edit func(fstest.MapFS)
		want []string
	}{
		{"nothing", func(fstest.MapFS) {}, nil},
		{"the newest is edited, no date with it", func(fsys fstest.MapFS) {
			fsys[name(79)] = article(79, day(79), categories[1].Slug, prose(6000)+"A comma, put right.")
		}, []string{"/feeds/all", "/feeds/split-testing-tracking"}},
		{"the oldest is edited, no date with it", func(fsys fstest.MapFS) {
			fsys[name(0)] = article(0, day(0), categories[0].Slug, prose(6000)+"A comma, put right.")
		}, []string{"/feeds/all/2026-01", "/feeds/architecture/2026-01"}},
		{"the newest is removed", func(fsys fstest.MapFS) { delete(fsys, name(79)) },
			[]string{"/feeds.opml", "/feeds/all", "/feeds/all.opml", "/feeds/all/2026-02-4", "/feeds/split-testing-tracking"}}, // the head has room again
		{"the last of an archive is removed", func(fsys fstest.MapFS) { delete(fsys, name(30)) },
			[]string{"/feeds/all/2026-01-5", "/feeds/architecture"}},
		{"one appears", func(fsys fstest.MapFS) { fsys["new.md"] = article(80, day(80), "leadership", prose(100)) },
			[]string{"/feeds.opml", "/feeds/all", "/feeds/all.opml", "/feeds/leadership"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, edit(test.edit)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
	site := testSite
	site.Generator.Version = "1.2.4"
	if n, all := len(changed(before, build(t, load(t, fsys), site))), len(before.States()); n != all-2 { // the OPML files do not name it
		t.Errorf("another program changes %d of %d", n, all)
	}
	// What one field loses and the next one gains is another site all the same.
	one, other := testSite, testSite
	one.Email, one.Rights, other.Email, other.Rights = "a b", "c", "a", "b c"
	if changed := changed(build(t, load(t, fsys), one), build(t, load(t, fsys), other)); len(changed) != len(before.States())-2 {
		t.Errorf("another address changes %q alone", changed)
	}
}

// TestModifiedIsWhenTheStateChanged dates the documents of a long library.
func TestModifiedIsWhenTheStateChanged(t *testing.T) {
	t.Parallel()
	undated := build(t, load(t, daily(80, 6000)), testSite)
	late, early := time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC), time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	archive := "/feeds/architecture/2026-01"
	set := undated.Dated(map[string]time.Time{
		"/feeds/all": late, "/feeds.opml": late.Add(time.Second), archive: late.Add(time.Minute),
		"/feeds/split-testing-tracking": early, // recorded before its insights' dates
		"/feeds/leadership":             early,
		"/feeds/gone/2020-01":           late.Add(time.Hour),
	})
	for path, want := range map[string]time.Time{
		"/feeds/all.rss":                               late,
		"/feeds/all.json":                              late,
		"/feeds.opml":                                  late.Add(time.Second),
		"/feeds/architecture.atom":                     {}, // its newest insight's
		"/feeds/split-testing-tracking.rss":            {},
		"/feeds/leadership.rss":                        {}, // empty since its id came into being
		archive + ".atom":                              late.Add(time.Minute),
		"/feeds/all/2026-01.atom":                      {},
		"/feeds/architecture+leadership.rss":           late.Add(time.Minute), // one of them was modified then, if only its archive
		"/feeds/architecture+leadership/2026-01.rss":   late.Add(time.Minute),
		"/feeds/leadership+split-testing-tracking.rss": {},
	} {
		d := get(t, set, path)
		if want.IsZero() {
			want = d.Updated
		}
		if !d.Modified.Equal(want) || d.Modified.Before(d.Updated) {
			t.Errorf("%s is modified %v, updated %v; want %v", path, d.Modified, d.Updated, want)
		}
	}
	for _, path := range append(addresses(undated), "/feeds.opml") {
		if d := get(t, undated, path); !d.Modified.Equal(d.Updated) {
			t.Errorf("%s of the set that is not dated: %v", path, d.Modified)
		}
		if dated := get(t, set, path); dated.Hash != get(t, undated, path).Hash || dated.Modified.Before(dated.Updated) {
			t.Errorf("%s has changed, or is modified %v, before %v", path, dated.Modified, dated.Updated)
		}
	}
	if set.Version() != undated.Version() || len(changed(set, undated)) > 0 || !slices.Equal(set.Archives(), undated.Archives()) {
		t.Error("to date a set changes it")
	}
}

func TestGoneIsWhatWasOnRecord(t *testing.T) {
	set := build(t, load(t, daily(80, 6000)), testSite).Dated(map[string]time.Time{
		"/feeds/all": day(0), "/feeds/all/2026-01": day(0), "/feeds/all/2019-01": day(0), "/feeds/sales": day(0), "/feeds/closed": day(0), "/feeds/sales/2019-01": day(0),
	})
	for path, want := range map[string]bool{
		"/feeds/all.rss":            false, // still there
		"/feeds/all/2026-01.rss":    false, // that too
		"/feeds/all/2019-01.rss":    true,
		"/feeds/sales.atom":         true,
		"/feeds/sales/2019-01.json": true,
		"/feeds/all/2019-02.rss":    false,
		"/feeds/sales.xml":          false,
		"/feeds/sales":              false,
		"/feeds/other.rss":          false,

		"/feeds/leadership+sales.rss":                false, // lives on as the other
		"/feeds/leadership+sales/2026-01.json":       false,
		"/feeds/closed+sales.rss":                    true,
		"/feeds/closed+sales/2026-01.rss":            true,
		"/feeds/architecture+leadership.rss":         false,
		"/feeds/other+sales.rss":                     false, // there never was the other
		"/feeds/all+leadership.rss":                  false,
		"/feeds/architecture+leadership/1.rss":       false,
		"/feeds/architecture+leadership/1999-01.rss": false,
	} {
		if got := set.Gone(path); got != want {
			t.Errorf("%s is gone: %t", path, got)
		}
	}
}

// TestACombinedFeedOutlivesACategory leads its readers to what is left of it.
func TestACombinedFeedOutlivesACategory(t *testing.T) {
	plain := build(t, load(t, small()), testSite)
	set := plain.Dated(map[string]time.Time{"/feeds/sales": day(0), "/feeds/closed": day(0)})
	for path, want := range map[string]string{
		"/feeds/architecture+leadership+sales.atom": "/feeds/architecture+leadership.atom",
		"/feeds/leadership+sales.rss":               "/feeds/leadership.rss",
		"/feeds/closed+leadership+sales.json":       "/feeds/leadership.json",
		"/feeds/leadership+sales/2026-01.json":      "/feeds/leadership/2026-01.json",
		"/feeds/closed+sales.rss":                   "",
		"/feeds/sales.rss":                          "",
		"/feeds/leadership+other.rss":               "", // there never was
	} {
		if got, _ := set.Canonical(path); got != want {
			t.Errorf("%s leads to %q, want %q", path, got, want)
		}
		if got, ok := plain.Canonical(path); ok {
			t.Errorf("%s leads to %q in a site that never had sales", path, got)
		}
	}
}
