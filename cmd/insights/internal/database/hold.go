package database

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// held says that staff must release sending: nothing is claimed or started.
const held = `EXISTS (SELECT 1 FROM settings WHERE name = 'held' AND value <> '')`

// Hold implements newsletter.DigestStore.
func (db *DB) Hold(ctx context.Context, reason string) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		var already bool
		if err := tx.QueryRowContext(ctx, "SELECT "+held).Scan(&already); err != nil || already {
			return err
		}
		if err := setSetting(ctx, tx, "held", reason); err != nil {
			return err
		}
		return setSetting(ctx, tx, "held_since", strconv.FormatInt(now(), 10))
	})
}

// Held implements newsletter.DigestStore.
func (db *DB) Held(ctx context.Context) (reason string, since time.Time, err error) {
	if reason, err = db.Setting(ctx, "held"); err != nil || reason == "" {
		return "", time.Time{}, err
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

// lateDigests are those of which nothing went out for too long, and for how long.
func lateDigests(ctx context.Context, q querier, after func(schedule string) time.Duration) (map[int64]time.Duration, error) {
	late := make(map[int64]time.Duration)
	err := each(ctx, q, func(rows *sql.Rows) error {
		var id, active, approved, opens int64
		var schedule string
		err := rows.Scan(&id, &schedule, &active, &approved, &opens)
		if by := time.Since(fromMillis(max(active, approved, opens))); by > after(schedule) {
			late[id] = by
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
			by := late[id]
			reason := fmt.Sprintf("nothing was sent of it for %s: it waits for staff; insights digest resume %d goes on, cancel %d leaves what is unread to the next digest", by.Round(time.Minute), id, id)
			if _, err := tx.ExecContext(ctx, "UPDATE digests SET state = 'paused', reason = ?2 WHERE id = ?1 AND state IN ('approved', 'sending')", id, reason); err != nil {
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
	err = db.write(ctx, func(tx *sql.Tx) error {
		n = 0
		if err := lockDigest(ctx, tx, id); err != nil { // it may be cancelled at the same moment
			return err
		}
		d, err := digest(ctx, tx, id)
		if err != nil {
			return err
		}
		switch d.State {
		case newsletter.DigestDone, newsletter.DigestSending, newsletter.DigestApproved, newsletter.DigestPaused:
		default:
			return fmt.Errorf("digest %d is %s: %w; plan a new one", id, d.State, newsletter.ErrState)
		}
		at := now()
		for state, chosen := range map[newsletter.DeliveryState]bool{newsletter.Failed: failed, newsletter.Uncertain: uncertain} {
			if !chosen {
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
		// One that has begun goes on: it has a page, to which its mails lead.
		_, err = tx.ExecContext(ctx, `UPDATE digests SET state = CASE state WHEN 'done' THEN 'sending' ELSE state END, approved_at = ?2, active_at = ?2, done_at = 0
			WHERE id = ?1`, id, at)
		return err
	})
	return n, err
}
