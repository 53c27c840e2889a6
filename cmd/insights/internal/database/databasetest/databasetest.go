// Package databasetest gives tests databases of their own on every engine.
package databasetest

import (
	"crypto/rand"
	"database/sql"
	"errors"
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
// ends. Without a server the test is skipped, and fails where CI=true. The fast lane,
// go test -short, has SQLite alone.
func Postgres(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("left out of the fast lane")
	}
	url, drop, err := Schema()
	switch {
	case errors.Is(err, ErrNoServer) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	return url
}

// ErrNoServer says that there is no PostgreSQL to try things on.
var ErrNoServer = errors.New("set INSIGHTS_TEST_POSTGRES=postgres://USER@HOST/DATABASE to try this on PostgreSQL; .ci/run starts a server and sets it")

// Schema makes a schema and returns its URL. INSIGHTS_TEST_POSTGRES is the URL of a
// database in which the user may make some.
func Schema() (address string, drop func() error, err error) {
	server := os.Getenv("INSIGHTS_TEST_POSTGRES")
	if server == "" {
		return "", nil, ErrNoServer
	}
	u, err := url.Parse(server)
	if err != nil {
		return "", nil, errors.New("INSIGHTS_TEST_POSTGRES can't be read: write postgres://USER@HOST/DATABASE")
	}
	schema := "test_" + strings.ToLower(rand.Text()[:12])
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String(), func() error { return do(server, "DROP SCHEMA "+schema+" CASCADE") }, do(server, "CREATE SCHEMA "+schema)
}

func do(server, statement string) error {
	db, err := sql.Open("pgx", server)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(statement)
	return err
}
