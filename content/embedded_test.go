package content_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/scaledbydesign/insights/content"
)

func embedded(t testing.TB) *content.Library {
	t.Helper()
	opts := options()
	opts.Now = func() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) } // after them all
	library, err := content.Load(content.Embedded(), opts)
	if err != nil {
		t.Fatalf("the embedded insights have faults:\n%v", err)
	}
	return library
}

func TestEmbeddedInsightsAreComplete(t *testing.T) {
	library := embedded(t)
	want := map[string]int{"architecture": 12, "split-testing-tracking": 9, "ai-automation": 11, "engineering": 11, "growth-ops": 13, "leadership": 8, "infrastructure": 5}
	got := map[string]int{}
	for _, c := range library.Categories() {
		got[c.Slug] = len(library.In(c.Slug))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("insights a category (-want +got):\n%s", diff)
	}
	if len(library.Insights()) != 69 || len(library.All()) != 69 {
		t.Errorf("%d visible of %d, want 69 of 69", len(library.Insights()), len(library.All()))
	}
	if library.Featured() == nil {
		t.Error("none is featured")
	}
	if !library.Next().IsZero() {
		t.Errorf("one waits for %s", library.Next().Format(time.RFC3339))
	}
}

// The catalogue numbers the insights as it lists them.
func TestEmbeddedInsightsAreListedInTheirOrder(t *testing.T) {
	for i, in := range embedded(t).Insights() {
		if in.Order != i+1 {
			t.Errorf("%s has order %d and comes as number %d", in.File, in.Order, i+1)
		}
	}
}

func TestEmbeddedInsightsAreWorthReading(t *testing.T) {
	long := map[string]int{}
	for _, in := range embedded(t).All() {
		page := in.HTML()
		if in.Words < 350 {
			t.Errorf("%s: %d words, want 350 or more", in.File, in.Words)
		}
		if in.Words >= 700 {
			long[in.Category.Slug]++
		}
		if n := strings.Count(page, "<h2 "); n < 3 {
			t.Errorf("%s: %d sections, want 3 or more", in.File, n)
		}
		if in.Summary == "" || len(in.Tags) < 2 {
			t.Errorf("%s: summary %q, tags %v", in.File, in.Summary, in.Tags)
		}
	}
	for _, c := range categories {
		if long[c.Slug] < 2 {
			t.Errorf("%s: %d long insights, want 2 or more", c.Name, long[c.Slug])
		}
	}
}

func TestEmbeddedInsightsRenderWell(t *testing.T) {
	for _, in := range embedded(t).All() {
		t.Run(in.Slug, func(t *testing.T) {
			checkPage(t, in.HTML())
			checkFull(t, in.FullHTML(base))
		})
	}
}
