package content_test

import (
	"testing"
	"testing/fstest"

	"github.com/scaledbydesign/insights/content"
)

func TestAnInsightIsVisibleADraftOrScheduled(t *testing.T) {
	file := func(id, rest string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("---\nid: 00000000-0000-4000-8000-00000000000" + id + "\ntitle: T\nsummary: S\ncategory: leadership\n" + rest + "---\n\nText.\n")}
	}
	lib, err := content.Load(fstest.MapFS{
		"visible.md": file("1", "date: 2026-03-01\n"), "draft.md": file("2", "date: 2026-03-01\ndraft: true\n"),
		"scheduled.md": file("3", "date: 2999-03-01\n"), "later.md": file("4", "date: 2999-03-01\ndraft: true\n"),
	}, content.Options{Categories: []content.Category{{Slug: "leadership", Name: "Leadership"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]content.State{"visible": content.Visible, "draft": content.Draft, "scheduled": content.Scheduled, "later": content.Draft}
	for _, in := range lib.All() {
		if got := lib.State(in); got != want[in.Slug] {
			t.Errorf("%s is %s", in.Slug, got)
		}
	}
}
