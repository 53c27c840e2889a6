package feeds_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
)

func TestCanonical(t *testing.T) {
	set := build(t, load(t, small()), testSite)
	var slugs []string
	for _, c := range categories {
		slugs = append(slugs, c.Slug)
	}
	for path, want := range map[string]string{
		"/feeds/all.rss":                                 "/feeds/all.rss",
		"/feeds/leadership.json":                         "/feeds/leadership.json",
		"/feeds.opml":                                    "/feeds.opml",
		"/feeds/leadership+architecture.atom":            "/feeds/architecture+leadership.atom",
		"/feeds/architecture+leadership.atom":            "/feeds/architecture+leadership.atom",
		"/feeds/leadership+leadership.atom":              "/feeds/leadership.atom",
		"/feeds/growth-ops+engineering+growth-ops.rss":   "/feeds/engineering+growth-ops.rss",
		"/feeds/all+leadership.rss":                      "/feeds/all.rss",
		"/feeds/leadership+all.rss":                      "/feeds/all.rss",
		"/feeds/" + strings.Join(slugs, "+") + ".rss":    "/feeds/" + strings.Join(slices.Sorted(slices.Values(slugs)), "+") + ".rss", // not all: more may come
		"/feeds/all/2026-01.rss":                         "/feeds/all/2026-01.rss",
		"/feeds/leadership+architecture/2026-01-12.json": "/feeds/architecture+leadership/2026-01-12.json",

		"":                                    "",
		"/":                                   "",
		"/feeds":                              "",
		"/feeds/":                             "",
		"/feeds/all":                          "",
		"/feeds/.rss":                         "",
		"/feeds/+.rss":                        "",
		"/feeds/all+.rss":                     "",
		"/feeds/+leadership.rss":              "",
		"/feeds/leadership++architecture.rss": "",
		"/feeds/all.xml":                      "",
		"/feeds/all.RSS":                      "",
		"/feeds/all.rss.rss":                  "",
		"/feeds/all.rss/":                     "",
		"/feeds/none.rss":                     "",
		"/feeds/all+none.rss":                 "",
		"/feeds/leadership+none.rss":          "",
		"/feeds/digests.rss":                  "",
		"/feeds/all/2026.rss":                 "",
		"/feeds/all/latest.rss":               "",
		"/feeds/all/2026-01/2026-01.rss":      "",
		"/feeds/all.rss\n":                    "",
		"/feeds/all/.rss":                     "",
		"/feeds/all/2026-01-.rss":             "",
		"/feeds/all/2026-01-" + strings.Repeat("1", 100) + ".rss":                         "",
		"/feeds/" + strings.Repeat("leadership+", feeds.MaxCombined-1) + "leadership.rss": "/feeds/leadership.rss",
		"/feeds/" + strings.Repeat("leadership+", feeds.MaxCombined) + "leadership.rss":   "", // no site has as many
		"/FEEDS/all.rss": "",
	} {
		if got, ok := set.Canonical(path); got != want || ok != (want != "") {
			t.Errorf("Canonical(%q) = %q, %t; want %q", path, got, ok, want)
		}
	}
	for _, path := range []string{"", "/feeds.opml", "/feeds/none.rss", "/feeds/all/2019-01.rss", "/feeds/all/2026-01.rss", "/feeds/architecture+leadership/2026-01.rss", "/feeds/all.xml"} {
		if _, err := set.Render(path); !errors.Is(err, feeds.ErrNotFound) || !strings.Contains(err.Error(), path) {
			t.Errorf("Render(%q): %v", path, err)
		}
		if _, err := set.Feed(path); !errors.Is(err, feeds.ErrNotFound) {
			t.Errorf("Feed(%q): %v", path, err)
		}
	}
}

func TestFormerSlugsLeadToThePresentOne(t *testing.T) {
	renamed := slices.Clone(categories)
	renamed[0].Formerly = []string{"design", "systems"}
	lib, err := content.Load(fstest.MapFS{}, content.Options{Categories: renamed})
	if err != nil {
		t.Fatal(err)
	}
	set := build(t, lib, testSite)
	for path, want := range map[string]string{
		"/feeds/design.rss":                      "/feeds/architecture.rss",
		"/feeds/systems/2026-01.atom":            "/feeds/architecture/2026-01.atom",
		"/feeds/leadership+design.json":          "/feeds/architecture+leadership.json",
		"/feeds/systems+architecture+design.rss": "/feeds/architecture.rss",
	} {
		if got, ok := set.Canonical(path); got != want || !ok {
			t.Errorf("Canonical(%q) = %q, %t; want %q", path, got, ok, want)
		}
	}
}

func TestSiteOfOneCategoryHasTwoFeeds(t *testing.T) {
	lib, err := content.Load(fstest.MapFS{}, content.Options{Categories: categories[:1]})
	if err != nil {
		t.Fatal(err)
	}
	set := build(t, lib, testSite)
	if got, ok := set.Canonical("/feeds/architecture.rss"); got != "/feeds/architecture.rss" || !ok {
		t.Errorf("%q, %t", got, ok)
	}
}

