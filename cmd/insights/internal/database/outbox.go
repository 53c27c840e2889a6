package database

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// Attach implements newsletter.OutboxStore.
func (db *DB) Attach(ctx context.Context, worker string, ttl time.Duration, policy newsletter.OnUncertain) (newsletter.Recovered, error) {
	var recovered newsletter.Recovered
	alone := db.onlySender()
	if alone {
		// Nobody else can be alive, so once attached there is nothing to beat for.
		var n int
		err := db.reader.QueryRowContext(ctx, "SELECT count(*) FROM workers WHERE id = ?1", worker).Scan(&n)
		if err != nil || n == 1 {
			return recovered, errors.Join(explain(err), db.leaveNote(ctx))
		}
		if err := db.holdIfOlder(ctx); err != nil {
			return recovered, err
		}
	}
	err := db.bookkeep(ctx, func(tx *sql.Tx) error {
		// Two that take over at once would wait for each other's rows, and then take
		// what a third has claimed of them meanwhile.
		if err := lockTable(ctx, tx, "workers"); err != nil {
			return err
		}
		at := now()
		if _, err := tx.ExecContext(ctx, "INSERT INTO workers (id, beat_at) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at", worker, at); err != nil {
			return err
		}
		alive := at - ttl.Milliseconds()
		if alone {
			alive = at + 1
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM workers WHERE beat_at < ?1 AND id <> ?2", alive, worker); err != nil {
			return err
		}
		if alone { // from here on a copy made before is an older one
			if _, err := tx.ExecContext(ctx, "UPDATE counters SET value = value + 1 WHERE name = 'senders'"); err != nil {
				return err
			}
		}
		var err error
		recovered, err = takeOver(ctx, tx, policy, at)
		return err
	})
	if err == nil && alone {
		err = db.leaveNote(ctx)
	}
	return recovered, err
}

// orphaned is a mail whose worker is gone.
const orphaned = `owner <> '' AND owner NOT IN (SELECT id FROM workers)`

// orphanedMessage is worded for the index messages_owned.
const orphanedMessage = `state IN ('claimed', 'sending') AND owner NOT IN (SELECT id FROM workers)`

func takeOver(ctx context.Context, tx *sql.Tx, policy newsletter.OnUncertain, at int64) (newsletter.Recovered, error) {
	var recovered newsletter.Recovered
	// A digest that is cancelled at the same moment is cancelled before or after.
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
	// What was left when its digest was stopped is not tried again.
	_, err = tx.ExecContext(ctx, `UPDATE deliveries SET state = ?1, next_at = -1, open = 0, reason = ?2 WHERE next_at >= 0
		AND digest_id IN (SELECT id FROM digests WHERE state IN ('cancelled', 'failed'))`, string(stopped.State), string(stopped.Reason))
	return recovered, err
}

// countAsReceived moves the positions of readers whose mail was in flight.
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
	err := db.write(ctx, func(tx *sql.Tx) error {
		for _, statement := range []string{
			"UPDATE deliveries SET state = 'pending', owner = '', next_at = 0 WHERE owner <> '' AND owner = ?1 AND state = 'claimed'",
			"UPDATE messages SET state = 'pending', owner = '' WHERE state IN ('claimed', 'sending') AND owner = ?1 AND state = 'claimed'",
			// A row still in flight belongs to nobody from here on and is found by the
			// next worker.
			"DELETE FROM workers WHERE id = ?1",
		} {
			if _, err := tx.ExecContext(ctx, statement, worker); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, db.leaveNote(ctx))
}

// Trouble implements newsletter.OutboxStore.
func (db *DB) Trouble(ctx context.Context, worker string, t newsletter.Trouble) error {
	return db.bookkeep(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE workers SET trouble = ?2, trouble_since = ?3, trouble_until = ?4 WHERE id = ?1", worker, string(t.Reason), millis(t.Since), millis(t.Until))
		return err
	})
}

