// Package database stores everything that must survive a restart, and contains every
// SQL statement of the program. Statements are written once, with ?1 ?2 placeholders,
// in the dialect that SQLite and PostgreSQL share. What only PostgreSQL needs, where
// transactions run concurrently, is in comments /*pg … */: locks. A [DB]
// implements the stores of the packages subscribers and newsletter; that of websub is
// its [WebSub].
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
)

// ErrNewer says that a newer version of the program has migrated the database.
var ErrNewer = errors.New("the database was made by a newer version of insights")

// ErrOld says that the schema needs a migration.
var ErrOld = errors.New("the database needs a migration")

// ErrLocked says that another process is sending from this database.
var ErrLocked = errors.New("another process is sending from this database")

// DB is an open database. Its methods are safe for concurrent use.
type DB struct {
	// Delayed, when set, is told once when a migration waits for others that use a table.
	Delayed func(why error)

	engine  engine
	reader  *sql.DB
	writer  *sql.DB // one connection where the engine has one writer
	changes changes

	planChunk int64 // see planChunk

	suppression atomic.Pointer[[]byte] // the key of suppressionHash, once read

	searching chan struct{} // holds a token while a digest is searched: see byFormerMessageID

	accepted   sync.Map // the digests that noteAccepted has noted
	beatings   sync.Map // of workers of this process: see beats
	attached   sync.Map // the ids of workers of this process, while it is the only sender
	senderMu   sync.Mutex
	senderLock func() error // non-nil while this process is the sender
	lastNote   note         // what it last wrote next to the database
}

// engine is what differs between database engines.
type engine interface {
	// open connects; it creates what is missing when create is set.
	open(create bool) (writer, reader *sql.DB, err error)
	// oneWriter says that write transactions run one at a time.
	oneWriter() bool
	// expectMany prepares a transaction for many new rows.
	expectMany(ctx context.Context, tx *sql.Tx) error
	// again says that a transaction failed only because of a concurrent one.
	again(err error) bool
	// announce notifies the watch of every process when the transaction commits.
	announce(ctx context.Context, tx *sql.Tx) error
	// watch calls announce at commits of any process until ctx is done.
	watch(ctx context.Context, reader *sql.DB, announce func()) error
	// lockSender makes this process the only sender, or returns ErrLocked. release
	// is nil where several processes may send.
	lockSender() (release func() error, err error)
	// notePath is the file with the note of the only sender, or "".
	notePath() string
	// scrub removes deleted data from the files.
	scrub(ctx context.Context, writer *sql.DB) error
	// planners is how many chunks of a plan are written at once.
	planners() int
	// inside returns the context for the statements of a short transaction that was
	// begun with ctx.
	inside(ctx context.Context) context.Context
	// lockMigrations waits until no other process migrates, and returns the connections
	// to migrate by.
	lockMigrations(ctx context.Context, writer *sql.DB) (pool *sql.DB, release func(), err error)
	migrations() string // the folder
	dialect() goose.Dialect
	tableExists() string // a query: does table ?1 exist
	String() string
}

// IsURL reports whether Open knows how to open url.
func IsURL(url string) bool {
	path, ok := FilePath(url)
	return ok && path != "" || strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// FilePath returns the file of a SQLite database.
func FilePath(url string) (path string, ok bool) { return strings.CutPrefix(url, "sqlite:") }

// Open opens the database at url: "sqlite:PATH", or "postgres://…" with the
// parameters that libpq knows. A missing file is created only when create is set; a
// PostgreSQL database must exist. No error and no String of the database contains the
// password of its URL.
func Open(url string, create bool) (*DB, error) {
	if !IsURL(url) {
		scheme, _, _ := strings.Cut(url, ":")
		return nil, fmt.Errorf("database.url starts with %q: use sqlite:FILE or postgres://USER@HOST/DATABASE", scheme+":")
	}
	db := &DB{planChunk: planChunk, searching: make(chan struct{}, 1)}
	var err error
	if path, ok := FilePath(url); ok {
		db.engine = &sqlite{path: path}
	} else if db.engine, err = newPostgres(url); err != nil {
		return nil, err
	}
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
// returns ErrLocked. Where several processes may send, it does nothing.
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

// SharesSending says that several processes may send at once: LockSender excludes none.
func (db *DB) SharesSending() bool { return !db.engine.oneWriter() }

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

// write runs fn in a write transaction that is announced to others. fn may run more
// than once, so it starts by resetting its results.
func (db *DB) write(ctx context.Context, fn func(tx *sql.Tx) error) error {
	return db.bookkeep(ctx, func(tx *sql.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return db.engine.announce(ctx, tx)
	})
}

// bookkeep is a write that is not announced, for workers' own records: announcements
// make commits wait for one another.
func (db *DB) bookkeep(ctx context.Context, fn func(tx *sql.Tx) error) error {
	for try := 1; ; try++ {
		err := db.transact(ctx, fn)
		if err == nil || try == maxTries || !db.engine.again(err) || ctx.Err() != nil {
			return explain(err)
		}
		time.Sleep(rand.N(time.Duration(try) * tryAgainWithin))
	}
}

// exec runs one statement as write does.
func (db *DB) exec(ctx context.Context, statement string, args ...any) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	})
}

// execQuietly runs one statement as bookkeep does.
func (db *DB) execQuietly(ctx context.Context, statement string, args ...any) error {
	return db.bookkeep(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	})
}

// record is bookkeep for the transactions that sending waits for.
func (db *DB) record(ctx context.Context, fn func(ctx context.Context, tx *sql.Tx) error) error {
	inside := db.engine.inside(ctx)
	return db.bookkeep(ctx, func(tx *sql.Tx) error { return fn(inside, tx) })
}

func (db *DB) transact(ctx context.Context, fn func(tx *sql.Tx) error) error {
	tx, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after a commit
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// explain adds what to do to errors that a person must act on.
func explain(err error) error {
	return explainPostgres(explainSQLite(err))
}
