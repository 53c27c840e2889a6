package feeds_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/feeds"
)

// TestRebuildGivesWhatABuildGives edits a library at random. What is taken over
// from the set before never shows, states change exactly when bytes do, and what
// did not change is the same document.
func TestRebuildGivesWhatABuildGives(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	fsys, named := fstest.MapFS{}, slices.Clone(categories)
	n, site := 0, testSite
	add := func() {
		date := day(random.IntN(60)).Add(time.Duration(random.IntN(3)) * time.Hour) // twins among them
		fsys[name(n)] = article(n, date, categories[random.IntN(3)].Slug, prose(4000+random.IntN(5000)))
		n++
	}
	for range sized(25, 50) {
		add()
	}
	any := func() (string, *fstest.MapFile) {
		for {
			if file := name(random.IntN(n)); fsys[file] != nil {
				return file, &fstest.MapFile{Data: bytes.Clone(fsys[file].Data)}
			}
		}
	}
	replace := func(old, new string) {
		file, copied := any()
		copied.Data = bytes.Replace(copied.Data, []byte(old), []byte(new), 1)
		fsys[file] = copied
	}
	edits := []func(){
		func() {},
		add,
		func() { file, _ := any(); delete(fsys, file) },
		func() { replace("A sentence", "Another sentence") },
		func() { replace("title: \"", "updated: 2026-04-01T12:00:00Z\ntitle: \"Changed ") },
		func() { replace("summary:", "draft: true\nsummary:") },
		func() { replace("category: "+categories[0].Slug, "category: "+categories[3].Slug) },
		func() { named[random.IntN(3)].Name += "!" },
		func() { named[random.IntN(3)].Description += "!" },
		func() { site.Rights += "!" },
	}
	var before *feeds.Set
	bodies, states := map[string]string{}, map[string]string{}
	for round := range sized(1, 3)*len(edits) + 4 {
		edits[round%len(edits)]()
		lib, err := content.Load(fsys, content.Options{Categories: named})
		if err != nil {
			t.Fatal(err) // edits of one file that do not go together
		}
		fresh := build(t, lib, site)
		set, err := feeds.Build(lib, site, before)
		if err != nil {
			t.Fatal(err)
		}
		if set.Version() != fresh.Version() || !slices.Equal(set.Archives(), fresh.Archives()) || len(changed(set, fresh)) > 0 {
			t.Fatalf("round %d: the rebuilt set is another: %q", round, changed(set, fresh))
		}
		seen, seenStates := map[string]string{}, versions(set)
		for _, path := range append(addresses(set), "/feeds.opml", "/feeds/all.opml") {
			d := get(t, set, path)
			if want := get(t, fresh, path); !bytes.Equal(d.Body, want.Body) || !d.Updated.Equal(want.Updated) {
				t.Fatalf("round %d: %s differs from that of a set built from nothing", round, path)
			}
			seen[path] = string(d.Body)
			if before == nil {
				continue
			}
			if old, ok := before.Document(path); ok && old.Hash == d.Hash && old != d {
				t.Errorf("round %d: %s has not changed, and is made anew", round, path)
			}
		}
		if before != nil {
			for stem, version := range seenStates {
				same := true
				for path, body := range seen {
					if path == stem || strings.HasPrefix(path, stem+".") && !strings.HasSuffix(path, ".opml") {
						same = same && bodies[path] == body
					}
				}
				if same != (states[stem] == version) {
					t.Errorf("round %d: %s: the same bytes: %t, the same state: %t", round, stem, same, states[stem] == version)
				}
			}
		}
		before, bodies, states = set.Dated(map[string]time.Time{"/feeds/all": time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)}), seen, seenStates
	}
}

// TestManyReadersDuringABuild renders archives and feeds of several categories
// while the next sets are made of theirs.
func TestManyReadersDuringABuild(t *testing.T) {
	t.Parallel()
	lib := load(t, daily(60, 6000))
	var last *feeds.Set
	for i := 57; i < 60; i++ {
		at := lib.At(day(i))
		set, err := feeds.Build(at, testSite, last)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][]byte{}
		paths := append(set.Archives()[:6:6], "/feeds/architecture+leadership.json", "/feeds/architecture+split-testing-tracking.rss")
		fresh := build(t, at, testSite)
		for _, path := range paths {
			want[path] = get(t, fresh, path).Body
		}
		var readers sync.WaitGroup
		for r := range 4 {
			readers.Go(func() {
				for i := range paths {
					path := paths[(i+r)%len(paths)]
					if d, err := set.Render(path); err != nil || !bytes.Equal(d.Body, want[path]) {
						t.Errorf("%s is another, or fails: %v", path, err)
					}
				}
			})
		}
		readers.Go(func() {
			dated := set.Dated(map[string]time.Time{"/feeds/architecture": day(500)})
			if _, err := feeds.Build(lib, testSite, dated); err != nil {
				t.Error(err)
			}
		})
		readers.Go(func() { set.States() })
		if i == 59 {
			readers.Wait()
			return
		}
		if last, err = feeds.Build(lib.At(day(i+1)), testSite, set); err != nil {
			t.Fatal(err)
		}
		readers.Wait()
	}
}
