package database

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"math"
	"time"

	"github.com/scaledbydesign/insights/newsletter"
	"github.com/scaledbydesign/insights/newsletter/bounce"
	"github.com/scaledbydesign/insights/subscribers"
)

// SentEmail implements newsletter.FeedbackStore.
func (db *DB) SentEmail(ctx context.Context, ref newsletter.Ref) (to string, reader subscribers.Subscriber, err error) {
	id := ref.Subscriber
	if ref.Message != 0 {
		var subscriber sql.NullInt64
		err = db.reader.QueryRowContext(ctx, "SELECT email, subscriber_id FROM messages WHERE id = ?1", ref.Message).Scan(&to, &subscriber)
		id = subscriber.Int64
	} else {
		err = db.reader.QueryRowContext(ctx, "SELECT email FROM deliveries WHERE digest_id = ?1 AND subscriber_id = ?2", ref.Digest, ref.Subscriber).Scan(&to)
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = newsletter.ErrNotFound
	}
	if err != nil || id == 0 {
		return to, reader, explain(err)
	}
	reader, err = db.ByID(ctx, id)
	if isNotFound(err) {
		return to, subscribers.Subscriber{}, nil
	}
	return to, reader, err
}

// ByMessageID implements newsletter.FeedbackStore.
func (db *DB) ByMessageID(ctx context.Context, id string) (newsletter.Ref, error) {
	key, err := db.MessageKey(ctx)
	if err != nil {
		return newsletter.Ref{}, err
	}
	ref, ok := newsletter.EmailOf(key, id)
	switch {
	case !ok:
		ref, err = db.byFormerMessageID(ctx, id)
	case ref.Message != 0:
		err = db.reader.QueryRowContext(ctx, "SELECT id FROM messages WHERE id = ?1 AND message_id = ?2", ref.Message, id).Scan(&ref.Message)
	default:
		err = db.reader.QueryRowContext(ctx, "SELECT subscriber_id FROM deliveries WHERE digest_id = ?1 AND subscriber_id = ?2 AND message_id = ?3", ref.Digest, ref.Subscriber, id).Scan(&ref.Subscriber)
	}
	if errors.Is(err, sql.ErrNoRows) {
		return newsletter.Ref{}, newsletter.ErrNotFound
	}
	return ref, explain(err)
}

// byFormerMessageID finds an email that an older version sent, in the deliveries of the
// digest that its identifier names. Anybody can name one: so it looks at one at a time, and
// at digests that are not long ago.
func (db *DB) byFormerMessageID(ctx context.Context, id string) (ref newsletter.Ref, err error) {
	unit, message := newsletter.ParseFormerMessageID(id)
	if message != 0 {
		err := db.reader.QueryRowContext(ctx, "SELECT id FROM messages WHERE id = ?1 AND message_id = ?2", message, id).Scan(&ref.Message)
		if !errors.Is(err, sql.ErrNoRows) {
			return ref, err
		}
	}
	var digest int64
	err = db.reader.QueryRowContext(ctx, `SELECT id FROM digests WHERE uid = ?1 AND created_at > ?2
		AND created_at < (SELECT CAST(value AS BIGINT) FROM settings WHERE name = 'message_ids_since')`, unit, now()-formerFor.Milliseconds()).Scan(&digest)
	if err != nil {
		return ref, err
	}
	select {
	case db.searching <- struct{}{}:
		defer func() { <-db.searching }()
	case <-ctx.Done():
		return ref, ctx.Err()
	}
	err = db.reader.QueryRowContext(ctx, "SELECT digest_id, subscriber_id FROM deliveries WHERE digest_id = ?1 AND message_id = ?2", digest, id).Scan(&ref.Digest, &ref.Subscriber)
	return ref, err
}

