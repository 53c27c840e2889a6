package database

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

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
	return db.exec(ctx, "UPDATE digests SET state = 'sending' WHERE id = ?1 AND state = 'approved'", digest)
}

// dueDeliveries selects due emails of digest ?1 with what their messages need. It is
// run once for some hundreds of emails.
const dueDeliveries = `SELECT o.subscriber_id, o.base_id, o.target_id, o.variant, o.attempts, o.email, o.message_id, coalesce(s.public_id, ''), coalesce(s.email, ''), coalesce(s.name, ''), coalesce(s.confirmed_at, 0)
	FROM deliveries o LEFT JOIN subscribers s ON s.id = o.subscriber_id
	WHERE o.digest_id = ?1 AND o.next_at >= 0 AND o.next_at <= ?2 ORDER BY o.next_at, o.variant, o.subscriber_id LIMIT ?3
	/*pg FOR UPDATE OF o SKIP LOCKED */`

// claimBatch assigns due emails to a worker.
var claimBatch = batch{
	columns: []column{{"subscriber", integer}},
	fixed:   3,
	text: `UPDATE deliveries SET state = 'claimed', owner = ?3, next_at = -1, updated_at = ?2 FROM v
		WHERE digest_id = ?1 AND subscriber_id = v.subscriber AND state IN ('pending', 'deferred')`,
}

// ClaimDeliveries implements newsletter.OutboxStore.
func (db *DB) ClaimDeliveries(ctx context.Context, worker string, digest int64, limit int) ([]newsletter.Task, error) {
	at := now()
	// Most looks find nothing: find that out without a write.
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
			err := rows.Scan(&t.Ref.Subscriber, &t.Change.Base, &t.Change.Target, &t.Variant, &t.Attempts, &t.To, &t.MessageID, &t.Subscriber.PublicID, &address, &t.Subscriber.Name, &confirmed)
			// Without an address only that email fails.
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

// openDeliveries reports whether digest ?1 has a delivery that is not terminal. It is
// written so that partial indexes answer it, not a scan of the digest.
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
		if err := lockDigest(ctx, tx, digest); err != nil { // so that a concurrent retry is seen
			return err
		}
		changed, err := affected(tx.ExecContext(ctx, "UPDATE digests SET state = 'done', done_at = ?2, "+nowAccepted+" WHERE id = ?1 AND state = 'sending' AND NOT ("+openDeliveries+")", digest, now()))
		done = changed == 1
		return err
	})
	return done, err
}

// nextDueQuery goes digest by digest, so that those waiting for approval cost nothing.
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

// Touch implements newsletter.OutboxStore.
func (db *DB) Touch(ctx context.Context, digest int64) error {
	return db.execQuietly(ctx, "UPDATE digests SET active_at = ?2 WHERE id = ?1", digest, now())
}
