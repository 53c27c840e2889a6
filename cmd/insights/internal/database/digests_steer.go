package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// Approve implements newsletter.DigestStore.
func (db *DB) Approve(ctx context.Context, id int64) (changed bool, err error) {
	return db.steer(ctx, id, newsletter.DigestState.Approve, func(tx *sql.Tx, to newsletter.DigestState, changed bool) error {
		return setState(ctx, tx, changed, "UPDATE digests SET state = ?2, approved_at = ?3, active_at = ?3 WHERE id = ?1", id, string(to), now())
	})
}

// Pause implements newsletter.DigestStore.
func (db *DB) Pause(ctx context.Context, id int64, reason newsletter.Reason) (changed bool, err error) {
	return db.steer(ctx, id, newsletter.DigestState.Pause, func(tx *sql.Tx, to newsletter.DigestState, changed bool) error {
		return setState(ctx, tx, changed, "UPDATE digests SET state = ?2, reason = ?3, paused_at = ?4 WHERE id = ?1", id, string(to), string(reason), now())
	})
}

// PauseRefused pauses a digest of which too much is refused, unless staff have told it
// not to pause for hard refusals.
func (db *DB) PauseRefused(ctx context.Context, id int64, reason newsletter.Reason, hard bool) (changed bool, err error) {
	if hard {
		var counted bool
		err := db.reader.QueryRowContext(ctx, "SELECT count_refusals = 1 FROM digests WHERE id = ?1", id).Scan(&counted)
		if err != nil || counted {
			return false, explain(err)
		}
	}
	changed, err = db.Pause(ctx, id, reason)
	if errors.Is(err, newsletter.ErrState) { // it has ended
		return false, nil
	}
	return changed, err
}

// blockedDeliveries are those of digest ?1 that failed and were blocked, not their readers'
// fault.
const blockedDeliveries = `digest_id = ?1 AND state = 'failed' AND next_at < 0 AND owner = ''
	AND 'blocked' = (SELECT b.class FROM bounces b WHERE b.subscriber_id = deliveries.subscriber_id AND b.digest_id = ?1 ORDER BY b.id DESC LIMIT 1)`

// Blocked implements newsletter.DigestStore.
func (db *DB) Blocked(ctx context.Context, id int64) (n int, err error) {
	err = db.reader.QueryRowContext(ctx, "SELECT count(*) FROM deliveries WHERE "+blockedDeliveries, id).Scan(&n)
	return n, explain(err)
}

// Resume implements newsletter.DigestStore.
func (db *DB) Resume(ctx context.Context, id int64, countRefusals bool) (changed bool, again int, err error) {
	changed, err = db.steer(ctx, id, newsletter.DigestState.Resume, func(tx *sql.Tx, to newsletter.DigestState, changed bool) error {
		again = 0
		at := now()
		if countRefusals {
			if _, err := tx.ExecContext(ctx, "UPDATE digests SET count_refusals = 1 WHERE id = ?1", id); err != nil {
				return err
			}
		}
		if !changed {
			return nil
		}
		n, err := affected(tx.ExecContext(ctx, "UPDATE deliveries SET state = 'pending', next_at = 0, open = 1, updated_at = ?2 WHERE "+blockedDeliveries, id, at))
		if err != nil {
			return err
		}
		again = int(n)
		return setState(ctx, tx, changed, "UPDATE digests SET state = ?2, reason = '', approved_at = ?3, active_at = ?3, paused_at = 0 WHERE id = ?1", id, string(to), at)
	})
	return changed, again, err
}

// Cancel implements newsletter.DigestStore.
func (db *DB) Cancel(ctx context.Context, id int64) (changed bool, err error) {
	return db.steer(ctx, id, newsletter.DigestState.Cancel, func(tx *sql.Tx, to newsletter.DigestState, changed bool) error {
		if err := setState(ctx, tx, changed, "UPDATE digests SET state = ?2, done_at = ?3, "+nowAccepted+" WHERE id = ?1", id, string(to), now()); err != nil || !changed {
			return err
		}
		return skipUnstarted(ctx, tx, id, newsletter.ReasonCancelled)
	})
}

// setState runs the statement that changes a digest's state, if it changes.
func setState(ctx context.Context, tx *sql.Tx, changed bool, statement string, args ...any) error {
	if !changed {
		return nil
	}
	_, err := tx.ExecContext(ctx, statement, args...)
	return err
}

// steer asks rule for a digest's new state, and applies it while the digest is locked.
func (db *DB) steer(ctx context.Context, id int64, rule func(newsletter.DigestState) (newsletter.DigestState, bool, error),
	apply func(tx *sql.Tx, to newsletter.DigestState, changed bool) error) (changed bool, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		var state newsletter.DigestState
		err := tx.QueryRowContext(ctx, "SELECT state FROM digests WHERE id = ?1 /*pg FOR NO KEY UPDATE */", id).Scan(&state)
		if errors.Is(err, sql.ErrNoRows) {
			err = newsletter.ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("digest %d: %w", id, err)
		}
		var to newsletter.DigestState
		if to, changed, err = rule(state); err != nil {
			return fmt.Errorf("digest %d is %s: %w", id, state, err)
		}
		return apply(tx, to, changed)
	})
	return changed && err == nil, err
}