// Ready implements newsletter.OutboxStore.
func (db *DB) Ready(ctx context.Context) ([]newsletter.Digest, error) {
	digests, err := db.bareDigests(ctx, "d.state IN ('approved', 'sending') AND d.not_before <= ?1 ORDER BY d.id", now())
	if err != nil {
		return nil, err
	}
	for i := range digests {
		err := each(ctx, db.reader, func(rows *sql.Rows) error {
			v, err := scanVariant(rows.Scan)
			digests[i].Variants = append(digests[i].Variants, v)
			return err
		}, "SELECT number, seqs, readers FROM variants WHERE digest_id = ?1 ORDER BY number", digests[i].ID)
		if err != nil {
			return nil, explain(err)
		}
	}
	return digests, nil
}

// Start implements newsletter.OutboxStore.
func (db *DB) Start(ctx context.Context, digest int64) error {
	return db.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE digests SET state = 'sending' WHERE id = ?1 AND state = 'approved'", digest)
		return err
	})
}

// Variant implements newsletter.OutboxStore.
func (db *DB) Variant(ctx context.Context, digest int64, number int) (newsletter.Variant, error) {
	v, err := scanVariant(db.reader.QueryRowContext(ctx, "SELECT number, seqs, readers FROM variants WHERE digest_id = ?1 AND number = ?2", digest, number).Scan)
	return v, explain(err)
}

const bodyColumns = "subject, html, text, base_url, rendered_at"

func scanBody(scan func(...any) error) (r newsletter.StoredBody, ok bool, err error) {
	var at int64
	err = scan(&r.Subject, &r.HTML, &r.Text, &r.BaseURL, &at)
	r.Date = fromMillis(at)
	return r, at != 0, err
}

// Body implements newsletter.OutboxStore.
func (db *DB) Body(ctx context.Context, digest int64, variant int) (newsletter.StoredBody, bool, error) {
	r, ok, err := scanBody(db.reader.QueryRowContext(ctx, "SELECT "+bodyColumns+" FROM variants WHERE digest_id = ?1 AND number = ?2", digest, variant).Scan)
	return r, ok, explain(err)
}

