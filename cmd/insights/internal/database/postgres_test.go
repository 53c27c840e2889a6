package database_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/newsletter"
)

func TestStatementsAreReadByPostgres(t *testing.T) {
	for statement, want := range map[string]string{
		"SELECT ?1, ?12": "SELECT $1, $12",
		"SELECT 'why ?1' WHERE a = ?1 AND b = ''":       "SELECT 'why ?1' WHERE a = $1 AND b = ''",
		"SELECT 'it''s ?1', ?1":                         "SELECT 'it''s ?1', $1",
		"SELECT a FROM b /*pg FOR UPDATE */ WHERE ?":    "SELECT a FROM b FOR UPDATE  WHERE ?",
		"SELECT 1 /* no word for one ?1 */ FROM a":      "SELECT 1 /* no word for one $1 */ FROM a",
		"/*pg LOCK TABLE a IN SHARE MODE */":            "LOCK TABLE a IN SHARE MODE ",
		"SELECT '/*pg x */', 2 * /*pg 3 + */ 4, 'open ": "SELECT '/*pg x */', 2 * 3 +  4, 'open ",
	} {
		if got := database.InPostgres(statement); got != want {
			t.Errorf("%q is read as %q, want %q", statement, got, want)
		}
	}
}

// A mail server may answer, and a form may send, what PostgreSQL can't store as text.
func TestTextOfAnyBytesIsKept(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		for _, text := range []string{"550 caf\xe9", "a\x00b", "\xff\x00\xfe"} {
			if err := db.SetSetting(t.Context(), "answer", text); err != nil {
				t.Errorf("%q: %v", text, err)
			}
			if kept, err := db.Setting(t.Context(), "answer"); err != nil || kept == "" {
				t.Errorf("%q is kept as %q, %v", text, kept, err)
			}
		}
	})
}

func TestTextIsOrderedByItsBytes(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		for _, name := range []string{"a", "B", "é", "z", "_"} {
			exec(t, db, "INSERT INTO schedules (name, since) VALUES (?1, 0)", name)
		}
		if got := strings.Join(texts(t, db, "SELECT name FROM schedules WHERE name > 'A' ORDER BY name"), " "); got != "B _ a z é" {
			t.Errorf("the order is %s", got)
		}
	})
}

func TestPostgresExplainsWhatIsWrong(t *testing.T) {
	address := databasetest.Postgres(t)
	with := func(change func(u *url.URL, query url.Values)) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		query := u.Query()
		change(u, query)
		u.RawQuery = query.Encode()
		return u.String()
	}
	tests := []struct{ name, url, want string }{
		{"no such database", with(func(u *url.URL, _ url.Values) { u.Path = "/nowhere" }), "the database does not exist: create it with createdb"},
		{"no server", "postgres://news:hunter2@127.0.0.1:1/news?sslmode=disable", "is unreachable: start it"},
		{"no such schema", with(func(_ *url.URL, q url.Values) { q.Set("search_path", "nowhere") }), "names no existing schema"},
		{"no such user", with(func(u *url.URL, _ url.Values) { u.User = url.UserPassword("nobody_here", "hunter2") }), "user"},
		{"no port", "postgres://news:hunter2@127.0.0.1:hunter2/news", "write postgres://USER:PASSWORD@HOST"},
		{"a password that is no part of a URL", "postgres://news:hunter2%zz@127.0.0.1/news", "write postgres://USER:PASSWORD@HOST"},
		{"no such mode", "postgres://news:hunter2@127.0.0.1/news?sslmode=hunter", "sslmode"},
		{"a certificate that is not there", "postgres://news@127.0.0.1/news?password=hunter2&sslmode=verify-full&sslrootcert=/nowhere.pem", "/nowhere.pem"},
	}
	for _, test := range tests {
		db, err := database.Open(test.url, true)
		if err == nil {
			db.Close()
			t.Errorf("%s: opened", test.name)
			continue
		}
		if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %q does not say %q", test.name, err, test.want)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %q tells the password", test.name, err)
		}
		if errors.Is(err, fs.ErrNotExist) && test.name == "no such database" {
			t.Errorf("%s: %v says that it can be created", test.name, err)
		}
	}
	if server := os.Getenv("INSIGHTS_TEST_POSTGRES"); server != "" {
		db := openURL(t, with(func(u *url.URL, _ url.Values) { u.User = url.UserPassword(u.User.Username(), "hunter2") }))
		if name := db.String(); strings.Contains(name, "hunter2") || !strings.HasPrefix(name, "postgres://") {
			t.Errorf("it is called %s", name)
		}
	}
}

func TestOldAndNewerSchemasOfPostgres(t *testing.T) {
	address := databasetest.Postgres(t)
	empty, err := database.Open(address, false)
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	for range 2 { // looking creates nothing
		if err := empty.Check(t.Context()); !errors.Is(err, database.ErrOld) {
			t.Errorf("an empty schema: %v", err)
		}
	}
	db := openURL(t, address)
	exec(t, db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)")
	if err := db.Check(t.Context()); !errors.Is(err, database.ErrNewer) {
		t.Errorf("a newer schema: %v", err)
	}
	if _, err := db.Migrate(t.Context()); !errors.Is(err, database.ErrNewer) {
		t.Errorf("migrating a newer schema: %v", err)
	}
}

// TestSchemasHaveTheSameNumber compares the versions of both engines.
func TestSchemasHaveTheSameNumber(t *testing.T) {
	one, err := open(t).SchemaStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	two, err := openURL(t, databasetest.Postgres(t)).SchemaStatus(t.Context())
	if err != nil || one != two {
		t.Errorf("SQLite has %+v, PostgreSQL %+v, %v", one, two, err)
	}
}

func TestWatchOutlivesTheServersConnections(t *testing.T) {
	address := databasetest.Postgres(t)
	watching, other := openURL(t, address), openURL(t, address)
	go watching.Watch(t.Context())
	for i := range 2 {
		changed := watching.Changed()
		if i > 0 { // all but the one that says so
			exec(t, other, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %' || current_schema() || '%' AND pid <> pg_backend_pid()")
		}
		deadline := time.After(20 * time.Second)
		for told := false; !told; {
			edit(t, other, fmt.Sprintf("reader%d@example.com", i))
			select {
			case <-changed:
				told = true
			case <-time.After(100 * time.Millisecond):
			case <-deadline:
				t.Fatalf("%d: a commit was not seen", i)
			}
		}
	}
}

func TestPostgresHasManySenders(t *testing.T) {
	address := databasetest.Postgres(t)
	one, two := openURL(t, address), openURL(t, address)
	for _, db := range []*database.DB{one, two} {
		if sending, err := db.Sending(t.Context()); err != nil || sending {
			t.Errorf("sending: %v, %v", sending, err)
		}
		if err := db.LockSender(); err != nil {
			t.Error(err)
		}
	}
	if _, err := one.Attach(t.Context(), "w", time.Minute, newsletter.Resend); err != nil {
		t.Fatal(err)
	}
	if sending, err := two.Sending(t.Context()); err != nil || !sending {
		t.Errorf("with a worker: %v, %v", sending, err)
	}
	// Another worker must not take over what a live worker has.
	exec(t, one, "INSERT INTO messages (kind, email, state, owner, created_at, updated_at) VALUES ('test', 'a@example.com', 'claimed', 'w', 1, 1)")
	if got, err := two.Attach(t.Context(), "v", time.Minute, newsletter.Resend); err != nil || got.Claimed != 0 {
		t.Errorf("took over %+v, %v", got, err)
	}
}
