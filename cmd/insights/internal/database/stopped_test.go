package database_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/feeds"
	"github.com/scaledbydesign/insights/newsletter"
)

// A process that was stopped in the middle of a transaction holds what it has locked, and
// nothing else up: workers go on beating, and claiming, and take over from it as soon as the
// server has ended its session.
func TestAStoppedProcessHoldsNobodyUp(t *testing.T) {
	address := databasetest.Postgres(t)
	stopped, live := openURL(t, address), openURL(t, address)
	attach := func(db *database.DB, worker string) (newsletter.Recovered, time.Duration) {
		t.Helper()
		began := time.Now()
		r, err := db.Attach(t.Context(), worker, 3*time.Second, newsletter.Resend)
		if err != nil {
			t.Fatal(err)
		}
		return r, time.Since(began)
	}
	attach(stopped, "stopped")
	exec(t, stopped, "INSERT INTO messages (kind, email, state, owner, created_at, updated_at) VALUES ('test', 'a@example.com', 'claimed', 'stopped', 1, 1)")
	exec(t, stopped, "UPDATE workers SET beat_at = 1")
	tx, err := stopped.Writer().Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	began := time.Now()
	if _, err := tx.Exec("UPDATE messages SET reason = 'half of something'"); err != nil {
		t.Fatal(err)
	}
	beats := 0
	for ; ; beats++ {
		r, took := attach(live, "live")
		if took > time.Second {
			t.Errorf("a heartbeat took %s", took)
		}
		asked := time.Now()
		if _, err := live.ClaimMessages(t.Context(), "live", false, 10); err != nil || time.Since(asked) > time.Second {
			t.Errorf("a claim took %s: %v", time.Since(asked), err)
		}
		if r.Claimed == 1 {
			break
		}
		if time.Since(began) > 20*time.Second {
			t.Fatal("nobody took over")
		}
	}
	if took := time.Since(began); beats < 5 || took < 4*time.Second || took > 7*time.Second {
		t.Errorf("it was taken over after %d heartbeats, in %s; the server ends such a session after 5 s", beats, took)
	}
	if _, err := tx.Exec("SELECT 1"); err == nil || !database.Away(err) {
		t.Errorf("its transaction goes on: %v", err)
	}
}

// Rows that another transaction has written are no reason to wait for others of their table.
func TestNoWriteWaitsForAWholeTable(t *testing.T) {
	address := databasetest.Postgres(t)
	db, other := openURL(t, address), session(t, address)
	do(t, other, "BEGIN")
	for _, statement := range []string{
		"INSERT INTO settings (name, value) VALUES ('another', '1')", "INSERT INTO documents (path, version, changed_at) VALUES ('/another', '1', 1)",
		"INSERT INTO insights (id, category, slug, email, first_seen_at) VALUES ('another', 'ops', 'another', 1, 1)",
		"INSERT INTO categories (bit, slug) VALUES (50, 'another')", "INSERT INTO workers (id, beat_at) VALUES ('another', 1)",
	} {
		do(t, other, statement)
	}
	ctx := t.Context()
	for name, write := range map[string]func() error{
		"a setting": func() error { return db.EditSetting(ctx, "mine", func(string) (string, error) { return "1", nil }) },
		"the use":   func() error { _, err := db.UseFor(ctx, database.Production); return err },
		"a document": func() error {
			_, err := db.RecordDocuments(ctx, []feeds.State{{Path: "/mine", Version: "1", Updated: time.Now()}})
			return err
		},
		"an insight": func() error {
			_, _, err := db.Number(ctx, []newsletter.Visible{{InsightID: "mine", Category: "ops", Slug: "mine", Email: true}}, newsletter.Numbering{Grace: time.Hour, Authority: true})
			return err
		},
		"a category":  func() error { _, err := db.RetireCategories(ctx, []string{"ops"}); return err },
		"a heartbeat": func() error { _, err := db.Attach(ctx, "mine", time.Minute, newsletter.Resend); return err },
	} {
		began := time.Now()
		if err := write(); err != nil || time.Since(began) > time.Second {
			t.Errorf("%s took %s: %v", name, time.Since(began), err)
		}
	}
	do(t, other, "ROLLBACK")
}

// Edits of one setting by several daemons follow one another, with those that only store.
func TestEditsOfASettingLoseNothing(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		one, two := openURL(t, url), openURL(t, url)
		var editing sync.WaitGroup
		for _, db := range []*database.DB{one, two, one, two} {
			editing.Go(func() {
				for range 25 {
					err := db.EditSetting(t.Context(), "counted", func(value string) (string, error) {
						n := 0
						fmt.Sscan(value, &n)
						return fmt.Sprint(n + 1), nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		editing.Wait()
		if value, err := one.Setting(t.Context(), "counted"); err != nil || value != "100" {
			t.Errorf("a hundred edits made %s, %v", value, err)
		}
	})
}

// Renaming a category needs its tables alone, and lets others through while it waits.
func TestWhatNeedsATableAloneLetsOthersThrough(t *testing.T) {
	address := databasetest.Postgres(t)
	db, reading, other := openURL(t, address), session(t, address), session(t, address)
	exec(t, db, "INSERT INTO categories (bit, slug) VALUES (0, 'ops')")
	do(t, reading, "BEGIN")
	do(t, reading, "SELECT count(*) FROM positions")
	renamed := make(chan error, 1)
	go func() {
		_, err := db.RenameCategory(t.Context(), "ops", "operations")
		renamed <- err
	}()
	for longest := time.Duration(0); longest < 100*time.Millisecond; { // until it has waited behind it
		began := time.Now()
		do(t, other, "SELECT count(*) FROM positions")
		longest = max(longest, time.Since(began))
		if longest > time.Second {
			t.Errorf("a reader waited %s", longest)
		}
		select {
		case err := <-renamed:
			t.Fatalf("renamed while the table was in use: %v", err)
		default:
		}
	}
	do(t, reading, "COMMIT")
	if err := <-renamed; err != nil {
		t.Error(err)
	}
	if got := texts(t, db, "SELECT slug FROM categories"); len(got) != 1 || got[0] != "operations" {
		t.Errorf("the categories are %q", got)
	}
}
