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
		_, err := tx.ExecContext(ctx, "INSERT INTO workers (id, beat_at) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at", worker, now())
		if err == nil && alone { // copies made before now are older
			_, err = tx.ExecContext(ctx, "UPDATE counters SET value = value + 1 WHERE name = 'senders'")
		}
		return err
	})
	if err == nil {
		recovered, err = db.takeOver(ctx, ttl, policy, alone, db.beats(worker, ttl))
	}
	if err == nil && alone {
		err = db.writeNote(ctx)
	}
	return recovered, err
}

// beating is since when a worker has been heard of without a break, and when last.
type beating struct{ since, last time.Time }

// beats notes a heartbeat, and reports whether the worker has been heard of for as long as
// others must be silent to count as dead. Before, they may have been silent because the
// database was away, and all come back now.
func (db *DB) beats(worker string, ttl time.Duration) (settled bool) {
	now := time.Now()
	b := beating{since: now, last: now}
	if before, known := db.beatings.Load(worker); known && now.Sub(before.(beating).last) <= ttl/2 {
		b.since = before.(beating).since
	}
	db.beatings.Store(worker, b)
	return now.Sub(b.since) >= ttl
}

// takeOver gives back what dead workers left. It is no part of the heartbeat before it,
// which waits for nobody: rows may be held by a process that was stopped in the middle of
// a transaction, until the server ends that. Where one is held, or another worker takes
// over, it is left to a later heartbeat. Until it is settled, only those that are forgotten
// already count as dead.
func (db *DB) takeOver(ctx context.Context, ttl time.Duration, policy newsletter.OnUncertain, alone, settled bool) (recovered newsletter.Recovered, err error) {
	at := now()
	alive := at - ttl.Milliseconds()
	if !settled {
		alive = 0
	}
	if !alone {
		var left bool
		err := db.reader.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM workers WHERE beat_at < ?1) OR EXISTS ("+orphansQuery+")", alive).Scan(&left)
		if err != nil || !left {
			return recovered, explain(err)
		}
	}
	err = db.transact(ctx, func(tx *sql.Tx) error {
		if turn, err := takesOver(ctx, tx); err != nil || !turn {
			return err
		}
		if err := db.forgetDead(ctx, tx, alive, alone); err != nil {
			return err
		}
		var err error
		recovered, err = takeOverAll(ctx, tx, policy, at)
		return err
	})
	if err != nil {
		recovered = newsletter.Recovered{}
		if db.engine.again(err) {
			err = nil
		}
	}
	return recovered, explain(err)
}

// forgetDead deletes the workers that have not been heard of for long or, if this process
// alone sends, that are not its own.
func (db *DB) forgetDead(ctx context.Context, tx *sql.Tx, alive int64, alone bool) error {
	var dead []string
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var id string
		var beat int64
		err := rows.Scan(&id, &beat)
		if _, own := db.attached.Load(id); alone && !own || !alone && beat < alive {
			dead = append(dead, id)
		}
		return err
	}, "SELECT id, beat_at FROM workers /*pg FOR UPDATE SKIP LOCKED */") // others claim, or beat
	for _, id := range dead {
		if err == nil {
			_, err = tx.ExecContext(ctx, "DELETE FROM workers WHERE id = ?1", id)
		}
	}
	return err
}

// orphansQuery are the workers that are gone and have left something.
const orphansQuery = `SELECT owner FROM deliveries WHERE owner <> '' AND owner NOT IN (SELECT id FROM workers)
	UNION SELECT owner FROM messages WHERE state IN ('claimed', 'sending') AND owner NOT IN (SELECT id FROM workers)`

// What a worker has in its hands; written for the indexes.
const (
	ownDeliveries = `owner <> '' AND owner = ?1`
	ownMessages   = `state IN ('claimed', 'sending') AND owner = ?1`
)

