package database_test

import (
	"slices"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
)

func TestRenamedCategoryKeepsItsReaders(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		exec(t, db, "INSERT INTO categories (bit, slug) VALUES (0, 'ops'), (1, 'growth')")
		exec(t, db, "INSERT INTO insights (id, category, email, seq, first_seen_at) VALUES ('a', 'ops', 1, 1, 1), ('b', 'growth', 1, 2, 1)")
		exec(t, db, "INSERT INTO positions (id, vector) VALUES (7, 'growth=2 ops=1'), (8, 'growth=2')")

		// What was asked for and is not confirmed yet is carried over, too.
		exec(t, db, "INSERT INTO messages (id, kind, email, state, created_at, updated_at, nonce, categories) VALUES (1, 'confirm', 'a', 'sent', 1, 1, 'n', 'growth ops'), (2, 'confirm', 'a', 'sent', 1, 1, 'n', 'devops'), (3, 'confirm', 'a', 'sent', 1, 1, 'n', 'ops')")
		exec(t, db, "INSERT INTO waiting (id, at, email, email_key, inbox, domain, name, cadence, categories, source, network, wide, asked, wide_asked) VALUES (1, 1, 'a', 'a', '', '', '', 'weekly', 'ops growth', '', '', '', 1, 1)")

		if renamed, err := db.RenameCategory(t.Context(), "unheard-of", "operations"); err != nil || renamed {
			t.Fatalf("an unknown category: %v, %v", renamed, err)
		}
		if renamed, err := db.RenameCategory(t.Context(), "ops", "operations"); err != nil || !renamed {
			t.Fatalf("renamed %v, %v", renamed, err)
		}
		if renamed, err := db.RenameCategory(t.Context(), "ops", "operations"); err != nil || renamed {
			t.Fatalf("a second time: %v, %v", renamed, err)
		}
		want := []string{"growth", "operations", "operations", "growth", "growth=2", "growth=2 operations=1"}
		if got := texts(t, db, `SELECT slug FROM (SELECT slug FROM categories ORDER BY slug) c
		UNION ALL SELECT category FROM (SELECT category FROM insights ORDER BY seq) i
		UNION ALL SELECT vector FROM (SELECT vector FROM positions WHERE id > 1 ORDER BY vector) p`); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		for slug, want := range map[string]string{"ops": "operations", "operations": "", "growth": "", "unheard-of": "", "op": "", "": ""} {
			if now, err := db.RenamedTo(t.Context(), slug); err != nil || now != want {
				t.Errorf("%s is called %q, %v; want %q", slug, now, err, want)
			}
		}
		want = []string{"growth operations", "devops", "operations", "operations growth"}
		if got := texts(t, db, "SELECT categories FROM (SELECT categories FROM messages ORDER BY id) m UNION ALL SELECT categories FROM waiting"); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestTwoKnownCategoriesAreNotMerged(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		exec(t, db, "INSERT INTO categories (bit, slug) VALUES (0, 'ops'), (1, 'operations')")
		if renamed, err := db.RenameCategory(t.Context(), "ops", "operations"); err == nil || renamed {
			t.Errorf("renamed %v, %v", renamed, err)
		}
		if got := texts(t, db, "SELECT slug FROM categories ORDER BY bit"); !slices.Equal(got, []string{"ops", "operations"}) {
			t.Errorf("the categories are now %q", got)
		}
	})
}

func texts(t *testing.T, db *database.DB, query string) []string {
	t.Helper()
	rows, err := db.Writer().Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}
