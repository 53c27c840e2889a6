package content_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/scaledbydesign/insights/content"
)

func TestAChangedIDIsAFaultOfItsFile(t *testing.T) {
	const a, b, c = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b", "00000000-0000-4000-8000-00000000000c"
	files := fstest.MapFS{}
	for slug, id := range map[string]string{"first": a, "second": b} {
		files[slug+".md"] = &fstest.MapFile{Data: fmt.Appendf(nil, "---\nid: %s\ntitle: T\nsummary: S\ncategory: leadership\ndate: 2026-03-01\n---\n\nText.\n", id)}
	}
	lib, err := content.Load(files, content.Options{Categories: []content.Category{{Slug: "leadership", Name: "Leadership"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		known map[string][]string
		want  string // the file at fault
	}{
		{"nothing is known", nil, ""},
		{"the same", map[string][]string{"first": {a}, "second": {b}}, ""},
		{"another id before", map[string][]string{"first": {c}}, "first.md"},
		{"another id before, and this one since", map[string][]string{"first": {c, a}}, "first.md"},
		{"they have changed slugs", map[string][]string{"first": {b}, "second": {a}}, ""},
	} {
		got := lib.ChangedIDs(test.known)
		if len(got) == 0 && test.want != "" || len(got) > 0 && (len(got) > 1 || got[0].File != test.want) {
			t.Errorf("%s: %v, want %q", test.name, got, test.want)
		}
	}
}

// Of two files that share an id or an address, the one that readers know is served,
// whatever their names and whatever was loaded before.
func TestACopyDoesNotTakeThePlaceOfWhatIsKnown(t *testing.T) {
	one := insight(1, "Text.")
	for name, c := range map[string]struct {
		files  fstest.MapFS
		known  map[string][]string
		served []string // files
		fault  string
	}{
		"a copy":                {fstest.MapFS{"one.md": one, "aaa.md": one}, map[string][]string{"one": {uuid(1)}}, []string{"one.md"}, "aaa.md:2: id: "},
		"two copies":            {fstest.MapFS{"one.md": one, "aaa.md": one, "abc.md": one}, map[string][]string{"one": {uuid(1)}}, []string{"one.md"}, "aaa.md:2: id: "},
		"an old name came back": {fstest.MapFS{"one.md": one, "zzz.md": one}, map[string][]string{"zzz": {uuid(1)}}, []string{"zzz.md"}, "one.md:2: id: "},
		"another's address":     {fstest.MapFS{"one.md": one, "aaa.md": insight(2, "Text.", "slug: one")}, map[string][]string{"one": {uuid(1)}}, []string{"one.md"}, "aaa.md:7: the address /insights/one"},
		"nothing is known":      {fstest.MapFS{"one.md": one, "aaa.md": one}, nil, []string{"aaa.md"}, "one.md:2: id: "},
		"a rename":              {fstest.MapFS{"new.md": one}, map[string][]string{"one": {uuid(1)}}, []string{"new.md"}, ""},
	} {
		opts := options()
		opts.Known = c.known
		lib, err := content.Load(c.files, opts)
		if err != nil {
			t.Fatal(err)
		}
		var served []string
		for _, in := range lib.All() {
			served = append(served, in.File)
		}
		if !slices.Equal(served, c.served) {
			t.Errorf("%s: served %q, want %q", name, served, c.served)
		}
		if faults := lib.Faults(); c.fault == "" && len(faults) > 0 || c.fault != "" && (len(faults) == 0 || !strings.HasPrefix(faults[0].Error(), c.fault)) {
			t.Errorf("%s: %v, want %q", name, faults, c.fault)
		}
	}
}