// takeOverAll takes over from the workers that are gone now. One that appears meanwhile is
// not among them, whatever it claims.
func takeOverAll(ctx context.Context, tx *sql.Tx, policy newsletter.OnUncertain, at int64) (recovered newsletter.Recovered, err error) {
	var gone []string
	err = each(ctx, tx, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		gone = append(gone, id)
		return err
	}, orphansQuery+" ORDER BY owner")
	for _, id := range gone {
		if err == nil {
			err = takeOverFrom(ctx, tx, id, policy, at, &recovered)
		}
	}
	if err != nil || recovered == (newsletter.Recovered{}) {
		return recovered, err
	}
	// Emails of digests that were stopped meanwhile are not retried.
	stopped := policy.Recover(newsletter.Claimed, true, fromMillis(at))
	_, err = tx.ExecContext(ctx, `UPDATE deliveries SET state = ?1, next_at = -1, open = 0, reason = ?2 WHERE next_at >= 0
		AND digest_id IN (SELECT id FROM digests WHERE state IN ('cancelled', 'failed'))`, string(stopped.State), string(stopped.Reason))
	return recovered, err
}

func takeOverFrom(ctx context.Context, tx *sql.Tx, worker string, policy newsletter.OnUncertain, at int64, recovered *newsletter.Recovered) error {
	// Concurrent cancellations of their digests come before or after.
	err := each(ctx, tx, func(*sql.Rows) error { return nil },
		"SELECT id FROM digests WHERE id IN (SELECT digest_id FROM deliveries WHERE "+ownDeliveries+") ORDER BY id /*pg FOR SHARE */", worker)
	if err != nil {
		return err
	}
	claimed := policy.Recover(newsletter.Claimed, false, fromMillis(at))
	sending := policy.Recover(newsletter.Sending, false, fromMillis(at))
	if sending.Received {
		if err := countAsReceived(ctx, tx, worker); err != nil {
			return err
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
		{&recovered.Claimed, "UPDATE deliveries SET state = ?2, owner = '', next_at = 0, updated_at = ?3 WHERE state = 'claimed' AND " + ownDeliveries, []any{string(claimed.State), at}},
		{&recovered.Claimed, "UPDATE messages SET state = ?2, owner = '', updated_at = ?3 WHERE state = 'claimed' AND " + ownMessages, []any{string(claimed.State), at}},
		{&recovered.Uncertain, "UPDATE deliveries SET state = ?2, owner = '', uncertain_at = ?3, next_at = ?4, updated_at = ?3, reason = ?5 WHERE state = 'sending' AND " + ownDeliveries, []any{string(sending.State), at, next, string(sending.Reason)}},
		{&recovered.Uncertain, "UPDATE messages SET state = ?2, owner = '', uncertain_at = ?3, next_at = ?3, updated_at = ?3, reason = ?4 WHERE state = 'sending' AND " + ownMessages, []any{string(sending.State), at, string(sending.Reason)}},
	} {
		n, err := affected(tx.ExecContext(ctx, step.statement, append([]any{worker}, step.args...)...))
		if err != nil {
			return err
		}
		*step.count += int(n)
	}
	return nil
}

// countAsReceived moves the positions of readers whose email a worker had in flight.
func countAsReceived(ctx context.Context, tx *sql.Tx, worker string) error {
	type move struct{ subscriber, base, target int64 }
	var moves []move
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var m move
		err := rows.Scan(&m.subscriber, &m.base, &m.target)
		moves = append(moves, m)
		return err
	}, "SELECT subscriber_id, base_id, target_id FROM deliveries WHERE state = 'sending' AND "+ownDeliveries, worker)
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
	db.beatings.Delete(worker)
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

// Share implements newsletter.OutboxStore.
func (db *DB) Share(ctx context.Context, worker string, ttl time.Duration, slowed float64) (s newsletter.Share, err error) {
	if db.onlySender() {
		return newsletter.Share{Workers: 1}, nil
	}
	const thousandths = 1000
	err = db.execQuietly(ctx, "UPDATE workers SET slowed = ?2 WHERE id = ?1 AND slowed <> ?2", worker, int64(slowed*thousandths))
	if err != nil {
		return s, err
	}
	var slowest int64
	err = db.reader.QueryRowContext(ctx, "SELECT count(*), coalesce(min(CASE WHEN id <> ?1 AND slowed > 0 THEN slowed END), 0) FROM workers WHERE id = ?1 OR beat_at >= ?2",
		worker, now()-ttl.Milliseconds()).Scan(&s.Workers, &slowest)
	s.Workers, s.Slowest = max(s.Workers, 1), float64(slowest)/thousandths
	return s, explain(err)
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
