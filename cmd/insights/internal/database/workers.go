package database

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
)

// Attach implements newsletter.OutboxStore.
func (db *DB) Attach(ctx context.Context, worker string, ttl time.Duration, policy newsletter.OnUncertain) (newsletter.Recovered, error) {
	var recovered newsletter.Recovered
	alone := db.onlySender()
	if alone {
		// Only workers of this process can be alive, and need no heartbeat.
		var n int
		err := db.reader.QueryRowContext(ctx, "SELECT count(*) FROM workers WHERE id = ?1", worker).Scan(&n)
		if err != nil || n == 1 {
			return recovered, errors.Join(explain(err), db.writeNote(ctx))
		}
		if err := db.holdIfOlder(ctx); err != nil {
			return recovered, err
		}
		db.attached.Store(worker, true)
	}
	err := db.bookkeep(ctx, func(tx *sql.Tx) error {
		// Two that take over at once would wait for each other's rows, and then take
		// what a third has claimed meanwhile.
		if err := lockTable(ctx, tx, "workers"); err != nil {
			return err
		}
		at := now()
		if _, err := tx.ExecContext(ctx, "INSERT INTO workers (id, beat_at) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at", worker, at); err != nil {
			return err
		}
		if err := db.forgetDead(ctx, tx, at-ttl.Milliseconds(), alone); err != nil {
			return err
		}
		if alone { // copies made before now are older
			if _, err := tx.ExecContext(ctx, "UPDATE counters SET value = value + 1 WHERE name = 'senders'"); err != nil {
				return err
			}
		}
		var err error
		recovered, err = takeOver(ctx, tx, policy, at)
		return err
	})
	if err == nil && alone {
		err = db.writeNote(ctx)
	}
	return recovered, err
}

// forgetDead deletes the workers that have not been heard of for long or, if this process
// alone sends, that are not its own.
func (db *DB) forgetDead(ctx context.Context, tx *sql.Tx, alive int64, alone bool) error {
	if !alone {
		_, err := tx.ExecContext(ctx, "DELETE FROM workers WHERE beat_at < ?1", alive)
		return err
	}
	var dead []string
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		if _, ok := db.attached.Load(id); !ok {
			dead = append(dead, id)
		}
		return err
	}, "SELECT id FROM workers")
	for _, id := range dead {
		if err == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM workers WHERE id = ?1", id)
		}
	}
	return err
}

// orphaned is an email whose worker is dead.
const orphaned = `owner <> '' AND owner NOT IN (SELECT id FROM workers)`

// orphanedMessage is written for the index messages_owned.
const orphanedMessage = `state IN ('claimed', 'sending') AND owner NOT IN (SELECT id FROM workers)`

func takeOver(ctx context.Context, tx *sql.Tx, policy newsletter.OnUncertain, at int64) (newsletter.Recovered, error) {
	var recovered newsletter.Recovered
	// Concurrent cancellations of their digests come before or after.
	err := each(ctx, tx, func(*sql.Rows) error { return nil },
		"SELECT id FROM digests WHERE id IN (SELECT digest_id FROM deliveries WHERE "+orphaned+") ORDER BY id /*pg FOR SHARE */")
	if err != nil {
		return recovered, err
	}
	claimed := policy.Recover(newsletter.Claimed, false, fromMillis(at))
	sending := policy.Recover(newsletter.Sending, false, fromMillis(at))
	stopped := policy.Recover(newsletter.Claimed, true, fromMillis(at))
	if sending.Received {
		if err := countAsReceived(ctx, tx); err != nil {
			return recovered, err
		}
	}
	next := int64(-1)
	if !sending.State.Terminal() {
		next = millis(sending.NextAt)
	}
	for _, step := range []struct {
		count     *int
		statement string
		args      []any
	}{
		{&recovered.Claimed, "UPDATE deliveries SET state = ?2, owner = '', next_at = 0, updated_at = ?1 WHERE state = 'claimed' AND " + orphaned, []any{at, string(claimed.State)}},
		{&recovered.Claimed, "UPDATE messages SET state = ?2, owner = '', updated_at = ?1 WHERE state = 'claimed' AND " + orphanedMessage, []any{at, string(claimed.State)}},
		{&recovered.Uncertain, "UPDATE deliveries SET state = ?1, owner = '', uncertain_at = ?2, next_at = ?3, updated_at = ?2, reason = ?4 WHERE state = 'sending' AND " + orphaned, []any{string(sending.State), at, next, string(sending.Reason)}},
		{&recovered.Uncertain, "UPDATE messages SET state = ?1, owner = '', uncertain_at = ?2, next_at = ?2, updated_at = ?2, reason = ?3 WHERE state = 'sending' AND " + orphanedMessage, []any{string(sending.State), at, string(sending.Reason)}},
	} {
		n, err := affected(tx.ExecContext(ctx, step.statement, step.args...))
		if err != nil {
			return recovered, err
		}
		*step.count += int(n)
	}
	if recovered == (newsletter.Recovered{}) {
		return recovered, nil
	}
	// Emails of digests that were stopped meanwhile are not retried.
	_, err = tx.ExecContext(ctx, `UPDATE deliveries SET state = ?1, next_at = -1, open = 0, reason = ?2 WHERE next_at >= 0
		AND digest_id IN (SELECT id FROM digests WHERE state IN ('cancelled', 'failed'))`, string(stopped.State), string(stopped.Reason))
	return recovered, err
}