// RecordBounce implements newsletter.FeedbackStore.
func (db *DB) RecordBounce(ctx context.Context, b newsletter.Bounce) (known, past, marked bool, err error) {
	err = db.write(ctx, func(tx *sql.Tx) error {
		known, past, marked = false, false, false
		n, err := affected(tx.ExecContext(ctx, `INSERT INTO bounces (at, digest_id, message_id, subscriber_id, kind, class, code, status, text, hash)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (hash) DO NOTHING`,
			millis(b.At), b.Ref.Digest, b.Ref.Message, b.Subscriber, string(b.Kind), string(b.Class), b.Code, b.Status, b.Text, b.Hash))
		if known = err == nil && n == 0; known {
			return tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM events e JOIN bounces b ON b.hash = ?2
				WHERE e.subscriber_id = ?1 AND e.at >= b.at AND e.what IN (?3, ?4, ?5))`, append([]any{b.Subscriber, b.Hash}, freshStarts()...)...).Scan(&past)
		}
		switch {
		case err != nil:
			return err
		case b.Kind == bounce.Other: // anybody can send some
			_, err := tx.ExecContext(ctx, "DELETE FROM bounces WHERE kind = 'other' AND id <= (SELECT id FROM bounces WHERE kind = 'other' ORDER BY id DESC LIMIT 1 OFFSET ?1)", newsletter.MostStaffMail)
			return err
		case b.CameBack:
			if marked, err = mark(ctx, tx, b); err != nil {
				return err
			}
		}
		return keepFew(ctx, tx, b)
	})
	return known, past, marked, err
}

// keepFew bounds the reports of one email, which whoever has its return path can make up:
// the first, which marked it, and the newest stay.
func keepFew(ctx context.Context, tx *sql.Tx, b newsletter.Bounce) error {
	const ofIt = "subscriber_id = ?1 AND digest_id = ?2 AND message_id = ?3"
	_, err := tx.ExecContext(ctx, "DELETE FROM bounces WHERE "+ofIt+" AND id <= (SELECT id FROM bounces WHERE "+ofIt+" ORDER BY id DESC LIMIT 1 OFFSET ?4) AND id > (SELECT min(id) FROM bounces WHERE "+ofIt+")",
		b.Subscriber, b.Ref.Digest, b.Ref.Message, newsletter.MostReports-1)
	return err
}

// mark marks an email that came back or drew a complaint; the first mark stays, and marked
// says that this is it. A report may be here before the email's outcome is stored.
func mark(ctx context.Context, tx *sql.Tx, b newsletter.Bounce) (marked bool, err error) {
	as := newsletter.Bounced
	if b.Kind == bounce.Complaint {
		as = newsletter.Complained
	}
	if b.Ref.Message != 0 {
		return markMessage(ctx, tx, b, as)
	}
	var state newsletter.DeliveryState
	var variant int
	err = tx.QueryRowContext(ctx, `UPDATE deliveries SET mark = ?3, marked_at = ?4, lost = ?5
		WHERE digest_id = ?1 AND subscriber_id = ?2 AND mark = '' AND attempts > 0 AND state <> 'failed' RETURNING state, variant`,
		b.Ref.Digest, b.Ref.Subscriber, string(as), millis(b.At), oneIf(b.Lost)).Scan(&state, &variant)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil || !b.Lost || state != newsletter.Sent {
		return err == nil, err
	}
	var again bool // sent once more, and not come back: they have it
	err = tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM messages WHERE kind = 'resend' AND digest_id = ?1 AND subscriber_id = ?2 AND state = 'sent' AND mark <> 'bounced')", b.Ref.Digest, b.Ref.Subscriber).Scan(&again)
	if err != nil || again {
		return err == nil, err
	}
	return true, lose(ctx, tx, b.Ref.Digest, variant, b.Ref.Subscriber)
}

func markMessage(ctx context.Context, tx *sql.Tx, b newsletter.Bounce, as newsletter.Mark) (marked bool, err error) {
	var digest, subscriber int64
	var variant int
	err = tx.QueryRowContext(ctx, `UPDATE messages SET mark = ?2, marked_at = ?3 WHERE id = ?1 AND mark = '' AND attempts > 0 AND state <> 'failed'
		RETURNING digest_id, coalesce(subscriber_id, 0), variant`,
		b.Ref.Message, string(as), millis(b.At)).Scan(&digest, &subscriber, &variant)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil || !b.Lost || digest == 0 {
		return err == nil, err
	}
	return true, lose(ctx, tx, digest, variant, subscriber)
}

// freshStarts are the events of newsletter.FreshStarts, as arguments.
func freshStarts() (args []any) {
	for _, what := range newsletter.FreshStarts() {
		args = append(args, what)
	}
	return args
}

// SoftBounces implements newsletter.FeedbackStore.
func (db *DB) SoftBounces(ctx context.Context, subscriber int64, settled time.Duration) (count newsletter.SoftCount, err error) {
	var arrived int64
	at := now()
	err = db.reader.QueryRowContext(ctx, `SELECT coalesce(max(o.updated_at), 0) FROM digests g CROSS JOIN deliveries o
		WHERE o.digest_id = g.id AND o.subscriber_id = ?1 AND o.state = 'sent' AND o.updated_at < ?2 AND NOT EXISTS (SELECT 1 FROM bounces b WHERE b.subscriber_id = ?1 AND b.digest_id = o.digest_id)`,
		subscriber, at-settled.Milliseconds()).Scan(&arrived)
	if err == nil { // earlier bounces no longer count
		var fresh int64
		err = db.reader.QueryRowContext(ctx, "SELECT coalesce(max(at), 0) FROM events WHERE subscriber_id = ?1 AND what IN (?2, ?3, ?4)", append([]any{subscriber}, freshStarts()...)...).Scan(&fresh)
		arrived = max(arrived, fresh)
	}
	if err == nil {
		err = db.reader.QueryRowContext(ctx, `SELECT count(*), coalesce(min(first), 0) FROM (SELECT min(at) AS first FROM bounces
			WHERE subscriber_id = ?1 AND class = 'soft' AND at > ?2 GROUP BY digest_id, message_id) mails`, subscriber, arrived).Scan(&count.Emails, instant(&count.Since))
	}
	return count, explain(err)
}

const bounceColumns = `b.id, b.at, b.digest_id, b.message_id, b.subscriber_id, coalesce(s.email, ''), b.kind, b.class, b.code, b.status, b.text,
	coalesce(r.at, 0), coalesce(r.due_at, 0), coalesce(r.judged_at, 0), coalesce(r.verdict, ''), coalesce(r.reason, '')
	FROM bounces b LEFT JOIN subscribers s ON s.id = b.subscriber_id
	LEFT JOIN refusals r ON r.digest_id = b.digest_id AND r.message_id = b.message_id AND r.subscriber_id = b.subscriber_id AND b.class = 'hard'`

func scanBounce(rows *sql.Rows) (b newsletter.Bounce, err error) {
	var r newsletter.Refusal
	err = rows.Scan(&b.ID, instant(&b.At), &b.Ref.Digest, &b.Ref.Message, &b.Subscriber, &b.Email, &b.Kind, &b.Class, &b.Code, &b.Status, &b.Text,
		instant(&r.At), instant(&r.Due), instant(&r.Judged), &r.Verdict, &r.Reason)
	if !r.Due.IsZero() {
		b.Refusal = &r
	}
	if b.Ref.Message == 0 {
		b.Ref.Subscriber = b.Subscriber
	}
	return b, err
}

// Bounces implements newsletter.FeedbackStore.
func (db *DB) Bounces(ctx context.Context, f newsletter.BounceFilter) iter.Seq2[newsletter.Bounce, error] {
	return paged(ctx, db.reader, scanBounce, func(last *newsletter.Bounce) (string, []any, bool) {
		before := int64(math.MaxInt64)
		if last != nil {
			before = last.ID
		}
		return "SELECT " + bounceColumns + ` WHERE (CAST(?1 AS TEXT) = '' OR s.email_key = ?1)
			AND (CAST(?2 AS TEXT) = '' OR b.class = ?2 OR b.class = '' AND b.kind = ?2) AND (CAST(?3 AS BIGINT) = 0 OR b.digest_id = ?3) AND b.at >= ?4
			AND b.id < ?5 ORDER BY b.id DESC LIMIT ?6`, []any{f.Email, f.Class, f.Digest, millis(f.Since), before, pageSize}, true
	})
}

// BouncedSince implements newsletter.StatusStore.
func (db *DB) BouncedSince(ctx context.Context, since time.Time) (map[string]int, error) {
	counts := map[string]int{string(bounce.Hard): 0, string(bounce.Soft): 0, string(bounce.Blocked): 0, string(bounce.Complaint): 0, string(bounce.Other): 0}
	err := each(ctx, db.reader, func(rows *sql.Rows) error {
		var what string
		var n int
		err := rows.Scan(&what, &n)
		counts[what] += n
		return err
	}, "SELECT CASE WHEN class = '' THEN kind ELSE class END AS what, count(*) FROM bounces WHERE at > ?1 GROUP BY what", millis(since))
	return counts, explain(err)
}

// BouncesOf implements newsletter.FeedbackStore.
func (db *DB) BouncesOf(ctx context.Context, subscriber int64) iter.Seq2[newsletter.Bounce, error] {
	return paged(ctx, db.reader, scanBounce, func(last *newsletter.Bounce) (string, []any, bool) {
		var at, id int64
		if last != nil {
			at, id = millis(last.At), last.ID
		}
		return "SELECT " + bounceColumns + " WHERE b.subscriber_id = ?1 AND (b.at, b.id) > (CAST(?2 AS BIGINT), CAST(?3 AS BIGINT)) ORDER BY b.at, b.id LIMIT ?4", []any{subscriber, at, id, pageSize}, true
	})
}

// marks counts accepted emails of digests by what came of them later.
func marks(ctx context.Context, q querier, where string, args ...any) (map[newsletter.Mark]int, error) {
	counts := map[newsletter.Mark]int{newsletter.Bounced: 0, newsletter.Complained: 0}
	err := each(ctx, q, func(rows *sql.Rows) error {
		var mark newsletter.Mark
		var n int
		err := rows.Scan(&mark, &n)
		counts[mark] = n
		return err
	}, "SELECT mark, count(*) FROM deliveries WHERE mark <> '' AND "+where+" GROUP BY mark", args...)
	return counts, err
}

// MarkedSince implements newsletter.StatusStore.
func (db *DB) MarkedSince(ctx context.Context, since time.Time) (map[newsletter.Mark]int, error) {
	counts, err := marks(ctx, db.reader, "marked_at > ?1", millis(since))
	return counts, explain(err)
}
