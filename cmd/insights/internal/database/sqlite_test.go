package database_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/cmd/insights/internal/database/databasetest"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

func TestMigrateIsRepeatable(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		db := openURL(t, url)
		status, err := db.SchemaStatus(t.Context())
		if err != nil || status.Current != status.Latest || status.Latest == 0 {
			t.Errorf("%+v, %v", status, err)
		}
		if steps, err := db.Migrate(t.Context()); err != nil || steps != 0 {
			t.Errorf("migrating again took %d steps, %v", steps, err)
		}
		if err := db.Check(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestMigrateByTwoAtOnce(t *testing.T) {
	t.Parallel()
	for range 3 {
		databasetest.OnEach(t, func(t *testing.T, url string) {
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					db, err := database.Open(url, true)
					if err != nil {
						t.Error(err)
						return
					}
					defer db.Close()
					if _, err := db.Migrate(t.Context()); err != nil {
						t.Error(err)
					}
					if err := db.Check(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		})
	}
}

func TestNewerSchemaIsRefusedAndUntouched(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := openAt(t, path)
	exec(t, db, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)")
	exec(t, db, "DROP TABLE inbox") // as a newer version might
	exec(t, db, "PRAGMA wal_checkpoint(TRUNCATE)")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []func() error{
		func() error { return db.Check(t.Context()) },
		func() error { _, err := db.Migrate(t.Context()); return err },
	} {
		if err := f(); !errors.Is(err, database.ErrNewer) || !strings.Contains(err.Error(), "999") {
			t.Errorf("a newer schema: %v", err)
		}
	}
	exec(t, db, "PRAGMA wal_checkpoint(TRUNCATE)")
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed (%v)", err)
	}
}

func TestOldSchemaIsRefusedWithAHint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db, err := database.Open("sqlite:"+path, true)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for range 2 { // checking creates nothing
		if err := db.Check(t.Context()); !errors.Is(err, database.ErrOld) || !strings.Contains(err.Error(), "insights db migrate") {
			t.Errorf("an empty database: %v", err)
		}
	}
	var tables int
	if err := db.Reader().QueryRow("SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil || tables != 0 {
		t.Errorf("%d tables were created by checking (%v)", tables, err)
	}
}

func TestFilesAreReadableOnlyByTheirOwner(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "test.db")
	db := openAt(t, path)
	edit(t, db, "ada@example.com")
	if err := db.LockSender(); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, suffix := range []string{"", "-wal", "-shm", ".sender"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Error(err)
			continue
		}
		seen++
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(path+suffix), info.Mode())
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != seen {
		t.Errorf("%d files, %d looked at, %v", len(entries), seen, err)
	}
}

func TestOpenExplainsWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 300)), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "folder.db")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, url string
		create    bool
		want      string
	}{
		{"missing", "sqlite:" + filepath.Join(dir, "none.db"), false, "(file does not exist): run `insights dev`"},
		{"no folder", "sqlite:" + filepath.Join(dir, "none", "x.db"), true, "the folder " + filepath.Join(dir, "none") + " does not exist"},
		{"no database", "sqlite:" + text, true, "not an intact SQLite database"},
		{"a folder", "sqlite:" + folder, true, "must be a file"},
		{"another scheme", "mysql://x", true, `"mysql:"`},
		{"no path", "sqlite:", true, "sqlite:FILE"},
		{"nothing", "", true, "sqlite:FILE"},
	}
	for _, test := range tests {
		db, err := database.Open(test.url, test.create)
		if err == nil {
			db.Close()
			t.Errorf("%s: opened", test.name)
		} else if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %q does not say %q", test.name, err, test.want)
		}
	}
	if _, err := database.Open("sqlite:"+filepath.Join(dir, "none.db"), false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v is not fs.ErrNotExist", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "none.db")); err == nil {
		t.Error("a missing database was created")
	}
	if got, err := os.ReadFile(text); err != nil || !strings.HasPrefix(string(got), "this is no database") {
		t.Errorf("the text was changed: %v", err)
	}
}