// skipUnstarted ends the deliveries of a digest that are not in flight.
func skipUnstarted(ctx context.Context, tx *sql.Tx, digest int64, reason newsletter.Reason) error {
	_, err := tx.ExecContext(ctx, `UPDATE deliveries SET state = 'skipped', owner = '', next_at = -1, open = 0, reason = ?2, updated_at = ?3
		WHERE digest_id = ?1 AND state IN ('pending', 'claimed', 'deferred')`, digest, string(reason), now())
	return err
}

// lateDigests returns the digests that are overdue, with the reason.
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
	// Usually none is overdue: find that out without a write.
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
			if _, err := tx.ExecContext(ctx, "UPDATE digests SET state = 'paused', reason = ?2, paused_at = ?3 WHERE id = ?1 AND state IN ('approved', 'sending')", id, string(late[id]), now()); err != nil {
				return err
			}
			paused = append(paused, id)
		}
		return nil
	})
	return paused, err
}

// retriedDeliveries are those of digest ?1 that a retry of the failed ones includes though
// they were skipped: their reader was suppressed and is not any more, or was under
// judgement.
const retriedDeliveries = `digest_id = ?1 AND state = 'skipped' AND next_at < 0 AND owner = '' AND (reason = ?2 OR reason = ?3)
	AND EXISTS (SELECT 1 FROM subscribers s WHERE s.id = deliveries.subscriber_id AND s.status = 'confirmed')`

// Retriable implements newsletter.DigestStore.
func (db *DB) Retriable(ctx context.Context, id int64) (n int, err error) {
	err = db.reader.QueryRowContext(ctx, "SELECT count(*) FROM deliveries WHERE "+retriedDeliveries, id, string(subscribers.Suppressed), string(newsletter.ReasonUnderJudgement)).Scan(&n)
	return n, explain(err)
}

// Retry implements newsletter.DigestStore.
func (db *DB) Retry(ctx context.Context, id int64, failed, uncertain bool) (n int, err error) {
	_, err = db.steer(ctx, id, newsletter.DigestState.Retry, func(tx *sql.Tx, to newsletter.DigestState, _ bool) error {
		n = 0
		at := now()
		const again = "UPDATE deliveries SET state = 'pending', next_at = 0, open = 1, retried = 1, "
		for _, state := range newsletter.DeliveryStates {
			if !state.RetriedBy(failed, uncertain) {
				continue
			}
			changed, err := affected(tx.ExecContext(ctx, again+"updated_at = ?3 WHERE digest_id = ?1 AND state = ?2", id, string(state), at))
			if err != nil {
				return err
			}
			n += int(changed)
		}
		if failed {
			changed, err := affected(tx.ExecContext(ctx, again+"updated_at = ?4 WHERE "+retriedDeliveries, id, string(subscribers.Suppressed), string(newsletter.ReasonUnderJudgement), at))
			if err != nil {
				return err
			}
			n += int(changed)
		}
		if n == 0 {
			return nil
		}
		if err := noteWithdrawn(ctx, tx, "id = ?1", id); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE digests SET state = ?3, approved_at = ?2, active_at = ?2, done_at = 0 WHERE id = ?1", id, at, string(to))
		return err
	})
	return n, err
}

// EndPaused implements newsletter.SlotStore.
func (db *DB) EndPaused(ctx context.Context, ends func(newsletter.Digest) bool) (ended []int64, err error) {
	paused, err := db.bareDigests(ctx, "d.state = 'paused' AND d.paused_at > 0 ORDER BY d.id")
	if err != nil {
		return nil, err
	}
	for _, d := range paused {
		if !ends(d) {
			continue
		}
		err := db.write(ctx, func(tx *sql.Tx) error {
			n, err := affected(tx.ExecContext(ctx, "UPDATE digests SET state = 'done', done_at = ?2, "+nowAccepted+" WHERE id = ?1 AND state = 'paused' AND paused_at = ?3", d.ID, now(), millis(d.PausedAt)))
			if err != nil || n == 0 {
				return err // resumed meanwhile
			}
			ended = append(ended, d.ID)
			return skipUnstarted(ctx, tx, d.ID, newsletter.ReasonPausedTooLong)
		})
		if err != nil {
			return ended, err
		}
	}
	return ended, nil
}

// FailDigest implements newsletter.OutboxStore.
func (db *DB) FailDigest(ctx context.Context, digest int64, reason newsletter.Reason) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE digests SET state = 'failed', reason = ?2, done_at = ?3 WHERE id = ?1 AND state IN ('approved', 'sending')", digest, string(reason), now()); err != nil {
			return err
		}
		return skipUnstarted(ctx, tx, digest, newsletter.ReasonDigestFailed)
	})
}
