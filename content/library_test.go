package content_test

import (
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/scaledbydesign/insights/content"
)

// missing is a folder that doesn't exist.
type missing struct{}

func (missing) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

func slugs(insights []*content.Insight) string {
	var s []string
	for _, in := range insights {
		s = append(s, in.Slug)
	}
	return strings.Join(s, " ")
}

func shelf() fstest.MapFS {
	return fstest.MapFS{
		"old.md":    insight(1, "", "date: 2025-01-01", "featured: true"),
		"second.md": insight(2, "", "order: 2", "category: Leadership"),
		"first.md":  insight(3, "", "order: 1", "featured: true"),
		"also.md":   insight(4, "", "order: 2", "category: Leadership"),
		"draft.md":  insight(5, "", "draft: true", "summary:", "featured: true", "date: 2026-02-28"),
		"soon.md":   insight(6, "", "date: 2026-03-01T13:00:00Z", "featured: true"),
		"later.md":  insight(7, "", "date: 2026-04-01"),
	}
}

func TestOrderAndVisibility(t *testing.T) {
	library := load(t, shelf())
	check := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	check("visible", slugs(library.Insights()), "first also second old")
	check("all", slugs(library.All()), "later soon draft first also second old")
	check("leadership", slugs(library.In("leadership")), "also second")
	check("infrastructure", slugs(library.In("infrastructure")), "")
	check("featured", library.Featured().Slug, "first")
	check("next", library.Next().Format(time.RFC3339), "2026-03-01T13:00:00Z")
	check("as of", library.AsOf().Format(time.RFC3339), "2026-03-01T12:00:00Z")
	for _, hidden := range []string{"draft", "soon", "none"} {
		if _, ok := library.BySlug(hidden); ok {
			t.Errorf("%s is visible", hidden)
		}
	}
	if _, ok := library.ByID(uuid(5)); ok {
		t.Error("a draft is visible by its id")
	}
	if c, ok := library.Category("growth-ops"); !ok || c.Name != "Growth Ops" {
		t.Errorf("got %v, %v", c, ok)
	}
	if _, ok := library.Category("Growth Ops"); ok {
		t.Error("a category by its name")
	}
	if diff := cmp.Diff(categories, library.Categories()); diff != "" {
		t.Error(diff)
	}
}

func TestAtAnotherTime(t *testing.T) {
	now := load(t, shelf())
	then := now.At(now.Next())
	if got, want := slugs(then.Insights()), "soon first also second old"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := then.Next().Format(time.DateOnly), "2026-04-01"; got != want {
		t.Errorf("next: got %s, want %s", got, want)
	}
	if _, ok := now.BySlug("soon"); ok {
		t.Error("the first library changed")
	}
	if then.Version() == now.Version() {
		t.Error("another insight, the same version")
	}
	if last := now.At(noon.AddDate(1, 0, 0)); !last.Next().IsZero() || last.At(noon).Version() != now.Version() {
		t.Error("there and back again isn't the same")
	}
	if early := now.At(time.Unix(0, 0)); len(early.Insights()) != 0 || early.Featured() != nil {
		t.Error("insights before their time")
	}
}

func TestVersionFollowsWhatReadersSee(t *testing.T) {
	base := load(t, shelf())
	for _, c := range []struct {
		name    string
		change  func(fstest.MapFS)
		version bool
	}{
		{"nothing", func(fstest.MapFS) {}, false},
		{"a word", func(f fstest.MapFS) { f["old.md"] = insight(1, "x", "date: 2025-01-01", "featured: true") }, true},
		{"a title", func(f fstest.MapFS) {
			f["old.md"] = insight(1, "", "date: 2025-01-01", "featured: true", "title: x")
		}, true},
		{"a category", func(f fstest.MapFS) {
			f["old.md"] = insight(1, "", "date: 2025-01-01", "featured: true", "category: Leadership")
		}, true},
		{"a draft", func(f fstest.MapFS) { f["draft.md"] = insight(5, "x", "draft: true") }, false},
		{"a future one", func(f fstest.MapFS) { f["later.md"] = insight(7, "x", "date: 2026-04-01") }, false},
		{"a file's name", func(f fstest.MapFS) { f["2025-01-01-old.md"] = f["old.md"]; delete(f, "old.md") }, false},
		{"one less", func(f fstest.MapFS) { delete(f, "old.md") }, true},
		{"a comment", func(f fstest.MapFS) {
			f["old.md"] = insight(1, "", "date: 2025-01-01 # long ago", "featured: true")
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := shelf()
			c.change(files)
			library := load(t, files)
			if got := library.Version() != base.Version(); got != c.version {
				t.Errorf("version changed: %v, want %v", got, c.version)
			}
		})
	}
	opts := options()
	opts.Categories = append([]content.Category{{Slug: "new", Name: "New"}}, categories...)
	opts.Previous = base
	if more, err := content.Load(shelf(), opts); err != nil || more.Version() == base.Version() {
		t.Errorf("another category: %v", err)
	}
	if len(base.Version()) != 16 {
		t.Error("not 16 characters")
	}
}

