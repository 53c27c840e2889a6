package content_test

import (
	"fmt"
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
