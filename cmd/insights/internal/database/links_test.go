package database_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/subscribers"
)

// TestLinksOfOlderVersions opens a database of the version before links had lifetimes.
func TestLinksOfOlderVersions(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db, err := database.Open(url, true)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		dialect, dir := goose.DialectSQLite3, "migrations/sqlite"
		if !strings.HasPrefix(url, "sqlite:") {
			dialect, dir = goose.DialectPostgres, "migrations/postgres"
		}
		older, err := goose.NewProvider(dialect, db.Writer(), os.DirFS(dir))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := older.UpTo(t.Context(), 13); err != nil {
			t.Fatal(err)
		}
		const day = 24 * time.Hour
		now := time.Now()
		exec(t, db, "INSERT INTO categories (bit, slug) VALUES (0, 'engineering'), (1, 'leadership'), (2, 'architecture')")
		exec(t, db, `INSERT INTO subscribers (id, public_id, email, email_key, name, status, cadence, categories, nonce, nonce_expires_at, created_at, confirmed_at, new_email) VALUES
			(1, 'pppppppp', 'pending@example.com', 'pending@example.com', 'Ada', 'pending', 'monthly', 5, 'n1', ?1, 1, 0, ''),
			(2, 'mmmmmmmm', 'moves@example.com', 'moves@example.com', '', 'confirmed', 'weekly', 2, 'n2', ?1, 1, 1000, 'to@example.com'),
			(3, 'cccccccc', 'there@example.com', 'there@example.com', '', 'confirmed', 'weekly', 2, 'n3', ?2, 1, 1000, ''),
			(4, 'llllllll', 'left@example.com', 'left@example.com', '', 'unsubscribed', 'weekly', 2, 'n4', ?2, 1, 1000, '')`, now.Add(day).UnixMilli(), now.Add(-day).UnixMilli())
		exec(t, db, `INSERT INTO messages (id, kind, subscriber_id, email, state, message_id, created_at, updated_at) VALUES
			(101, 'confirm', 1, 'pending@example.com', 'sent', 'first@example.com', 1, 1), (102, 'confirm', 1, 'pending@example.com', 'sent', 'second@example.com', 2, 2),
			(103, 'confirm', 2, 'to@example.com', 'deferred', 'third@example.com', 3, 3), (104, 'confirm', 3, 'there@example.com', 'sent', 'x', 4, 4),
			(105, 'confirm', 4, 'left@example.com', 'sent', 'y', 5, 5), (106, 'already', 3, 'there@example.com', 'sent', 'z', 6, 6)`)
		if _, err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		keys, err := subscribers.NewKeyring(strings.Repeat("k", subscribers.MinSecret))
		if err != nil {
			t.Fatal(err)
		}
		r := &subscribers.Registry{Store: db, Keys: keys, Categories: []string{"engineering", "leadership", "architecture"}}
		if r.UndatedUntil, err = db.UndatedUntil(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left := time.Until(r.UndatedUntil); left < 60*day-time.Minute || left > 60*day+time.Second {
			t.Errorf("undated links work until %v", r.UndatedUntil)
		}
		if key, err := db.MessageKey(t.Context()); err != nil || len(key) < 32 {
			t.Errorf("the key of Message-IDs has %d bytes, %v", len(key), err)
		}
		if got := texts(t, db, "SELECT message_id FROM messages ORDER BY id"); !slices.Equal(got, []string{"first@example.com", "second@example.com", "third@example.com", "x", "y", "z"}) {
			t.Errorf("Message-IDs are now %q", got)
		}

		// Links as the older version made them.
		confirm := func(id, nonce string) error {
			_, err := r.Confirm(t.Context(), keys.Make(subscribers.ConfirmToken, id, nonce), "")
			return err
		}
		preferences := func(id, email string) error {
			_, err := r.Lookup(t.Context(), subscribers.PreferencesToken, keys.Make(subscribers.PreferencesToken, id, email))
			return err
		}
		if err := preferences("mmmmmmmm", "moves@example.com"); err != nil {
			t.Errorf("preferences: %v", err)
		}
		if err := preferences("llllllll", "left@example.com"); !errors.Is(err, subscribers.ErrLapsed) {
			t.Errorf("preferences of who left: %v", err)
		}
		for _, test := range []struct {
			id, nonce string
			want      error
		}{
			{"pppppppp", "n1", nil}, {"pppppppp", "", subscribers.ErrToken}, {"mmmmmmmm", "n2", nil}, {"cccccccc", "n3", nil}, {"llllllll", "n4", subscribers.ErrExpired},
		} {
			if err := confirm(test.id, test.nonce); !errors.Is(err, test.want) || test.want == nil && err != nil {
				t.Errorf("confirm %s: %v, want %v", test.id, err, test.want)
			}
		}
		sub, err := db.ByKey(t.Context(), "pending@example.com")
		if err != nil || sub.Status != subscribers.Confirmed || sub.Name != "Ada" || sub.Cadence != subscribers.Monthly || !slices.Equal(sub.Categories, []string{"architecture", "engineering"}) {
			t.Errorf("confirmed %+v, %v", sub, err)
		}
		if sub, err := db.ByKey(t.Context(), "to@example.com"); err != nil || sub.PublicID != "mmmmmmmm" {
			t.Errorf("moved %+v, %v", sub, err)
		}
		if err := preferences("mmmmmmmm", "moves@example.com"); !errors.Is(err, subscribers.ErrLapsed) {
			t.Errorf("preferences of who moved: %v", err)
		}
		r.UndatedUntil = time.Now()
		if err := preferences("cccccccc", "there@example.com"); !errors.Is(err, subscribers.ErrLapsed) {
			t.Errorf("preferences, 60 days later: %v", err)
		}
	})
}
