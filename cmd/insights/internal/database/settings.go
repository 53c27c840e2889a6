package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// Use is what a database is for. It decides where its emails go.
type Use string

const (
	Unused      Use = ""            // nothing has used it yet
	Development Use = "development" // emails stay in the inbox
	Production  Use = "production"  // emails go to the relay
)

// Use returns what the database is for.
func (db *DB) Use(ctx context.Context) (Use, error) {
	var use Use
	err := db.reader.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = 'use'").Scan(&use)
	if errors.Is(err, sql.ErrNoRows) {
		return Unused, nil
	}
	return use, explain(err)
}

// UseFor records what the database is for and returns its previous use. A database in
// production can't become one for development: its emails would not be sent.
func (db *DB) UseFor(ctx context.Context, use Use) (before Use, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		before = Unused
		if err := lockSetting(ctx, tx, "use"); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = 'use'").Scan(&before)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if before == Production && use == Development {
			return fmt.Errorf("%s is in production: insights dev would not send its emails; set another database.url", db)
		}
		return setSetting(ctx, tx, "use", string(use))
	})
	return before, err
}

// Setting returns what SetSetting stored under a name, or "".
func (db *DB) Setting(ctx context.Context, name string) (value string, err error) {
	err = db.reader.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = ?1", name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, explain(err)
}

// SetSetting stores a value under a name.
func (db *DB) SetSetting(ctx context.Context, name, value string) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		return setSetting(ctx, tx, name, value)
	})
}

// EditSetting stores what edit makes of the value under a name, "" if there is none, in one
// transaction. An error of edit is returned as it is and stores nothing.
func (db *DB) EditSetting(ctx context.Context, name string, edit func(value string) (string, error)) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		if err := lockSetting(ctx, tx, name); err != nil {
			return err
		}
		var before string
		err := tx.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = ?1", name).Scan(&before)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		after, err := edit(before)
		if err != nil || after == before {
			return err
		}
		return setSetting(ctx, tx, name, after)
	})
}

// lockSetting makes the transactions that write a setting run one after the other.
func lockSetting(ctx context.Context, tx *sql.Tx, name string) error {
	return lockFor(ctx, tx, "setting "+name)
}

func setSetting(ctx context.Context, tx *sql.Tx, name, value string) error {
	if err := lockSetting(ctx, tx, name); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
	return err
}

// held reports whether sending is held: nothing is claimed or started.
const held = `EXISTS (SELECT 1 FROM settings WHERE name = 'held' AND value <> '')`

// Hold implements newsletter.DigestStore.
func (db *DB) Hold(ctx context.Context, reason newsletter.Reason) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		var already bool
		if err := tx.QueryRowContext(ctx, "SELECT "+held).Scan(&already); err != nil || already {
			return err
		}
		if err := setSetting(ctx, tx, "held", string(reason)); err != nil {
			return err
		}
		return setSetting(ctx, tx, "held_since", strconv.FormatInt(now(), 10))
	})
}

// Held implements newsletter.DigestStore.
func (db *DB) Held(ctx context.Context) (reason newsletter.Reason, since time.Time, err error) {
	err = db.reader.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = 'held'").Scan(&reason)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	if err != nil || len(reason) == 0 {
		return reason, time.Time{}, explain(err)
	}
	at, err := db.Setting(ctx, "held_since")
	if err != nil {
		return reason, since, err
	}
	ms, _ := strconv.ParseInt(at, 10, 64) // if missing, since is unknown
	return reason, fromMillis(ms), nil
}

// Release implements newsletter.DigestStore.
func (db *DB) Release(ctx context.Context) (released bool, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, "SELECT "+held).Scan(&released); err != nil || !released {
			return err
		}
		// Staff have looked: nothing is overdue any more, and retry deadlines start over.
		if _, err := tx.ExecContext(ctx, "UPDATE digests SET active_at = ?1, approved_at = ?1 WHERE state IN ('approved', 'sending')", now()); err != nil {
			return err
		}
		return setSetting(ctx, tx, "held", "")
	})
	return released, err
}
