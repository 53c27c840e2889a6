package database_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/subscribers"
)

// choose stores readers of categories.
func choose(t *testing.T, db *database.DB, email string, categories ...string) error {
	t.Helper()
	a, err := subscribers.ParseAddress(email)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Edit(t.Context(), a.Key(), func(s *subscribers.Subscriber) (subscribers.Change, error) {
		if s.PublicID == "" {
			s.PublicID = email
		}
		s.Address, s.Status, s.Cadence, s.Categories = a, subscribers.Confirmed, subscribers.Weekly, categories
		return subscribers.Change{}, nil
	})
	return err
}

// TestRetiredCategoriesMakeRoom: a category that is no longer configured keeps what readers
// chose until its bit is needed, and then nobody has what takes its place.
func TestRetiredCategoriesMakeRoom(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		var all []string
		for i := range subscribers.MaxCategories {
			all = append(all, fmt.Sprintf("c%02d", i))
			if err := choose(t, db, fmt.Sprintf("r%d@example.com", i), all[i], "c00"); err != nil {
				t.Fatal(err)
			}
		}
		retire := func(configured []string, want ...string) {
			t.Helper()
			freed, err := db.RetireCategories(t.Context(), configured)
			if err != nil || !slices.Equal(freed, want) {
				t.Errorf("freed %q, %v; want %q", freed, err, want)
			}
		}
		retire(all)
		retire(all[5:]) // there is a typing error in the configuration, say
		retire(all)
		if err := choose(t, db, "late@example.com", "new"); err == nil {
			t.Error("there was no room")
		}
		configured := append(slices.Clone(all[2:]), "new")
		exec(t, db, "INSERT INTO digests (id, uid, state, cadence, category, only_id, schedule, slot, subject, intro, cutoff, max_items, hash, items, created_at) VALUES (1, 'u', 'planning', 'weekly', '', 0, '', '', '', '', 0, 0, '', '[]', 1)")
		exec(t, db, "INSERT INTO digest_groups (digest_id, categories, position_id, variant, target_id) VALUES (1, 1, 1, 0, 1)")
		retire(configured) // not while a digest is planned
		exec(t, db, "DELETE FROM digests")
		retire(configured, "c00")
		retire(configured)
		if err := choose(t, db, "late@example.com", "new"); err != nil {
			t.Fatal(err)
		}
		if err := choose(t, db, "later@example.com", "newer"); err == nil {
			t.Error("c01 was retired although nothing needed its room")
		}
		for s, err := range db.List(t.Context(), subscribers.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range s.Categories {
				if c == "c00" || c == "new" && s.Address.String() != "late@example.com" {
					t.Errorf("%s has %q", s.Address, s.Categories)
				}
			}
			if s.Address.String() == "r7@example.com" && !slices.Equal(s.Categories, []string{"c07"}) {
				t.Errorf("%s has %q", s.Address, s.Categories)
			}
		}
		events := 0
		sub, err := db.ByKey(t.Context(), "r7@example.com")
		if err != nil {
			t.Fatal(err)
		}
		for e, err := range db.History(t.Context(), sub.ID) {
			if err != nil {
				t.Fatal(err)
			}
			if e.What == subscribers.CategoryEnded && e.Detail == "c00" {
				events++
			}
		}
		if events != 1 {
			t.Errorf("%d events say that the category ended", events)
		}
	})
}

// TestReadersOfRemovedCategoriesAreCounted counts who gets nothing of what they chose.
func TestReadersOfRemovedCategoriesAreCounted(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		want := func(configured []string, want map[string]int) {
			t.Helper()
			got, err := db.ReadersBeside(t.Context(), configured)
			if err != nil || !maps.Equal(got, want) {
				t.Errorf("beside %q: %v, %v; want %v", configured, got, err, want)
			}
		}
		want([]string{"leadership"}, nil)
		for email, categories := range map[string][]string{"ada@example.com": {"leadership", "lead"}, "ben@example.com": {"lead", "ship"}, "eve@example.com": {"lead"}} {
			if err := choose(t, db, email, categories...); err != nil {
				t.Fatal(err)
			}
		}
		want([]string{"leadership", "lead", "ship"}, nil)
		want([]string{"leadership", "ship", "new"}, map[string]int{"lead": 3}) // part of another's name
		want(nil, map[string]int{"lead": 3, "leadership": 1, "ship": 1})
		exec(t, db, "UPDATE subscribers SET status = 'unsubscribed' WHERE email_key = 'ben@example.com'")
		want([]string{"leadership"}, map[string]int{"lead": 2})
		exec(t, db, "UPDATE categories SET retired_at = 1 WHERE slug = 'lead'")
		want([]string{"leadership"}, nil)
		// The last bit, too.
		for i := range subscribers.MaxCategories - 3 {
			if err := choose(t, db, "many@example.com", fmt.Sprintf("c%02d", i)); err != nil {
				t.Fatal(err)
			}
		}
		want([]string{"leadership"}, map[string]int{fmt.Sprintf("c%02d", subscribers.MaxCategories-4): 1})
	})
}
