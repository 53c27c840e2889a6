package database_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/feeds/websub/websubtest"
	"github.com/scaledbydesign/insights/newsletter/newslettertest"
	"github.com/scaledbydesign/insights/subscribers"
	"github.com/scaledbydesign/insights/subscribers/subscriberstest"
)

// open returns a migrated SQLite database.
func open(t testing.TB) *database.DB {
	t.Helper()
	return openURL(t, databasetest.SQLite(t))
}

// openAt returns the SQLite database at path, migrated.
func openAt(t testing.TB, path string) *database.DB {
	t.Helper()
	return openURL(t, "sqlite:"+path)
}

func openURL(t testing.TB, url string) *database.DB {
	t.Helper()
	db, err := database.Open(url, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		wantBigParameters(t, db)
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// wantBigParameters looks for statements in which PostgreSQL infers a 32-bit parameter,
// as it does next to a literal: times are larger.
func wantBigParameters(t testing.TB, db *database.DB) {
	t.Helper()
	if !strings.HasPrefix(db.String(), "postgres:") {
		return
	}
	for _, pool := range []*sql.DB{db.Writer(), db.Reader()} {
		rows, err := pool.Query("SELECT statement FROM pg_prepared_statements WHERE CAST('integer' AS regtype) = ANY (parameter_types)")
		if err != nil {
			continue // the test has closed it
		}
		defer rows.Close()
		for rows.Next() {
			var statement string
			if err := rows.Scan(&statement); err != nil {
				t.Error(err)
			}
			t.Errorf("write CAST(?N AS BIGINT): %s", statement)
		}
	}
}

// engines are those for suites that open databases themselves.
var engines = map[string]func(testing.TB) string{"sqlite": databasetest.SQLite, "postgres": databasetest.Postgres}

// onEngines runs a suite on each engine.
func onEngines(t *testing.T, suite func(t *testing.T, open func(t *testing.T) *database.DB)) {
	for name, url := range engines {
		t.Run(name, func(t *testing.T) {
			url(t) // so that the whole suite is skipped without a server
			suite(t, func(t *testing.T) *database.DB { return openURL(t, url(t)) })
		})
	}
}

func TestSubscribersStore(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(t *testing.T) *database.DB) {
		subscriberstest.Test(t, func(t *testing.T) subscribers.Store { return open(t) })
	})
}

func TestNewsletterStore(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(t *testing.T) *database.DB) {
		seasons := 3
		if strings.HasSuffix(t.Name(), "/postgres") {
			seasons = 1 // each takes a thousand times as long as in-process
		} else if testing.Short() {
			seasons = 2
		}
		newslettertest.Test(t, seasons, func(t *testing.T) newslettertest.Store {
			db := open(t)
			db.SetPlanChunk(5)
			if strings.HasPrefix(db.String(), "sqlite:") {
				// Power cuts are not tested here, and waiting for the disk takes long.
				exec(t, db, "PRAGMA synchronous = OFF")
			}
			return db
		})
	})
}

func TestWebSubStore(t *testing.T) {
	onEngines(t, func(t *testing.T, open func(t *testing.T) *database.DB) {
		websubtest.Test(t, func(t *testing.T) websubtest.Store { return open(t).WebSub() })
	})
}