// SaveRendition implements newsletter.OutboxStore.
func (db *DB) SaveBody(ctx context.Context, digest int64, variant int, r newsletter.StoredBody) (kept newsletter.StoredBody, err error) {
	err = db.bookkeep(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE variants SET subject = ?3, html = ?4, text = ?5, base_url = ?6, rendered_at = ?7
			WHERE digest_id = ?1 AND number = ?2 AND rendered_at = 0`, digest, variant, r.Subject, r.HTML, r.Text, r.BaseURL, millis(r.Date))
		if err != nil {
			return err
		}
		kept, _, err = scanBody(tx.QueryRowContext(ctx, "SELECT "+bodyColumns+" FROM variants WHERE digest_id = ?1 AND number = ?2", digest, variant).Scan)
		return err
	})
	return kept, err
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

// dueDeliveries are due mails of digest ?1 with what their messages need. It is run
// once for some hundreds of mails.
const dueDeliveries = `SELECT o.subscriber_id, o.base_id, o.target_id, o.variant, o.attempts, o.email, coalesce(s.public_id, ''), coalesce(s.email, ''), coalesce(s.name, ''), coalesce(s.confirmed_at, 0)
	FROM deliveries o LEFT JOIN subscribers s ON s.id = o.subscriber_id
	WHERE o.digest_id = ?1 AND o.next_at >= 0 AND o.next_at <= ?2 ORDER BY o.next_at, o.variant, o.subscriber_id LIMIT ?3
	/*pg FOR UPDATE OF o SKIP LOCKED */`

// claimBatch makes due mails a worker's.
var claimBatch = batch{
	columns: []column{{"subscriber", integer}},
	fixed:   3,
	text: `UPDATE deliveries SET state = 'claimed', owner = ?3, next_at = -1, updated_at = ?2 FROM v
		WHERE digest_id = ?1 AND subscriber_id = v.subscriber AND state IN ('pending', 'deferred')`,
}

// isAttached reports whether a worker still counts as alive, and keeps others from
// burying it meanwhile. One that was, since its machine stood still, claims nothing
// before its next beat: whoever buried it would take that for left behind.
func isAttached(ctx context.Context, tx *sql.Tx, worker string) (attached bool, err error) {
	err = each(ctx, tx, func(*sql.Rows) error {
		attached = true
		return nil
	}, "SELECT id FROM workers WHERE id = ?1 /*pg FOR KEY SHARE */", worker)
	return attached, err
}

// ClaimDeliveries implements newsletter.OutboxStore.
func (db *DB) ClaimDeliveries(ctx context.Context, worker string, digest int64, limit int) ([]newsletter.Task, error) {
	at := now()
	// Most looks find nothing: see that without a write.
	var due bool
	err := db.reader.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM deliveries WHERE digest_id = ?1 AND next_at >= 0 AND next_at <= ?2) AND NOT `+held, digest, at).Scan(&due)
	if err != nil || !due {
		return nil, explain(err)
	}
	var tasks []newsletter.Task
	err = db.bookkeep(ctx, func(tx *sql.Tx) error {
		tasks = nil
		if attached, err := isAttached(ctx, tx, worker); err != nil || !attached {
			return err
		}
		var sending bool
		err := tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM digests WHERE id = ?1 AND state = 'sending') AND NOT "+held, digest).Scan(&sending)
		if err != nil || !sending { // paused, ended or held meanwhile
			return err
		}
		err = each(ctx, tx, func(rows *sql.Rows) error {
			t := newsletter.Task{Kind: newsletter.DigestEmail, Ref: newsletter.Ref{Digest: digest}}
			var address string
			var confirmed int64
			err := rows.Scan(&t.Ref.Subscriber, &t.Change.Base, &t.Change.Target, &t.Variant, &t.Attempts, &t.To, &t.Subscriber.PublicID, &address, &t.Subscriber.Name, &confirmed)
			// Without an address a mail ends by itself; the others go on.
			t.Subscriber.Address, _ = subscribers.ParseAddress(address)
			t.Subscriber.ID, t.Subscriber.ConfirmedAt = t.Ref.Subscriber, fromMillis(confirmed)
			tasks = append(tasks, t)
			return err
		}, dueDeliveries, digest, at, limit)
		if err != nil {
			return err
		}
		return store(ctx, db, tx, &claimBatch, []any{digest, at, worker}, tasks, func(args []any, t newsletter.Task) []any {
			return append(args, t.Ref.Subscriber)
		})
	})
	slices.SortFunc(tasks, func(a, b newsletter.Task) int {
		return cmp.Or(cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.Ref.Subscriber, b.Ref.Subscriber))
	})
	return tasks, err
}

// readersOfMessages are the subscribers whose messages a worker has, by id.
func readersOfMessages(ctx context.Context, q querier, worker string) (map[int64]subscribers.Subscriber, error) {
	b, err := readBits(ctx, q)
	if err != nil {
		return nil, err
	}
	found := make(map[int64]subscribers.Subscriber)
	err = each(ctx, q, func(rows *sql.Rows) error {
		var s storedSubscriber
		var times times
		if err := rows.Scan(s.fields(&times)...); err != nil {
			return err
		}
		_ = s.finish(b, times) // without an address a mail ends by itself; the others go on
		found[s.ID] = s.Subscriber
		return nil
	}, "SELECT "+subscriberColumns+" FROM subscribers s WHERE s.id IN (SELECT subscriber_id FROM messages WHERE state IN ('claimed', 'sending') AND owner = ?1)", worker)
	return found, err
}

