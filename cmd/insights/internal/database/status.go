package database

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// OldestDue is since when the mail that has waited longest could be sent: it may lie
// ahead, and is zero when nothing waits. What was never tried is due from the
// moment that its digest was approved, or that it was queued.
func (db *DB) OldestDue(ctx context.Context) (time.Time, error) {
	var due int64
	err := db.reader.QueryRowContext(ctx, `SELECT coalesce(min(due), 0) FROM (
		SELECT CASE WHEN next_at > approved_at THEN next_at ELSE approved_at END AS due FROM (
			SELECT g.approved_at, (SELECT min(d.next_at) FROM deliveries d WHERE d.digest_id = g.id AND d.next_at >= 0) AS next_at
			FROM digests g WHERE g.state IN ('approved', 'sending')) open WHERE next_at IS NOT NULL
		UNION ALL SELECT min(CASE WHEN next_at > created_at THEN next_at ELSE created_at END) FROM messages WHERE state IN ('pending', 'deferred')) t`).Scan(&due)
	return fromMillis(due), explain(err)
}

// Troubles are why workers that run can't send just now.
func (db *DB) Troubles(ctx context.Context) (troubles []newsletter.Trouble, err error) {
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var t newsletter.Trouble
		var since, until int64
		err := rows.Scan(&t.Reason, &since, &until)
		t.Since, t.Until = fromMillis(since), fromMillis(until)
		troubles = append(troubles, t)
		return err
	}, "SELECT trouble, trouble_since, trouble_until FROM workers WHERE trouble <> '' AND (beat_at > ?1 OR trouble_until > ?2) ORDER BY trouble_since",
		now()-beatsWithin.Milliseconds(), now()-3*beatsWithin.Milliseconds()) // an only sender beats once, and tries again when it said it would
	return troubles, explain(err)
}

// Paused counts the digests that are paused.
func (db *DB) Paused(ctx context.Context) (n int, err error) {
	err = db.reader.QueryRowContext(ctx, "SELECT count(*) FROM digests WHERE state = 'paused'").Scan(&n)
	return n, explain(err)
}

// QueueTest queues a test mail to each address, all or none.
func (db *DB) QueueTest(ctx context.Context, to []subscribers.Address, payload string) (refs []newsletter.Ref, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		refs = nil
		for _, a := range to {
			var ref newsletter.Ref
			err := tx.QueryRowContext(ctx, "INSERT INTO messages (kind, email, payload, state, created_at, updated_at) VALUES ('test', ?1, ?2, 'pending', ?3, ?3) RETURNING id",
				a.String(), payload, now()).Scan(&ref.Message)
			if err != nil {
				return err
			}
			refs = append(refs, ref)
		}
		return nil
	})
	return refs, err
}

// Setting returns what SetSetting kept under a name, or "".
func (db *DB) Setting(ctx context.Context, name string) (value string, err error) {
	err = db.reader.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = ?1", name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, explain(err)
}

// SetSetting keeps a value under a name.
func (db *DB) SetSetting(ctx context.Context, name, value string) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		return setSetting(ctx, tx, name, value)
	})
}

func setSetting(ctx context.Context, tx *sql.Tx, name, value string) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO settings (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
	return err
}
