package database

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/subscribers"
)

// confirmationColumns are what a message carries that asks to confirm.
const confirmationColumns = "nonce, created_at, expires_at, name, cadence, categories, ended, back"

// scanConfirmation reads the address of a message and its confirmationColumns.
func scanConfirmation(scan func(...any) error, more ...any) (c subscribers.Confirmation, err error) {
	var email, categories string
	var ended int
	err = scan(append(more, &email, &c.Nonce, instant(&c.Asked), instant(&c.Expires), &c.Name, &c.Cadence, &categories, &ended, instant(&c.Back))...)
	c.Ended, c.Used = ended > 0, ended == endedByUse
	c.To, c.Categories = storedAddress(email), strings.Fields(categories)
	slices.Sort(c.Categories) // one may have been renamed
	return c, err
}

// confirmations returns the newest of a subscriber's, without the categories that were
// retired since.
func confirmations(ctx context.Context, q querier, b bits, subscriber int64) (all []subscribers.Confirmation, err error) {
	err = each(ctx, q, func(rows *sql.Rows) error {
		c, err := scanConfirmation(rows.Scan)
		c.Categories = slices.DeleteFunc(c.Categories, func(slug string) bool { _, ok := b[slug]; return !ok })
		all = append(all, c)
		return err
	}, "SELECT email, "+confirmationColumns+" FROM messages WHERE subscriber_id = ?1 AND nonce <> '' ORDER BY id DESC LIMIT ?2", subscriber, mostConfirmations)
	return all, err
}

// useConfirmation notes that one was used: it expires then.
func useConfirmation(ctx context.Context, tx *sql.Tx, subscriber int64, nonce string, at time.Time) error {
	_, err := tx.ExecContext(ctx, "UPDATE messages SET ended = ?3, expires_at = ?4 WHERE subscriber_id = ?1 AND nonce = ?2", subscriber, nonce, endedByUse, millis(at))
	return err
}

// endConfirmations ends some of a subscriber's: see subscribers.EndsConfirmations.
func endConfirmations(ctx context.Context, tx *sql.Tx, subscriber int64, ends subscribers.Ends) error {
	_, err := tx.ExecContext(ctx, `UPDATE messages SET ended = 1 WHERE subscriber_id = ?1 AND nonce <> '' AND ended = 0
		AND (back = 0 AND CAST(?2 AS BIGINT) = 1 OR back > 0 AND CAST(?3 AS BIGINT) = 1 OR CAST(?4 AS BIGINT) > 0 AND back > ?4)`, subscriber, oneIf(ends.Asked), oneIf(ends.Back), millis(ends.Later))
	return err
}