// ClaimMessages implements newsletter.OutboxStore.
func (db *DB) ClaimMessages(ctx context.Context, worker string, limit int) ([]newsletter.Task, error) {
	at := now()
	var due bool
	err := db.reader.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM messages WHERE state IN ('pending', 'deferred') AND next_at <= ?1) AND NOT `+held, at).Scan(&due)
	if err != nil || !due {
		return nil, explain(err)
	}
	var tasks []newsletter.Task
	err = db.bookkeep(ctx, func(tx *sql.Tx) error {
		tasks = nil
		if attached, err := isAttached(ctx, tx, worker); err != nil || !attached {
			return err
		}
		err := each(ctx, tx, func(rows *sql.Rows) error {
			var t newsletter.Task
			var created int64
			err := rows.Scan(&t.Ref.Message, &t.Ref.Subscriber, &t.Kind, &t.To, &t.Payload, &t.Attempts, &created)
			t.Created = fromMillis(created)
			tasks = append(tasks, t)
			return err
		}, `WITH due AS MATERIALIZED (SELECT id FROM messages WHERE state IN ('pending', 'deferred') AND next_at <= ?1 ORDER BY next_at, id LIMIT ?2 /*pg FOR UPDATE SKIP LOCKED */)
			UPDATE messages SET state = 'claimed', owner = ?3, updated_at = ?1 WHERE id IN (SELECT id FROM due)
			RETURNING id, coalesce(subscriber_id, 0), kind, email, payload, attempts, created_at`, at, limit, worker)
		if err != nil {
			return err
		}
		readers, err := readersOfMessages(ctx, tx, worker)
		if err != nil {
			return err
		}
		for i := range tasks {
			t := &tasks[i]
			if t.Ref.Subscriber != 0 {
				t.Subscriber = readers[t.Ref.Subscriber]
			} else {
				t.Subscriber.Address, _ = subscribers.ParseAddress(t.To) // as above
			}
		}
		slices.SortFunc(tasks, func(a, b newsletter.Task) int { return cmp.Compare(a.Ref.Message, b.Ref.Message) })
		return nil
	})
	return tasks, err
}

// openDeliveries reports whether digest ?1 has a delivery that is not terminal. It
// is worded so that the partial indexes answer it, and not a walk over the digest.
const openDeliveries = `EXISTS (SELECT 1 FROM deliveries WHERE digest_id = ?1 AND next_at >= 0)
	OR EXISTS (SELECT 1 FROM deliveries WHERE digest_id + 0 = ?1 AND owner <> '')`

// Finish implements newsletter.OutboxStore.
func (db *DB) Finish(ctx context.Context, digest int64) (done bool, err error) {
	var busy bool
	if err := db.reader.QueryRowContext(ctx, "SELECT "+openDeliveries, digest).Scan(&busy); err != nil || busy {
		return false, explain(err)
	}
	err = db.write(ctx, func(tx *sql.Tx) error {
		done = false
		if err := lockDigest(ctx, tx, digest); err != nil { // what is looked at next is from after a retry at the same moment
			return err
		}
		changed, err := affected(tx.ExecContext(ctx, "UPDATE digests SET state = 'done', done_at = ?2 WHERE id = ?1 AND state = 'sending' AND NOT ("+openDeliveries+")", digest, now()))
		done = changed == 1
		return err
	})
	return done, err
}

// nextDueQuery asks digest by digest, so that planned ones that wait for staff
// cost nothing.
const nextDueQuery = `SELECT coalesce(min(due), 0) FROM (
	SELECT CASE WHEN g.not_before > ?1 THEN g.not_before ELSE (SELECT min(d.next_at) FROM deliveries d WHERE d.digest_id = g.id AND d.next_at >= 0) END AS due
	FROM digests g WHERE g.state IN ('approved', 'sending')
	UNION ALL SELECT min(next_at) FROM messages WHERE state IN ('pending', 'deferred')) t WHERE NOT ` + held

// NextDue implements newsletter.OutboxStore.
func (db *DB) NextDue(ctx context.Context) (time.Time, error) {
	var due int64
	err := db.reader.QueryRowContext(ctx, nextDueQuery, now()).Scan(&due)
	return fromMillis(due), explain(err)
}
