package feeds_test

import (
	"testing"
	"testing/fstest"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
)

func TestFeedNamesItsHub(t *testing.T) {
	for _, hub := range []string{"", "https://hub.example.com/?a=1&b=2"} {
		f := testFeed(testEntry())
		f.Site.Hub = hub
		render(t, f, func(t *testing.T, _ feeds.Format, got feed) {
			if got.Hub != hub {
				t.Errorf("hub %q, want %q", got.Hub, hub)
			}
		})
	}
	f := testFeed()
	f.Site.Hub = "/hub"
	if _, err := feeds.Render(f, feeds.RSS); err == nil {
		t.Error("a relative hub was accepted")
	}
}

func TestFeedIsDividedAsItSays(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*feeds.Feed)
		want   feed
	}{
		"all there is": {func(f *feeds.Feed) { f.Complete = true }, feed{Complete: true}},
		"a head":       {func(f *feeds.Feed) { f.Previous = "2026-02-3" }, feed{Previous: "/2026-02-3"}},
		"an archive":   {func(f *feeds.Feed) { f.Archive, f.Previous = "2026-02-3", "2026-02-2" }, feed{Archive: true, Previous: "/2026-02-2"}},
		"the last":     {func(f *feeds.Feed) { f.Archive = "2026-02" }, feed{Archive: true}},
		"of digests":   {func(*feeds.Feed) {}, feed{}}, // says nothing of its end
	} {
		t.Run(name, func(t *testing.T) {
			f := testFeed(testEntry())
			test.change(&f)
			render(t, f, func(t *testing.T, format feeds.Format, got feed) {
				want := test.want
				if want.Previous != "" {
					want.Previous = "https://example.com/news/feeds/all" + want.Previous + "." + format.String()
				}
				if format == feeds.JSON {
					want.Archive, want.Complete = false, false
				}
				if got.Archive != want.Archive || got.Complete != want.Complete || got.Previous != want.Previous {
					t.Errorf("archive %t, complete %t, previous %s; want %+v", got.Archive, got.Complete, got.Previous, want)
				}
			})
		})
	}
}

func TestPictureIsInEveryFormat(t *testing.T) {
	for address, mediaType := range map[string]string{
		"https://example.com/a.svg":          "image/svg+xml",
		"https://example.com/a.png?w=1&h=2":  "image/png",
		"https://example.com/a.JPG":          "image/jpeg",
		"https://example.com/a.jpeg#b":       "image/jpeg",
		"https://example.com/a.gif":          "image/gif",
		"https://example.com/a.webp":         "image/webp",
		"https://example.com/a.avif":         "image/avif",
		"https://example.com/a":              "",
		"https://example.com/a?name=b.png":   "",
		"https://example.com/a.png/original": "",
		"":                                   "",
	} {
		e := testEntry()
		e.Image = address
		render(t, testFeed(e), func(t *testing.T, format feeds.Format, got feed) {
			e := got.Entries[0]
			if e.Image != address || format == feeds.RSS && e.ImageType != mediaType {
				t.Errorf("picture %q of type %q, want %q, %q", e.Image, e.ImageType, address, mediaType)
			}
		})
	}
}

// TestPictureOfAnyName: a file's name is no address yet.
func TestPictureOfAnyName(t *testing.T) {
	fsys := small()
	file := fsys["2026-01-06-plain.md"]
	file.Data = append([]byte("---\nimage: images/a plan?.svg\n"), file.Data[len("---\n"):]...)
	fsys["images/a plan?.svg"] = &fstest.MapFile{Data: fsys["images/pipeline.svg"].Data}
	lib, err := content.Load(fsys, content.Options{Categories: categories})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range parse(t, feeds.Atom, document(t, build(t, lib, testSite), "/feeds/all.atom").Body).Entries {
		if want := "https://example.com/news/insights/images/a%20plan%3F.svg"; e.Title == "Plain" && e.Image != want {
			t.Errorf("picture %s, want %s", e.Image, want)
		}
	}
}
