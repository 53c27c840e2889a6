package newsletter_test

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/content"
	"github.com/scaledbydesign/insights/newsletter"
)

func TestForward(t *testing.T) {
	now := time.Now()
	id := func(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }
	file := func(n int, extra string) *fstest.MapFile {
		return &fstest.MapFile{Data: fmt.Appendf(nil, "---\nid: %s\ntitle: T\nsummary: S\ncategory: ops\ndate: 2026-01-01\n%s---\n", id(n), extra)}
	}
	load := func(files fstest.MapFS) *content.Library {
		lib, err := content.Load(files, content.Options{Categories: []content.Category{{Slug: "ops", Name: "Ops"}}})
		if err != nil {
			t.Fatal(err)
		}
		return lib
	}
	lib := load(fstest.MapFS{"here.md": file(1, ""), "draft.md": file(2, "draft: true\n"), "faulty.md": file(3, "sumary: x\n")})
	blind := load(fstest.MapFS{"here.md": file(1, ""), "half.md": {Data: []byte("---\n")}})
	holder := func(n int, since time.Duration, how newsletter.WithdrawnHow) newsletter.Holder {
		h := newsletter.Holder{InsightID: id(n), Withdrawal: newsletter.Withdrawal{How: how}}
		if since > 0 {
			h.Withdrawal.Since = now.Add(-since)
		}
		return h
	}
	const folder, away = newsletter.WithdrawnFromFolder, newsletter.WithdrawnAndAway
	for _, c := range []struct {
		name    string
		lib     *content.Library
		holders []newsletter.Holder
		to      int
		gone    bool
	}{
		{"nobody", lib, nil, 0, false},
		{"it has another address", lib, []newsletter.Holder{holder(1, 0, folder)}, 1, false},
		{"one that is gone, after one that has moved", lib, []newsletter.Holder{holder(9, time.Hour, folder), holder(1, 0, folder)}, 1, false},
		{"away for a moment", lib, []newsletter.Holder{holder(9, 59*time.Second, folder)}, 0, false},
		{"away for a minute", lib, []newsletter.Holder{holder(9, time.Minute, folder)}, 0, true},
		{"taken down, and away", lib, []newsletter.Holder{holder(9, time.Second, away)}, 0, true},
		{"away, and the database has not heard of it", lib, []newsletter.Holder{holder(9, 0, folder)}, 0, false},
		{"a draft for an hour", lib, []newsletter.Holder{holder(2, time.Hour, folder)}, 0, true},
		{"a faulty file", lib, []newsletter.Holder{holder(3, time.Hour, folder)}, 0, false},
		{"perhaps a faulty file", blind, []newsletter.Holder{holder(9, time.Hour, folder)}, 0, false},
	} {
		to, gone := newsletter.Forward(c.lib, c.holders, now)
		if gone != c.gone || (to != nil) != (c.to > 0) || to != nil && to.ID != id(c.to) {
			t.Errorf("%s: %v, gone %v", c.name, to, gone)
		}
	}
}
