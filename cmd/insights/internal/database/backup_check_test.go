package database_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/scaledbydesign/insights/cmd/insights/internal/database"
	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// A copy of the database from before a send, restored after it, would send everything
// again.
func TestAnOlderDatabaseSendsNothingAutomatically(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	db := openAt(t, path)
	lib := fill(t, db, 50)
	first := plan(t, db, lib)
	send(t, db, 0)

	// Between two runs of the sender the file is copied, then sending goes on.
	exec(t, db, "PRAGMA wal_checkpoint(TRUNCATE)")
	before := read(t, path)
	exec(t, db, "UPDATE subscribers SET position_id = 1")
	plan(t, db, lib)
	if n := send(t, db, 0); n != 50 {
		t.Fatalf("%d emails to 50 readers", n)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	restored := restore(t, path, before)
	exec(t, restored, "UPDATE subscribers SET position_id = 1")
	again := plan(t, restored, lib)
	if n := send(t, restored, again.ID); n != 0 {
		t.Errorf("%d emails were sent from an older copy of the database", n)
	}
	if reason, err := restored.Setting(t.Context(), "held"); err != nil || !strings.Contains(reason, "older than the last email sent") {
		t.Errorf("held because of %q, %v", reason, err)
	}
	if d, err := restored.Digest(t.Context(), first.ID); err != nil || d.State != newsletter.DigestDone {
		t.Errorf("%v, %v", d.State, err)
	}
	// Staff have looked at it.
	if err := restored.SetSetting(t.Context(), "held", ""); err != nil {
		t.Fatal(err)
	}
	if n := send(t, restored, 0); n != 50 {
		t.Errorf("%d emails after the release", n)
	}
}

// A sender that was killed before it wrote how much it sent has written that it started;
// if the note is missing, how much is unknown.
func TestAnOlderDatabaseIsHeldHoweverItsSenderEnded(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(t *testing.T, path string, db *database.DB){
		"killed at once": func(t *testing.T, path string, db *database.DB) {
			if err := db.LockSender(); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Attach(t.Context(), "killed", time.Minute, newsletter.Resend); err != nil {
				t.Fatal(err)
			}
		},
		"note lost": func(t *testing.T, path string, db *database.DB) { os.Remove(path + ".sender") },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "test.db")
			db := openAt(t, path)
			lib := fill(t, db, 5)
			plan(t, db, lib)
			send(t, db, 0)
			exec(t, db, "PRAGMA wal_checkpoint(TRUNCATE)")
			before := read(t, path)
			meanwhile(t, path, db)
			db.Close()
			restored := restore(t, path, before)
			exec(t, restored, "UPDATE subscribers SET position_id = 1")
			again := plan(t, restored, lib)
			if n := send(t, restored, again.ID); n != 0 {
				t.Errorf("%d emails were sent", n)
			}
			if reason, err := restored.Setting(t.Context(), "held"); err != nil || reason == "" {
				t.Errorf("held because of %q, %v", reason, err)
			}
		})
	}
}

// Two names of one file are one database: it has one sender.
func TestALinkIsTheSameDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := openAt(t, path)
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	other := openAt(t, link)
	if err := db.LockSender(); err != nil {
		t.Fatal(err)
	}
	if err := other.LockSender(); !errors.Is(err, database.ErrLocked) {
		t.Errorf("the second sender: %v", err)
	}
}

// A new database in the place of a deleted one is not an older copy of it.
func TestANewDatabaseIsNotHeld(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	db := openAt(t, path)
	lib := fill(t, db, 5)
	plan(t, db, lib)
	send(t, db, 0)
	db.Close()
	for _, end := range []string{"", "-wal", "-shm"} {
		os.Remove(path + end)
	}
	fresh := openAt(t, path)
	d := plan(t, fresh, fill(t, fresh, 3))
	if n := send(t, fresh, 0); n != int64(d.Readers) {
		t.Errorf("%d emails to %d readers", n, d.Readers)
	}
}

// send runs a sender until a digest is done, or, if none will be, until it has looked at
// the outbox. It returns how many emails it sent.
func send(t *testing.T, db *database.DB, invain int64) int64 {
	t.Helper()
	if err := db.LockSender(); err != nil {
		t.Fatal(err)
	}
	defer db.UnlockSender()
	keys, err := subscribers.NewKeyring(strings.Repeat("x", 32))
	if err != nil {
		t.Fatal(err)
	}
	var sink sink
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	store := &looks{DB: db, after: 3, looked: cancel}
	worker := newsletter.Worker{Store: db, Composer: &sink, Transport: &sink, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), OnDone: func(int64) { cancel() },
		Writer: &newsletter.Writer{Renderer: &sink, Registry: &subscribers.Registry{Keys: keys}, Identity: newsletter.Identity{BaseURL: "https://example.com", From: "news@example.com"}}}
	if invain != 0 {
		worker.Store = store
	}
	if err := worker.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return sink.emails.Load()
}

// looks ends a worker after it has looked for deliveries a few times.
type looks struct {
	*database.DB
	after  int
	looked func()
}

func (l *looks) ClaimDeliveries(ctx context.Context, worker string, digest int64, limit int) ([]newsletter.Task, error) {
	if l.after--; l.after == 0 {
		l.looked()
	}
	return l.DB.ClaimDeliveries(ctx, worker, digest, limit)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	octets, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return octets
}

// restore puts an older copy in a closed database's place and opens it.
func restore(t *testing.T, path string, before []byte) *database.DB {
	t.Helper()
	for _, end := range []string{"-wal", "-shm"} {
		os.Remove(path + end)
	}
	if err := os.WriteFile(path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	return openAt(t, path)
}
