package database

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// held says that staff must release sending: nothing is claimed or started.
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
	ms, _ := strconv.ParseInt(at, 10, 64) // without it, since is unknown
	return reason, fromMillis(ms), nil
}

// Release implements newsletter.DigestStore.
func (db *DB) Release(ctx context.Context) (released bool, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, "SELECT "+held).Scan(&released); err != nil || !released {
			return err
		}
		// Staff have looked: nothing is late any more, and time to try again begins anew.
		if _, err := tx.ExecContext(ctx, "UPDATE digests SET active_at = ?1, approved_at = ?1 WHERE state IN ('approved', 'sending')", now()); err != nil {
			return err
		}
		return setSetting(ctx, tx, "held", "")
	})
	return released, err
}

// Unsent counts the digests that are being sent, and their mails that wait, single
// ones among them.
func (db *DB) Unsent(ctx context.Context) (digests, mails int, err error) {
	err = db.reader.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM digests WHERE state IN ('approved', 'sending')),
		(SELECT count(*) FROM deliveries o JOIN digests d ON d.id = o.digest_id WHERE o.next_at >= 0 AND d.state IN ('approved', 'sending'))
		+ (SELECT count(*) FROM messages WHERE state IN ('pending', 'deferred'))`).Scan(&digests, &mails)
	return digests, mails, explain(err)
}

// Touch implements newsletter.OutboxStore.
func (db *DB) Touch(ctx context.Context, digest int64) error {
	return db.bookkeep(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE digests SET active_at = ?2 WHERE id = ?1", digest, now())
		return err
	})
}

// lateDigests are those that wait for staff, with why.
func lateDigests(ctx context.Context, q querier, after func(schedule string) time.Duration) (map[int64]newsletter.Reason, error) {
	late := make(map[int64]newsletter.Reason)
	err := each(ctx, q, func(rows *sql.Rows) error {
		var id, sent, approved, notBefore int64
		var schedule string
		err := rows.Scan(&id, &schedule, &sent, &approved, &notBefore)
		a := newsletter.Activity{Approved: fromMillis(approved), NotBefore: fromMillis(notBefore), Sent: fromMillis(sent)}
		if reason, is := a.Late(time.Now(), after(schedule)); is {
			late[id] = reason
		}
		return err
	}, "SELECT id, schedule, active_at, approved_at, not_before FROM digests WHERE state IN ('approved', 'sending')")
	return late, err
}

// PauseLate implements newsletter.OutboxStore.
func (db *DB) PauseLate(ctx context.Context, after func(schedule string) time.Duration) (paused []int64, err error) {
	// Hardly ever is one late: see that without a write.
	if late, err := lateDigests(ctx, db.reader, after); err != nil || len(late) == 0 {
		return nil, explain(err)
	}
	err = db.write(ctx, func(tx *sql.Tx) error {
		paused = nil
		late, err := lateDigests(ctx, tx, after)
		if err != nil {
			return err
		}
		for _, id := range slices.Sorted(maps.Keys(late)) {
			if _, err := tx.ExecContext(ctx, "UPDATE digests SET state = 'paused', reason = ?2 WHERE id = ?1 AND state IN ('approved', 'sending')", id, string(late[id])); err != nil {
				return err
			}
			paused = append(paused, id)
		}
		return nil
	})
	return paused, err
}

// Retry implements newsletter.DigestStore.
func (db *DB) Retry(ctx context.Context, id int64, failed, uncertain bool) (n int, err error) {
	_, err = db.steer(ctx, id, newsletter.DigestState.Retry, func(tx *sql.Tx, to newsletter.DigestState, _ bool) error {
		n = 0
		at := now()
		for _, state := range newsletter.DeliveryStates {
			if !state.RetriedBy(failed, uncertain) {
				continue
			}
			changed, err := affected(tx.ExecContext(ctx, `UPDATE deliveries SET state = 'pending', next_at = 0, open = 1, updated_at = ?3
				WHERE digest_id = ?1 AND state = ?2`, id, string(state), at))
			if err != nil {
				return err
			}
			n += int(changed)
		}
		if n == 0 {
			return nil
		}
		_, err = tx.ExecContext(ctx, "UPDATE digests SET state = ?3, approved_at = ?2, active_at = ?2, done_at = 0 WHERE id = ?1", id, at, string(to))
		return err
	})
	return n, err
}