func TestPathsAreTakenAsTheyAre(t *testing.T) {
	for _, name := range []string{"with space.db", "what?.db", "100%.db", "a#b.db", "ü&x=y.db"} {
		path := filepath.Join(t.TempDir(), name)
		db := openAt(t, path)
		edit(t, db, "ada@example.com")
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Root, who runs the tests in CI, may write read-only files, but not even root can write
// to a folder.
func TestUnwritablePathSaysSo(t *testing.T) {
	if other, err := database.Open("sqlite:"+t.TempDir(), true); err == nil {
		other.Close()
		t.Error("a folder was opened")
	} else if !strings.Contains(err.Error(), "this user can read and write") {
		t.Error(err)
	}
}

func TestReadOnlyDatabaseExplainsWrites(t *testing.T) {
	db := open(t)
	exec(t, db, "PRAGMA query_only = 1")
	_, err := db.Edit(t.Context(), "ada@example.com", newReader(t, "ada@example.com"))
	if err == nil || !strings.Contains(err.Error(), "not writable") {
		t.Errorf("%v", err)
	}
}

// TestFullDiskLosesNothing limits the file as a full disk would.
func TestFullDiskLosesNothing(t *testing.T) {
	db := open(t)
	var pages int
	if err := db.Writer().QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	exec(t, db, fmt.Sprintf("PRAGMA max_page_count = %d", pages+20))
	stored := 0
	var full error
	for i := range 5000 {
		email := fmt.Sprintf("reader%d@example.com", i)
		if _, full = db.Edit(t.Context(), email, newReader(t, email)); full != nil {
			break
		}
		stored++
	}
	if full == nil || !strings.Contains(full.Error(), "disk is full") || !strings.Contains(full.Error(), "free some space") {
		t.Fatalf("after %d subscribers: %v", stored, full)
	}
	count := func() (n int) {
		for _, err := range db.List(t.Context(), subscribers.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		return n
	}
	if n := count(); n != stored || stored == 0 {
		t.Errorf("%d of %d subscribers are there", n, stored)
	}
	exec(t, db, "PRAGMA max_page_count = 1000000")
	edit(t, db, "after@example.com")
	if n := count(); n != stored+1 {
		t.Errorf("%d subscribers after space was freed, want %d", n, stored+1)
	}
	var integrity string
	if err := db.Reader().QueryRow("PRAGMA integrity_check").Scan(&integrity); err != nil || integrity != "ok" {
		t.Errorf("integrity: %s, %v", integrity, err)
	}
}

func TestWatchSeesOtherProcesses(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		one, two := openURL(t, url), openURL(t, url)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- one.Watch(ctx) }()
		for i, writer := range []*database.DB{two, one, two} {
			// Watch may not have looked for the first time: write until it notices.
			changed := one.Changed()
			deadline := time.After(10 * time.Second)
			for told := false; !told; {
				edit(t, writer, fmt.Sprintf("reader%d@example.com", i))
				select {
				case <-changed:
					told = true
				case <-time.After(time.Second):
				case <-deadline:
					t.Fatal("a commit was not seen")
				}
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestOneSenderOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	one, two := openAt(t, path), openAt(t, path)
	for range 2 {
		if err := one.LockSender(); err != nil {
			t.Fatal(err)
		}
	}
	if err := two.LockSender(); !errors.Is(err, database.ErrLocked) {
		t.Errorf("a second sender: %v", err)
	}
	if _, err := one.Attach(t.Context(), "killed", time.Hour, newsletter.Resend); err != nil {
		t.Error(err)
	}
	if err := one.UnlockSender(); err != nil {
		t.Error(err)
	}
	if err := two.LockSender(); err != nil {
		t.Errorf("after the first ended: %v", err)
	}
	// The only sender takes over at once, without waiting for others to count as dead.
	claimed := "INSERT INTO messages (kind, email, state, owner, created_at, updated_at) VALUES ('test', 'a@example.com', 'claimed', ?1, 1, 1)"
	exec(t, two, claimed, "killed")
	attach := func(worker string, want int) {
		t.Helper()
		if got, err := two.Attach(t.Context(), worker, 0, newsletter.Resend); err != nil || got.Claimed != want {
			t.Errorf("took over %+v, %v, want %d", got, err, want)
		}
	}
	attach("next", 1)
	// After a reload two workers of this process send for a while.
	exec(t, two, claimed, "next")
	attach("successor", 0)
	attach("next", 0)
	if err := two.Detach(t.Context(), "next"); err != nil {
		t.Error(err)
	}
	exec(t, two, claimed, "next") // as if the end had come before
	attach("third", 1)
}

func TestDeletedAddressesLeaveNoTrace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := openAt(t, path)
	edit(t, db, "leaves-no-trace@example.com")
	exec(t, db, "DELETE FROM subscribers")
	exec(t, db, "PRAGMA wal_checkpoint(TRUNCATE)")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "leaves-no-trace") {
			t.Errorf("%s still holds the address", filepath.Base(path+suffix))
		}
	}
}

func exec(t testing.TB, db *database.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.Writer().Exec(statement, args...); err != nil {
		t.Fatal(err)
	}
}

// newReader turns an unknown subscriber into a confirmed one.
func newReader(t testing.TB, email string) func(*subscribers.Subscriber) (subscribers.Change, error) {
	address, err := subscribers.ParseAddress(email)
	if err != nil {
		t.Fatal(err)
	}
	return func(s *subscribers.Subscriber) (subscribers.Change, error) {
		*s = subscribers.Subscriber{ID: s.ID, PublicID: email, Address: address, Status: subscribers.Confirmed, Cadence: subscribers.Weekly,
			Categories: []string{"engineering"}, CreatedAt: time.Now()}
		return subscribers.Change{}, nil
	}
}

func edit(t testing.TB, db *database.DB, email string) {
	t.Helper()
	if _, err := db.Edit(t.Context(), email, newReader(t, email)); err != nil {
		t.Fatal(err)
	}
}

func TestStoppingWatchBeforeItStartsIsNoError(t *testing.T) {
	databasetest.OnEach(t, func(t *testing.T, url string) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := openURL(t, url).Watch(ctx); err != nil {
			t.Errorf("%v", err)
		}
	})
}
