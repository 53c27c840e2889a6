package content_test

import (
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/scaledbydesign/insights/content"
)

// after loads a folder, changes it and loads it again as a daemon does.
func after(t *testing.T, before fstest.MapFS, known map[string][]string, change func(fstest.MapFS)) *content.Library {
	t.Helper()
	opts := options()
	opts.Known = known
	if before != nil {
		opts.Previous = load(t, before)
	}
	files := maps.Clone(before)
	if files == nil {
		files = fstest.MapFS{}
	}
	change(files)
	library, err := content.Load(files, opts)
	if err != nil {
		t.Fatal(err)
	}
	return library
}

func TestAFaultOfOneFileIsNoFaultOfAnother(t *testing.T) {
	three := fstest.MapFS{"a.md": insight(1, "as it was"), "b.md": insight(2, "[a](a.md)"), "c.md": insight(3, "")}
	bad := func(id int) *fstest.MapFile { return insight(id, "spoilt", "sumary: x") }
	for _, c := range []struct {
		name   string
		start  bool // nothing was loaded before
		change func(fstest.MapFS)
		served string // slug=first words of the text
		faults string // files at fault
		id     int    // whose it is
		faulty bool
		gone   bool // withdrawn
		blind  bool // incomplete
	}{
		{name: "bad at the start", start: true, change: func(f fstest.MapFS) { f["a.md"] = bad(1) }, served: "b=[a](a.md) c=", faults: "a.md", id: 1, faulty: true},
		{name: "bad later", change: func(f fstest.MapFS) { f["a.md"] = bad(1) }, served: "a=as it was b=[a](a.md) c=", faults: "a.md", id: 1},
		{name: "half written at the start", start: true, change: func(f fstest.MapFS) { f["a.md"] = file("---\nid: " + uuid(1) + "\ntitle: A") }, served: "b=[a](a.md) c=", faults: "a.md", id: 1, faulty: true},
		{name: "half written at the start, in quotes", start: true, change: func(f fstest.MapFS) { f["a.md"] = file("---\nid: \"" + uuid(1) + "\"\ntitle: A") }, served: "b=[a](a.md) c=", faults: "a.md", id: 1, faulty: true},
		{name: "its id in typographic quotation marks", start: true, change: func(f fstest.MapFS) { f["a.md"] = insight(1, "", "id: “"+uuid(1)+"”") }, served: "b=[a](a.md) c=", faults: "a.md", id: 1, faulty: true},
		{name: "empty later", change: func(f fstest.MapFS) { f["a.md"] = file("") }, served: "a=as it was b=[a](a.md) c=", faults: "a.md", id: 1},
		{name: "without an id at the start", start: true, change: func(f fstest.MapFS) { f["a.md"] = file("---\ntitle: A\n---\n") }, served: "b=[a](a.md) c=", faults: "a.md", id: 1, blind: true},
		{name: "a new one without an id", change: func(f fstest.MapFS) { f["d.md"] = file("---\ntitle: A\n---\n"); delete(f, "c.md") }, served: "a=as it was b=[a](a.md)", faults: "d.md", id: 3, blind: true},
		{name: "absent", change: func(f fstest.MapFS) { delete(f, "c.md") }, served: "a=as it was b=[a](a.md)", id: 3, gone: true},
		{name: "a draft", change: func(f fstest.MapFS) { f["c.md"] = insight(3, "", "draft: true") }, served: "a=as it was b=[a](a.md) c=", id: 3, gone: true},
		{name: "in the future", change: func(f fstest.MapFS) { f["c.md"] = insight(3, "", "date: 2027-01-01") }, served: "c= a=as it was b=[a](a.md)", id: 3, gone: true},
		{name: "renamed and bad at once", change: func(f fstest.MapFS) { f["z.md"] = bad(1); delete(f, "a.md"); delete(f, "b.md") }, served: "c= z=as it was", faults: "z.md", id: 1},
		{name: "moved to another file, the old one spoilt", change: func(f fstest.MapFS) { f["d.md"] = f["c.md"]; f["c.md"] = file("x") }, served: "a=as it was b=[a](a.md) d=", faults: "c.md", id: 3, blind: true},
		{name: "a copy with the same id", change: func(f fstest.MapFS) { f["0.md"] = insight(1, "copy") }, served: "a=as it was b=[a](a.md) c=", faults: "0.md", id: 1},
		{name: "a copy while the original is bad", change: func(f fstest.MapFS) { f["0.md"] = insight(1, "copy"); f["a.md"] = bad(1) }, served: "a=as it was b=[a](a.md) c=", faults: "0.md a.md", id: 1},
		{name: "a copy at the start", start: true, change: func(f fstest.MapFS) { f["0.md"] = insight(1, "copy") }, served: "0=copy b=[a](a.md) c=", faults: "a.md", id: 1},
		{name: "the address of another", change: func(f fstest.MapFS) { f["a.md"] = insight(1, "new", "slug: c") }, served: "a=as it was b=[a](a.md) c=", faults: "a.md", id: 1},
		{name: "a bad file with the address of another", change: func(f fstest.MapFS) { f["0.md"] = insight(9, "", "slug: c", "order: x") }, served: "a=as it was b=[a](a.md) c=", faults: "0.md", id: 9, faulty: true},
		{name: "addresses exchanged", change: func(f fstest.MapFS) {
			f["a.md"], f["c.md"] = insight(1, "as it was", "slug: c"), insight(3, "", "slug: a")
		}, served: "a= b=[a](a.md) c=as it was", id: 1},
		{name: "a link to what was deleted", change: func(f fstest.MapFS) { delete(f, "a.md") }, served: "b=[a](a.md) c=", faults: "b.md", id: 2},
		{name: "a picture that is missing", change: func(f fstest.MapFS) { f["c.md"] = insight(3, "![x](images/x.png)") }, served: "a=as it was b=[a](a.md) c=", faults: "c.md", id: 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			var library *content.Library
			if c.start {
				library = after(t, nil, nil, func(f fstest.MapFS) { maps.Copy(f, three); c.change(f) })
			} else {
				library = after(t, three, nil, c.change)
			}
			var served []string
			for _, in := range library.All() {
				served = append(served, in.Slug+"="+in.Markdown())
			}
			if got := strings.Join(served, " "); got != c.served {
				t.Errorf("served %q, want %q", got, c.served)
			}
			seen, atFault := map[string]bool{}, []string{}
			for _, f := range library.Faults() {
				if !seen[f.File] {
					seen[f.File], atFault = true, append(atFault, f.File)
				}
			}
			if got := strings.Join(atFault, " "); got != c.faults {
				t.Errorf("at fault %q, want %q", got, c.faults)
			}
			id := uuid(c.id)
			if got := library.Faulty(id); got != c.faulty {
				t.Errorf("faulty %v", got)
			}
			if got := library.Withdrawn(id); got != c.gone {
				t.Errorf("withdrawn %v", got)
			}
			if got := library.Complete(); got == c.blind {
				t.Errorf("complete %v", got)
			}
			if _, visible := library.ByID(id); visible && library.Withdrawn(id) || library.Faulty(id) && !library.Present(id) {
				t.Error("it contradicts itself")
			}
		})
	}
}

