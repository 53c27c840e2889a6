package database

import (
	"context"
	"database/sql"

	"github.com/scaledbydesign/insights/subscribers"
)

// Count implements subscribers.Store.
func (db *DB) Count(ctx context.Context, a subscribers.Attempt, admit func(subscribers.Counts) bool) error {
	return db.bookkeep(ctx, func(tx *sql.Tx) error {
		var c subscribers.Counts
		address, err := db.suppressionHash(ctx, tx, a.Address.Key())
		if err != nil {
			return err
		}
		inbox, err := db.suppressionHash(ctx, tx, a.Address.Inbox())
		if err != nil {
			return err
		}
		err = tx.QueryRowContext(ctx, `SELECT count(CASE WHEN address = ?3 THEN 1 END), coalesce(max(CASE WHEN address = ?3 THEN at END), 0), count(CASE WHEN address <> ?3 THEN 1 END)
			FROM attempts WHERE inbox = ?2 AND at > ?1`, millis(a.MailboxSince()), inbox, address).Scan(&c.Address, instant(&c.AddressLast), &c.Inbox)
		if err != nil {
			return err
		}
		err = tx.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(CASE WHEN client = ?2 THEN 1 ELSE 0 END), 0), coalesce(sum(CASE WHEN domain = ?3 THEN 1 ELSE 0 END), 0)
			FROM attempts WHERE at > ?1`, millis(a.Since()), a.Client, a.Address.Domain()).Scan(&c.All, &c.Client, &c.Domain)
		if err != nil || !admit(c) {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO attempts (at, client, domain, address, inbox) VALUES (?1, ?2, ?3, ?4, ?5)", millis(a.At), a.Client, a.Address.Domain(), address, inbox)
		return err
	})
}
