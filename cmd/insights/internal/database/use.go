package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Use is what a database is for. It decides where its mail goes.
type Use string

const (
	Unused      Use = ""            // nothing has run on it yet
	Development Use = "development" // mail stays in the inbox
	Production  Use = "production"  // mail goes to the relay
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

// UseFor records what the database is for and returns what it was for before. A
// database in production can't become one for development: its outbox would go
// nowhere.
func (db *DB) UseFor(ctx context.Context, use Use) (before Use, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		before = Unused
		if err := lockTable(ctx, tx, "settings"); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = 'use'").Scan(&before)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if before == Production && use == Development {
			return fmt.Errorf("%s is in production: insights dev would keep its mails from being sent; set another database.url", db)
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO settings (name, value) VALUES ('use', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value", string(use))
		return err
	})
	return before, err
}
