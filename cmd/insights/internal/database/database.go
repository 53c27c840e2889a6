// Package database keeps everything that must survive a restart, and holds every
// SQL statement of the program. Statements are written once, with ?1 ?2
// placeholders, in the language that SQLite and PostgreSQL share. A [DB]
// implements the stores of the packages subscribers and newsletter; that of
// websub is its [WebSub].
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// ErrNewer says that a newer version of the program has migrated the database.
var ErrNewer = errors.New("the database was made by a newer version of insights")

// ErrOld says that the schema waits for a migration.
var ErrOld = errors.New("the database needs a migration")

// ErrLocked says that another process sends from this database.
var ErrLocked = errors.New("another process is sending from this database")

// DB is an open database. Its methods are safe for concurrent use.
type DB struct {
	engine  engine
	reader  *sql.DB
	writer  *sql.DB // one connection where the engine has one writer
	changes changes

	planChunk int64 // see planChunk

	senderMu   sync.Mutex
	senderLock func() error // non-nil while this process is the sender
	noted      note         // what it last noted beside the database
}

// engine is what differs between database engines.
type engine interface {
	// open connects; it creates what is missing when create is set.
	open(create bool) (writer, reader *sql.DB, err error)
	// lockSender makes this process the only sender, or returns ErrLocked.
	lockSender() (release func() error, err error)
	// notePath is a file where the only sender leaves word for the next, or "".
	notePath() string
	// batchSizes are the numbers of rows that one UPDATE of a batch is made for,
	// largest first, 1 last.
	batchSizes() []int
	// skipLocked ends a claim's SELECT so that two claims at once take different
	// rows of the table with this alias.
	skipLocked(alias string) string
	migrations() string
	String() string
}

// Open opens the database at url, "sqlite:PATH". A missing one is created only
// when create is set.
func Open(url string, create bool) (*DB, error) {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok || path == "" {
		scheme, _, _ := strings.Cut(url, ":")
		return nil, fmt.Errorf("database.url starts with %q: use sqlite:FILE", scheme+":")
	}
	db := &DB{engine: &sqlite{path: path}, planChunk: planChunk}
	var err error
	if db.writer, db.reader, err = db.engine.open(create); err != nil {
		return nil, err
	}
	db.changes.reset()
	return db, nil
}

// Close closes all connections.
func (db *DB) Close() error {
	return errors.Join(db.UnlockSender(), db.reader.Close(), db.writer.Close())
}

// String names the database without secrets.
func (db *DB) String() string { return db.engine.String() }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	return db.reader.QueryRowContext(ctx, "SELECT 1").Scan(&one)
}

// LockSender makes this process the only one that sends from this database, or
// returns ErrLocked.
func (db *DB) LockSender() error {
	db.senderMu.Lock()
	defer db.senderMu.Unlock()
	if db.senderLock != nil {
		return nil
	}
	release, err := db.engine.lockSender()
	if err != nil {
		return err
	}
	db.senderLock = release
	return nil
}

// UnlockSender ends LockSender.
func (db *DB) UnlockSender() error {
	db.senderMu.Lock()
	defer db.senderMu.Unlock()
	if db.senderLock == nil {
		return nil
	}
	release := db.senderLock
	db.senderLock = nil
	return release()
}

func (db *DB) onlySender() bool {
	db.senderMu.Lock()
	defer db.senderMu.Unlock()
	return db.senderLock != nil
}

// write runs fn in a write transaction.
func (db *DB) write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return explain(err)
	}
	defer tx.Rollback() // does nothing after a commit
	if err := fn(tx); err != nil {
		return explain(err)
	}
	return explain(tx.Commit())
}

// querier is a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// each runs scan on every row of a query.
func each(ctx context.Context, q querier, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// affected is how many rows a statement changed.
func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Times are stored as milliseconds since 1970, 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// Booleans are stored as 0 and 1.
func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func now() int64 { return time.Now().UnixMilli() }