// An insight's page shows the addresses of others and the sizes of pictures.
func TestVersionFollowsLinksAndPictures(t *testing.T) {
	files := fstest.MapFS{
		"a.md":         insight(1, "[b](b.md) ![x](images/x.svg)"),
		"b.md":         insight(2, "", "draft: true"),
		"images/x.svg": file(`<svg viewBox="0 0 1 1"/>`),
	}
	before := load(t, files)
	files["b.md"] = insight(2, "", "draft: true", "slug: c")
	moved := load(t, files)
	files["images/x.svg"] = file(`<svg viewBox="0 0 2 2"/>`)
	grown, err := content.Load(files, content.Options{Categories: categories, Now: options().Now, Previous: moved})
	if err != nil {
		t.Fatal(err)
	}
	if before.Version() == moved.Version() || moved.Version() == grown.Version() {
		t.Error("the version stayed the same")
	}
	if page := grown.Insights()[0].HTML(); !strings.Contains(page, "/insights/c") || !strings.Contains(page, `width="2"`) {
		t.Errorf("a reused insight isn't up to date:\n%s", page)
	}
}

func TestDaysBeginInTheSitesZone(t *testing.T) {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	opts := options()
	files := fstest.MapFS{"a.md": insight(1, "")}
	if opts.Previous, err = content.Load(files, opts); err != nil {
		t.Fatal(err)
	}
	opts.Location = zone
	library, err := content.Load(files, opts)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := library.Insights()[0].Date.Format(time.RFC3339), "2026-02-27T00:00:00-05:00"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEmptyFolderIsAnEmptyLibrary(t *testing.T) {
	library := load(t, fstest.MapFS{})
	if len(library.Insights()) != 0 || library.Featured() != nil || !library.Next().IsZero() || library.Version() == "" {
		t.Error("not empty")
	}
}

func TestLibraryIsSafeForConcurrentUse(t *testing.T) {
	library := load(t, fstest.MapFS{"a.md": insight(1, "[b](b.md)\n\n```go\nfunc f() {}\n```\n\n- [x] y[^1]\n\n[^1]: z\n"), "b.md": insight(2, "![x](images/x.svg)"), "images/x.svg": file("<svg/>")})
	want := library.Insights()[0].HTML()
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for range 20 {
				for _, in := range library.At(noon).Insights() {
					_ = in.FullHTML(base)
				}
				if got := library.Insights()[0].HTML(); got != want {
					t.Error("renderings differ")
				}
				_, _, _ = library.Image("x.svg")
				_ = library.In("engineering")
			}
		})
	}
	readers.Wait()
}

func TestFormerAddressesLeadToPresentOnes(t *testing.T) {
	lib := load(t, fstest.MapFS{
		"a.md": insight(1, "", "formerly: [one, /insights/uno, c]"), "b.md": insight(2, "", "formerly: two", "draft: true"),
		"c.md": insight(3, "", "date: 2025-01-01", "formerly: one"),
	})
	for slug, want := range map[string]string{"one": "a", "uno": "a", "two": "", "a": "", "c": "", "three": ""} {
		got := ""
		if in, ok := lib.Moved(slug); ok {
			got = in.Slug
		}
		if got != want {
			t.Errorf("%s leads to %q, want %q", slug, got, want)
		}
	}
	if got, want := lib.Flaws().Error(), "a.md: formerly: /insights/c is the address of c.md, where it leads; leave it out here"; got != want {
		t.Errorf("got %s", got)
	}
	if got, want := faults(t, fstest.MapFS{"a.md": insight(1, "", "formerly: [Old One, {a: b}]")}), `a.md:7: formerly: "Old One" must consist of a-z, 0-9 and single hyphens between them, such as old-one`; !strings.HasPrefix(got, want) {
		t.Errorf("got %s", got)
	}
	if got := faults(t, fstest.MapFS{"a.md": insight(1, "", "aliases: [x]")}); !strings.Contains(got, "did you mean formerly?") {
		t.Errorf("got %s", got)
	}
}

func TestTwoFilesMayHaveTheSameBody(t *testing.T) {
	if n := len(load(t, fstest.MapFS{"a.md": insight(1, "same"), "b.md": insight(2, "same")}).Insights()); n != 2 {
		t.Errorf("%d insights, want 2", n)
	}
}

func ExampleFaults() {
	library, _ := content.Load(fstest.MapFS{"note.md": {Data: []byte("---\ntitel: Oh\n---\n")}}, content.Options{})
	fmt.Println(library.Faults()[4])
	// Output: note.md:1: title: is missing
}