func TestCombinedFeedSaysWhatItIs(t *testing.T) {
	site := testSite
	site.Hub, site.OwnHub = "https://insights.example.com/hub", true
	set := build(t, load(t, small()), site)
	for _, format := range feeds.Formats() {
		d := get(t, set, "/feeds/ai-automation+architecture."+format.String())
		f := parse(t, format, d.Body)
		if f.Title != "Insights: AI & Automation, Architecture" || f.Self != site.BaseURL+d.Path || f.Home != site.BaseURL+"/" || f.Hub != site.Hub ||
			format == feeds.Atom && f.ID != "tag:example.com,2025:feed:ai-automation+architecture" {
			t.Errorf("%s: %+v", d.Path, f)
		}
		if d.Feed != "ai-automation+architecture" || d.Title != f.Title || d.Category != "" || d.Items != 3 || d.Format != format || d.ContentType != format.ContentType() {
			t.Errorf("%s: %+v", d.Path, d)
		}
		var got, want []string
		for _, e := range f.Entries {
			got = append(got, e.ID)
		}
		for _, e := range parse(t, format, document(t, set, "/feeds/all."+format.String()).Body).Entries {
			want = append(want, e.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: ids %q, want those of all feeds: %q", d.Path, got, want)
		}
	}
}

// TestCombinedFeedNamesNoHubThatIsNotToldOfIt: readers would wait for its pushes.
func TestCombinedFeedNamesNoHubThatIsNotToldOfIt(t *testing.T) {
	site := testSite
	site.Hub = "https://hub.example.com/"
	set := build(t, load(t, small()), site)
	for path, want := range map[string]string{"/feeds/all.": site.Hub, "/feeds/architecture.": site.Hub, "/feeds/ai-automation+architecture.": ""} {
		for _, format := range feeds.Formats() {
			d := get(t, set, path+format.String())
			if f := parse(t, format, d.Body); f.Hub != want || d.Hub != want {
				t.Errorf("%s names the hub %q, and %q in headers; want %q", d.Path, f.Hub, d.Hub, want)
			}
		}
	}
}

// TestCombinedFeedsHoldTheirCategories follows feeds of categories drawn at random,
// written in any order.
func TestCombinedFeedsHoldTheirCategories(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	fsys := fstest.MapFS{}
	for i := range 250 {
		fsys[name(i)] = article(i, day(i), categories[random.IntN(5)].Slug, prose(1000+random.IntN(4000))) // two have none
	}
	lib := load(t, fsys)
	set := build(t, lib, testSite)
	archived := 0
	for range 12 {
		var slugs []string
		for _, i := range random.Perm(len(categories))[:2+random.IntN(len(categories)-2)] {
			slugs = append(slugs, categories[i].Slug)
		}
		format := feeds.Formats()[random.IntN(3)]
		asked := "/feeds/" + strings.Join(append(slugs, slugs[0]), "+") + "." + format.String()
		path, ok := set.Canonical(asked)
		if !ok {
			t.Fatalf("%s: no such feed", asked)
		}
		pages := follow(t, set, path)
		archived += len(pages) - 1
		var got, want []string
		for _, e := range entriesOf(pages) {
			got = append(got, e.ID)
		}
		for _, in := range lib.Insights() {
			if slices.Contains(slugs, in.Category.Slug) {
				want = append(want, feeds.EntryID(testSite, in.ID))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-library +documents):\n%.1000s", path, diff)
		}
		for _, p := range pages {
			if len(p.Body) > limit {
				t.Errorf("%s has %d bytes", p.Path, len(p.Body))
			}
		}
	}
	if archived < 10 {
		t.Errorf("%d archives", archived)
	}
}

func TestCombinations(t *testing.T) {
	set, err := feeds.Build(loadEmbedded(t), testSite, nil)
	if err != nil {
		t.Fatal(err)
	}
	paths := set.Combinations()
	if want := (1<<7 - 7 - 1) * 3; len(paths) != want {
		t.Errorf("%d documents, want %d", len(paths), want)
	}
	if paths[0] != "/feeds/ai-automation+architecture.rss" {
		t.Errorf("the first is %s", paths[0])
	}
	for _, path := range paths {
		if canonical, ok := set.Canonical(path); !ok || canonical != path {
			t.Errorf("%s is not canonical: %s", path, canonical)
		}
	}
	of, err := set.ArchivesOf("/feeds/all.atom")
	if err != nil || len(of) == 0 || !slices.Contains(set.Archives(), of[0]) {
		t.Errorf("archives of the feed of all: %v, %v", of, err)
	}
	of, err = set.ArchivesOf(paths[len(paths)-1]) // all seven categories
	if err != nil || len(of) == 0 {
		t.Fatalf("archives of %s: %v, %v", paths[len(paths)-1], of, err)
	}
	if d, err := set.Render(of[0]); err != nil || d.Items == 0 {
		t.Errorf("%s: %v", of[0], err)
	}
	if _, err := set.ArchivesOf("/feeds/fishing.rss"); err == nil {
		t.Error("a feed that is not has archives")
	}
}

func TestKeepChangesNoByte(t *testing.T) {
	lib := loadEmbedded(t)
	plain, err := feeds.Build(lib, testSite, nil)
	if err != nil {
		t.Fatal(err)
	}
	keeping, err := feeds.Build(lib, testSite, nil)
	if err != nil {
		t.Fatal(err)
	}
	keeping.Keep()
	a, b := everyDocument(t, plain), everyDocument(t, keeping)
	for i := range a {
		if a[i].Hash != b[i].Hash {
			t.Errorf("%s differs", a[i].Path)
		}
	}
}
