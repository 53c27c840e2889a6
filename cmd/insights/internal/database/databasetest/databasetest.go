// Package databasetest gives tests databases of their own on every engine.
package databasetest

import (
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/scaledbydesign/insights/cmd/insights/internal/database" // the driver pgx
)

// OnEach runs a test once on each engine, with the URL of a database that is not
// there yet, or empty, and its own.
func OnEach(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// SQLite is the URL of a file that is not there yet.
func SQLite(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "test.db")
}

// Postgres is the URL of a schema that is dropped with all it holds when the test
// ends. INSIGHTS_TEST_POSTGRES is the URL of a database in which the user may make
// schemas; without it the test is skipped, and fails where CI=true.
func Postgres(t testing.TB) string {
	t.Helper()
	server := os.Getenv("INSIGHTS_TEST_POSTGRES")
	if server == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("INSIGHTS_TEST_POSTGRES is not set: .ci/run starts a server and sets it")
		}
		t.Skip("set INSIGHTS_TEST_POSTGRES=postgres://USER@HOST/DATABASE to try this on PostgreSQL")
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal("INSIGHTS_TEST_POSTGRES can't be read: write postgres://USER@HOST/DATABASE")
	}
	schema := "test_" + strings.ToLower(rand.Text()[:12])
	do(t, server, "CREATE SCHEMA "+schema)
	t.Cleanup(func() { do(t, server, "DROP SCHEMA "+schema+" CASCADE") })
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
}

func do(t testing.TB, server, statement string) {
	t.Helper()
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal("INSIGHTS_TEST_POSTGRES can't be read: write postgres://USER@HOST/DATABASE")
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Error(err)
	}
}