func TestAFaultThatIsMendedIsGone(t *testing.T) {
	live, files := live(t, fstest.MapFS{"a.md": insight(1, "one"), "b.md": file("x")})
	reload := func(f fstest.MapFS) *content.Library {
		t.Helper()
		files.set(f)
		if err := live.Reload(); err != nil {
			t.Fatal(err)
		}
		return live.Current()
	}
	for range 3 { // the last good version outlives many readings
		if lib := reload(fstest.MapFS{"a.md": file("---\n"), "b.md": file("x")}); len(lib.All()) != 1 || lib.All()[0].Markdown() != "one" || len(lib.Faults()) != 2 {
			t.Fatalf("%v", lib.Faults())
		}
	}
	if lib := reload(fstest.MapFS{"a.md": insight(1, "two"), "b.md": insight(2, "")}); len(lib.Faults()) != 0 || len(lib.All()) != 2 || lib.All()[0].Markdown() != "two" {
		t.Errorf("%v", lib.Faults())
	}
}

func TestAKnownInsightKeepsItsID(t *testing.T) {
	files := fstest.MapFS{"a.md": insight(1, "as it was"), "b.md": insight(2, "")}
	change := func(f fstest.MapFS) { f["a.md"] = insight(7, "new") }
	known := map[string][]string{"a": {uuid(1)}, "b": {uuid(2)}}

	library := after(t, files, known, change)
	if in, ok := library.BySlug("a"); !ok || in.ID != uuid(1) || in.Markdown() != "as it was" {
		t.Errorf("it is not as it was: %v", in)
	}
	if got := library.Faults().Error(); !strings.HasPrefix(got, "a.md:2: id: was "+uuid(1)) || strings.Contains(got, "\n") {
		t.Error(got)
	}
	library = after(t, nil, known, func(f fstest.MapFS) { maps.Copy(f, files); change(f) })
	if _, ok := library.BySlug("a"); ok || !library.Faulty(uuid(1)) || library.Present(uuid(7)) || library.Withdrawn(uuid(1)) {
		t.Error("at the start it isn't left out as the insight that it was")
	}
	for name, fine := range map[string]struct {
		known  map[string][]string
		change func(fstest.MapFS)
	}{
		"nothing is known":           {nil, change},
		"it moved to another file":   {known, func(f fstest.MapFS) { change(f); f["c.md"] = insight(1, "") }},
		"readers know the new one":   {map[string][]string{"a": {uuid(1), uuid(7)}}, change},
		"another address, new there": {known, func(f fstest.MapFS) { f["c.md"] = insight(7, "") }},
	} {
		if got := after(t, files, fine.known, fine.change).Faults(); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestAFaultyFileOfACategoryThatIsGoneIsStillThere: its last version can't be shown, and it
// has not been withdrawn.
func TestAFaultyFileOfACategoryThatIsGoneIsStillThere(t *testing.T) {
	opts := options()
	opts.Previous = load(t, fstest.MapFS{"a.md": insight(1, "", "category: Leadership"), "b.md": insight(2, "")})
	opts.Categories = categories[3:4]
	library, err := content.Load(fstest.MapFS{"a.md": file("half"), "b.md": file("half")}, opts)
	if err != nil {
		t.Fatal(err)
	}
	if got := slugs(library.All()); got != "b" || !library.Faulty(uuid(1)) || library.Withdrawn(uuid(1)) || !library.Complete() {
		t.Errorf("served %q, faulty %v, complete %v", got, library.Faulty(uuid(1)), library.Complete())
	}
}
