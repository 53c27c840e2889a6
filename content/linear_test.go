package content_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/scaledbydesign/insights/content"
)

func costly() map[string]func(n int) string {
	fill := func(s string) func(n int) string {
		return func(n int) string { return strings.Repeat(s, n/len(s)+1)[:n] }
	}
	return map[string]func(n int) string{
		"equal headings": fill("# a\n\n"), "different headings": func(n int) string {
			var b strings.Builder
			for i := 0; b.Len() < n; i++ {
				fmt.Fprintf(&b, "# a%d\n\n", i)
			}
			return b.String()
		},
		"stars": fill("*"), "stars and words": fill("*a **b "), "closing stars": fill("a** "), "underscores": fill("_a __b "), "mixed": fill("*_a "),
		"brackets": fill("["), "bracket pairs": fill("[]("), "links": fill("[a](<b"), "images": fill("![a]["), "backticks": fill("`a``b "),
		"quotes": fill("> "), "lists": func(n int) string {
			var b strings.Builder
			for i := 0; b.Len() < n; i++ {
				b.WriteString(strings.Repeat("  ", i%200) + "- a\n")
			}
			return b.String()
		},
		"tables": fill("|a"), "table rows": func(n int) string { return "|a|b|\n|-|-|\n" + strings.Repeat("|a|b|\n", n/6) },
		"references": func(n int) string {
			var b strings.Builder
			for i := 0; b.Len() < n; i++ {
				fmt.Fprintf(&b, "[r%d]: /u\n", i)
			}
			return b.String()
		},
		"html": fill("<a "), "comments": fill("<!-- "), "entities": fill("&a"), "tildes": fill("~~a~ "), "autolinks": fill("www.a."), "footnotes": fill("[^a] "),
		"backslashes": fill("\\*"), "blank lines": fill(">\n"),
	}
}

func cost(t testing.TB, text string) time.Duration {
	fsys := fstest.MapFS{"a.md": {Data: []byte("---\nid: 5c0f1a54-0c1d-4b8e-9f6a-0d1f5f1d0001\ntitle: A\nsummary: S.\ncategory: leadership\ndate: 2026-01-01\n---\n" + text)}}
	best := time.Hour
	for range 3 {
		began := time.Now()
		lib, err := content.Load(fsys, content.Options{Categories: []content.Category{{Slug: "leadership", Name: "Leadership"}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range lib.All() {
			_, _ = in.HTML(), in.FullHTML("https://example.com")
		}
		best = min(best, time.Since(began))
	}
	return best
}

func TestRenderingIsLinear(t *testing.T) {
	for name, text := range costly() {
		small, large := cost(t, text(16<<10)), cost(t, text(64<<10))
		t.Logf("%-20s %10v %10v %5.1f", name, small, large, float64(large)/float64(small))
	}
}
