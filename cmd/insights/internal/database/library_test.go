package database_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/newsletter"
)

// TestInsightsAreKnownByTheirSlug numbers a library when an older version has left rows
// without slugs.
func TestInsightsAreKnownByTheirSlug(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		exec(t, db, "INSERT INTO insights (id, category, email, seq, first_seen_at) VALUES ('old', 'ops', 1, 1, 1), ('gone', 'ops', 1, 2, 1)")
		exec(t, db, "UPDATE counters SET value = 2 WHERE name = 'sequence'")
		number := func(visible ...newsletter.Visible) {
			t.Helper()
			if _, _, err := db.Number(t.Context(), visible, newsletter.Numbering{Authority: true}); err != nil {
				t.Fatal(err)
			}
		}
		want := func(want map[string][]string) {
			t.Helper()
			if got, err := db.InsightIDs(t.Context()); err != nil || !maps.EqualFunc(got, want, slices.Equal) {
				t.Errorf("known are %v (%v), want %v", got, err, want)
			}
		}
		want(map[string][]string{})
		number(newsletter.Visible{InsightID: "old", Category: "ops", Slug: "first", Email: true})
		want(map[string][]string{"first": {"old"}})
		number(newsletter.Visible{InsightID: "old", Category: "ops", Slug: "moved", Email: true}, newsletter.Visible{InsightID: "new", Category: "ops", Slug: "first", Email: true})
		want(map[string][]string{"moved": {"old"}, "first": {"new"}})
		// Another id at the same address: both are known, the first first.
		number(newsletter.Visible{InsightID: "old", Category: "ops", Slug: "moved", Email: true}, newsletter.Visible{InsightID: "newer", Category: "ops", Slug: "first", Email: true})
		want(map[string][]string{"moved": {"old"}, "first": {"new", "newer"}})
	})
}

func TestFormerSlugsAreRemembered(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		number := func(slugs ...string) { // of the insights a, b and so on; "" = absent
			t.Helper()
			var visible []newsletter.Visible
			for i, slug := range slugs {
				if slug != "" {
					visible = append(visible, newsletter.Visible{InsightID: string(rune('a' + i)), Category: "ops", Slug: slug, Email: true})
				}
			}
			if _, _, err := db.Number(t.Context(), visible, newsletter.Numbering{Authority: true}); err != nil {
				t.Fatal(err)
			}
		}
		at := func(slug, want string) {
			t.Helper()
			holders, err := db.AtSlug(t.Context(), slug)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, h := range holders {
				got += h.InsightID
				if h.Withdrawal.Is() {
					got += "(withdrawn)"
				}
			}
			if got != want {
				t.Errorf("at %s: %s, want %s", slug, got, want)
			}
		}
		number("one", "two")
		at("one", "a")
		at("none", "")
		number("first", "two")
		at("one", "a")
		at("first", "a")
		number("erste", "two")
		at("one", "a")
		at("first", "a")
		number("erste", "first") // it takes an address that another has left
		at("first", "ba")
		at("two", "b")
		number("one", "first") // back to the first address
		at("one", "a")
		at("erste", "a")
		number("", "first")
		at("one", "a(withdrawn)")
	})
}
