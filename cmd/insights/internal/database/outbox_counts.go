package database

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/subscribers"
)

// tallyQuery counts deliveries of the digests d that match a condition, without reading
// them. Every state but sent has an index: the first row is how many there are, the
// second how many wait, including deferred ones. The conditions repeat those of the
// indexes, and + keeps SQLite from choosing another one.
func tallyQuery(digests string) string {
	return strings.ReplaceAll(`SELECT 'sent', CAST(coalesce(sum(d.readers), 0) AS BIGINT) FROM digests d WHERE :digests
		UNION ALL SELECT 'pending', CAST(coalesce(sum((SELECT count(*) FROM deliveries o WHERE o.digest_id = d.id AND o.next_at >= 0)), 0) AS BIGINT) FROM digests d WHERE :digests
		UNION ALL SELECT 'deferred', CAST(coalesce(sum((SELECT count(*) FROM deliveries o WHERE o.digest_id = d.id AND o.next_at >= 0 AND o.next_at > 0 AND o.state = 'deferred')), 0) AS BIGINT) FROM digests d WHERE :digests
		UNION ALL SELECT o.state, count(*) FROM deliveries o JOIN digests d ON d.id = +o.digest_id WHERE o.owner <> '' AND :digests GROUP BY o.state
		UNION ALL SELECT o.state, count(*) FROM digests d JOIN deliveries o ON o.digest_id = d.id WHERE o.next_at < 0 AND o.owner = '' AND o.state <> 'sent' AND :digests GROUP BY o.state`,
		":digests", digests)
}

var (
	tallyOfOne    = tallyQuery("d.id = ?1")
	tallyOfActive = tallyQuery("d.state IN ('approved', 'sending', 'paused')")
)

func noCounts() map[newsletter.DeliveryState]int {
	counts := make(map[newsletter.DeliveryState]int, len(newsletter.DeliveryStates))
	for _, s := range newsletter.DeliveryStates {
		counts[s] = 0
	}
	return counts
}

func (db *DB) tally(ctx context.Context, query string, args ...any) (map[newsletter.DeliveryState]int, error) {
	counts := noCounts()
	err := each(ctx, db.reader, func(rows *sql.Rows) error {
		var state newsletter.DeliveryState
		var n int
		err := rows.Scan(&state, &n)
		counts[state] += n
		switch state {
		case newsletter.Sent:
		case newsletter.Deferred:
			counts[newsletter.Pending] -= n
		default:
			counts[newsletter.Sent] -= n
		}
		return err
	}, query, args...)
	return counts, explain(err)
}

// Tally counts the deliveries of a planned digest by state, in no time even for a
// million: those in no other state were sent. Digest counts each.
func (db *DB) Tally(ctx context.Context, digest int64) (map[newsletter.DeliveryState]int, error) {
	return db.tally(ctx, tallyOfOne, digest)
}

// Outbox implements newsletter.StatusStore. It counts as Tally does.
func (db *DB) Outbox(ctx context.Context) (map[newsletter.DeliveryState]int, error) {
	counts, err := db.tally(ctx, tallyOfActive)
	if err != nil {
		return nil, err
	}
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var state newsletter.DeliveryState
		var n int
		err := rows.Scan(&state, &n)
		counts[state] += n
		return err
	}, "SELECT state, count(*) FROM messages GROUP BY state")
	return counts, explain(err)
}

// Readers counts subscribers by status.
func (db *DB) Readers(ctx context.Context) (map[subscribers.Status]int, error) {
	counts := make(map[subscribers.Status]int)
	err := each(ctx, db.reader, func(rows *sql.Rows) error {
		var status subscribers.Status
		var n int
		err := rows.Scan(&status, &n)
		counts[status] += n
		if status != subscribers.Confirmed {
			counts[subscribers.Confirmed] -= n
		}
		return err
	}, `SELECT 'confirmed', count(*) FROM subscribers
		UNION ALL SELECT status, count(*) FROM subscribers WHERE status <> 'confirmed' GROUP BY status`)
	return counts, explain(err)
}

// OldestDue returns since when the email that has waited longest could be sent: it may
// be in the future, and is zero when nothing waits. An email that was never tried is due
// from when its digest was approved, or it was queued.
func (db *DB) OldestDue(ctx context.Context) (time.Time, error) {
	var due int64
	err := db.reader.QueryRowContext(ctx, `SELECT coalesce(min(due), 0) FROM (
		SELECT CASE WHEN next_at > approved_at THEN next_at ELSE approved_at END AS due FROM (
			SELECT g.approved_at, (SELECT min(d.next_at) FROM deliveries d WHERE d.digest_id = g.id AND d.next_at >= 0) AS next_at
			FROM digests g WHERE g.state IN ('approved', 'sending')) open WHERE next_at IS NOT NULL
		UNION ALL SELECT min(CASE WHEN next_at > created_at THEN next_at ELSE created_at END) FROM messages WHERE state IN ('pending', 'deferred')) t`).Scan(&due)
	return fromMillis(due), explain(err)
}

// Paused counts the digests that are paused.
func (db *DB) Paused(ctx context.Context) (n int, err error) {
	err = db.reader.QueryRowContext(ctx, "SELECT count(*) FROM digests WHERE state = 'paused'").Scan(&n)
	return n, explain(err)
}

// Unsent implements newsletter.StatusStore.
func (db *DB) Unsent(ctx context.Context) (digests, emails int, err error) {
	err = db.reader.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM digests WHERE state IN ('approved', 'sending')),
		(SELECT count(*) FROM deliveries o JOIN digests d ON d.id = o.digest_id WHERE o.next_at >= 0 AND d.state IN ('approved', 'sending'))
		+ (SELECT count(*) FROM messages WHERE state IN ('pending', 'deferred'))`).Scan(&digests, &emails)
	return digests, emails, explain(err)
}

// NextTry implements newsletter.StatusStore.
func (db *DB) NextTry(ctx context.Context, digest int64) (at time.Time, err error) {
	err = db.reader.QueryRowContext(ctx, "SELECT coalesce(min(next_at), 0) FROM deliveries WHERE digest_id = ?1 AND next_at >= 0 AND next_at > 0 AND state = 'deferred'", digest).Scan(instant(&at))
	return at, explain(err)
}

// Behind implements newsletter.StatusStore.
func (db *DB) Behind(ctx context.Context, digest int64) (n int, err error) {
	err = db.reader.QueryRowContext(ctx, `SELECT count(*) FROM deliveries d
		WHERE d.digest_id = ?1 AND d.next_at >= 0 AND d.next_at > 0 AND d.state = 'pending' AND d.reason IN (?2, ?3)
		AND EXISTS (SELECT 1 FROM deliveries o JOIN digests g ON g.id = o.digest_id
			WHERE o.subscriber_id = d.subscriber_id AND o.digest_id <> d.digest_id AND o.open = 1 AND (o.next_at > 0 OR o.next_at = 0 AND g.state = 'paused'))`,
		digest, string(newsletter.ReasonOtherEarlier), string(newsletter.ReasonOtherInDoubt)).Scan(&n)
	return n, explain(err)
}