// countAsReceived moves the positions of readers whose email was in flight.
func countAsReceived(ctx context.Context, tx *sql.Tx) error {
	type move struct{ subscriber, base, target int64 }
	var moves []move
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var m move
		err := rows.Scan(&m.subscriber, &m.base, &m.target)
		moves = append(moves, m)
		return err
	}, "SELECT subscriber_id, base_id, target_id FROM deliveries WHERE state = 'sending' AND "+orphaned)
	if err != nil {
		return err
	}
	for _, m := range moves {
		if err := received(ctx, tx, m.subscriber, m.base, m.target); err != nil {
			return err
		}
	}
	return nil
}

// Detach implements newsletter.OutboxStore.
func (db *DB) Detach(ctx context.Context, worker string) error {
	db.attached.Delete(worker)                                        // even if the rest fails: it ends
	return db.leave(ctx, worker, "DELETE FROM workers WHERE id = ?1") // a row still in flight is now without an owner; the next worker recovers it
}

// Unclaim implements newsletter.OutboxStore.
func (db *DB) Unclaim(ctx context.Context, worker string) error { return db.leave(ctx, worker) }

// leave gives back what a worker has claimed, and then does more.
func (db *DB) leave(ctx context.Context, worker string, more ...string) error {
	err := db.write(ctx, func(tx *sql.Tx) error {
		for _, statement := range append([]string{
			"UPDATE deliveries SET state = 'pending', owner = '', next_at = 0 WHERE owner <> '' AND owner = ?1 AND state = 'claimed'",
			"UPDATE messages SET state = 'pending', owner = '' WHERE state IN ('claimed', 'sending') AND owner = ?1 AND state = 'claimed'",
		}, more...) {
			if _, err := tx.ExecContext(ctx, statement, worker); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, db.writeNote(ctx))
}

// Trouble implements newsletter.OutboxStore.
func (db *DB) Trouble(ctx context.Context, worker string, t newsletter.Trouble) error {
	return db.execQuietly(ctx, "UPDATE workers SET trouble = ?2, trouble_since = ?3, trouble_until = ?4 WHERE id = ?1", worker, string(t.Reason), millis(t.Since), millis(t.Until))
}

// isAttached reports whether the worker is alive and locks its row so that no other
// worker can take over. A worker that was taken over, since its machine was suspended,
// claims nothing before its next heartbeat: that would count as left behind.
func isAttached(ctx context.Context, tx *sql.Tx, worker string) (attached bool, err error) {
	err = each(ctx, tx, func(*sql.Rows) error {
		attached = true
		return nil
	}, "SELECT id FROM workers WHERE id = ?1 /*pg FOR KEY SHARE */", worker)
	return attached, err
}

// Troubles implements newsletter.StatusStore.
func (db *DB) Troubles(ctx context.Context) (troubles []newsletter.Trouble, err error) {
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var t newsletter.Trouble
		err := rows.Scan(&t.Reason, instant(&t.Since), instant(&t.Until))
		troubles = append(troubles, t)
		return err
	}, "SELECT trouble, trouble_since, trouble_until FROM workers WHERE trouble <> '' AND (beat_at > ?1 OR trouble_until > ?2) ORDER BY trouble_since",
		now()-newsletter.SilentAfter.Milliseconds(), now()-3*newsletter.SilentAfter.Milliseconds()) // an only sender beats once, and tries again when it said it would
	return troubles, explain(err)
}

// Sending reports whether a process sends from this database.
func (db *DB) Sending(ctx context.Context) (bool, error) {
	if db.onlySender() {
		return true, nil
	}
	err := db.LockSender()
	if errors.Is(err, ErrLocked) {
		return true, nil
	}
	if err != nil || db.onlySender() {
		return false, errors.Join(err, db.UnlockSender())
	}
	var beating bool
	err = db.reader.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM workers WHERE beat_at > ?1)", now()-newsletter.SilentAfter.Milliseconds()).Scan(&beating)
	return beating, explain(err)
}
