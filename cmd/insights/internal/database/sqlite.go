package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mattn/go-sqlite3"
	"github.com/pressly/goose/v3"
	"golang.org/x/sys/unix"

	"github.com/scaledbydesign/insights/subscribers"
)

// sqlite is one file, with one connection that writes and a few that read (WAL).
// Commits are synchronous, so that what is recorded in the outbox survives a power cut.
type sqlite struct{ path string }

func (s *sqlite) String() string     { return "sqlite:" + s.path }
func (s *sqlite) migrations() string { return "migrations/sqlite" }
func (s *sqlite) oneWriter() bool    { return true }
func (s *sqlite) planners() int      { return 1 }
func (s *sqlite) again(error) bool   { return false }

// inside removes cancellation: the driver starts a goroutine for each statement that
// can be interrupted, and none of these takes long.
func (s *sqlite) inside(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// scrub truncates the WAL, which still holds old pages with deleted data.
func (s *sqlite) scrub(ctx context.Context, writer *sql.DB) error {
	for end := time.Now().Add(busyTimeout); ; {
		empty, err := truncate(ctx, writer)
		switch {
		case err != nil:
			return explain(err)
		case empty:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("%s-wal: another process is reading: %w", s.path, subscribers.ErrTraces)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

// truncate truncates the WAL if nothing is reading from it. It does not wait for
// readers: emails in flight wait for the same connection.
func truncate(ctx context.Context, writer *sql.DB) (empty bool, err error) {
	conn, err := writer.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = 20"); err != nil {
		return false, err
	}
	var busy, pages, done int
	err = conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &done)
	_, resetErr := conn.ExecContext(context.WithoutCancel(ctx), fmt.Sprint("PRAGMA busy_timeout = ", busyTimeout.Milliseconds()))
	return busy == 0, errors.Join(err, resetErr)
}

func (s *sqlite) dialect() goose.Dialect { return goose.DialectSQLite3 }

func (s *sqlite) tableExists() string {
	return "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1)"
}

// SQLite runs migrations one by one; a second process continues from there.
func (s *sqlite) lockMigrations(_ context.Context, writer *sql.DB) (*sql.DB, func(), error) {
	return writer, func() {}, nil
}

func (s *sqlite) open(create bool) (writer, reader *sql.DB, err error) {
	if err := s.prepare(create); err != nil {
		return nil, nil, err
	}
	dsn := func(more string) string {
		return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: s.path}).EscapedPath(),
			RawQuery: "_foreign_keys=on&_busy_timeout=" + strconv.FormatInt(busyTimeout.Milliseconds(), 10) + "&_journal_mode=WAL&_stmt_cache_size=64" + more}).String()
	}
	if writer, err = sql.Open("sqlite3", dsn("&_txlock=immediate&_synchronous=FULL&_secure_delete=on&_cache_size=-16384&_mutex=no")); err != nil {
		return nil, nil, err
	}
	writer.SetMaxOpenConns(1)
	if err := connect(writer); err != nil {
		writer.Close()
		return nil, nil, fmt.Errorf("open %s: %w", s, explain(err))
	}
	if reader, err = sql.Open("sqlite3", dsn("&_query_only=1")); err != nil {
		writer.Close()
		return nil, nil, err
	}
	reader.SetMaxOpenConns(sqliteReaders)
	reader.SetMaxIdleConns(sqliteReaders)
	return writer, reader, nil
}

// connect makes the first connection. When several processes open a new database at
// once, only one can switch it to WAL, and SQLite does not make the others wait.
func connect(db *sql.DB) error {
	for end := time.Now().Add(busyTimeout); ; time.Sleep(lookAgain) {
		err := db.Ping()
		e, ok := errors.AsType[sqlite3.Error](err)
		if !ok || e.Code != sqlite3.ErrBusy || time.Now().After(end) {
			return err
		}
	}
}

// prepare creates the file readable only by its owner, since SQLite gives its other
// files the same permissions.
func (s *sqlite) prepare(create bool) error {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE
	}
	f, err := os.OpenFile(s.path, flags, 0o600)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !create:
		return fmt.Errorf("there is no database at %s (%w): run `insights dev` or `insights serve` here, or `insights db migrate`", s.path, fs.ErrNotExist)
	case errors.Is(err, fs.ErrNotExist):
		if dir := filepath.Dir(s.path); !exists(dir) {
			return fmt.Errorf("create database: the folder %s does not exist", dir)
		}
		return fmt.Errorf("create database: %w; choose a folder that this user can write to", err)
	case err != nil:
		return fmt.Errorf("open database: %w; it must be a file that this user can read and write", err)
	}
	return f.Close()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// expectMany lets the writer cache more pages and checkpoint less often: new rows change
// pages all over the indexes, which would otherwise be evicted and read again. This
// stays so for the connection, which an import has to itself.
func (s *sqlite) expectMany(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "PRAGMA cache_size = -32768")
	if err == nil {
		_, err = tx.ExecContext(ctx, "PRAGMA wal_autocheckpoint = 24576")
	}
	return err
}

// notePath is next to the file itself, even if it was opened by a link, and is not named
// file.db-*, since people remove those before they restore a copy.
func (s *sqlite) notePath() string {
	if path, err := filepath.EvalSymlinks(s.path); err == nil {
		return path + ".sender"
	}
	return s.path + ".sender"
}

// lockSender locks a file next to the database: closing the database file after locking
// it would drop SQLite's own locks.
func (s *sqlite) lockSender() (func() error, error) {
	f, err := os.OpenFile(s.notePath(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the outbox: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrLocked
		}
		return nil, fmt.Errorf("lock the outbox: %w", err)
	}
	return f.Close, nil
}

// announce does nothing: watch sees every commit.
func (s *sqlite) announce(context.Context, *sql.Tx) error { return nil }

func (s *sqlite) watch(ctx context.Context, reader *sql.DB, announce func()) error {
	conn, err := reader.Conn(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil // stopped before it started
		}
		return err
	}
	defer conn.Close()
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	var seen int64
	for {
		// data_version changes when another connection commits.
		var version int64
		if err := conn.QueryRowContext(ctx, "PRAGMA data_version").Scan(&version); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if version != seen && seen != 0 {
			announce()
		}
		seen = version
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// explainSQLite adds what to do to errors that a person must act on.
func explainSQLite(err error) error {
	e, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return err
	}
	if e.Code == sqlite3.ErrFull || e.Code == sqlite3.ErrIoErr && (e.SystemErrno == unix.ENOSPC || e.SystemErrno == unix.EDQUOT || e.SystemErrno == unix.EFBIG) {
		return fmt.Errorf("the disk is full: free some space; nothing was half-written: %w", err)
	}
	switch e.Code {
	case sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrPerm:
		return fmt.Errorf("the database or its folder is not writable: make both writable for this user: %w", err)
	case sqlite3.ErrNotADB, sqlite3.ErrCorrupt:
		return fmt.Errorf("the file is not an intact SQLite database: restore a backup, or choose another database.url: %w", err)
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return fmt.Errorf("the database is busy with another process: try again: %w", err)
	}
	return err
}
