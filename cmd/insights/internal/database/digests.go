package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/scaledbydesign/insights/newsletter"
)

const digestColumns = `d.id, d.uid, d.state, d.reason, d.cadence, d.category, d.only_id, d.schedule, d.slot, d.subject, d.intro, d.cutoff, d.max_items, d.hash, d.items, d.readers,
	d.not_before, d.created_at, d.planned_at, d.approved_at, d.done_at`

func scanDigest(scan func(...any) error) (newsletter.Digest, error) {
	var d newsletter.Digest
	var items string
	var notBefore, created, planned, approved, done int64
	err := scan(&d.ID, &d.UID, &d.State, &d.Reason, &d.Cadence, &d.Category, &d.Only, &d.Schedule, &d.Slot, &d.Subject, &d.Intro, &d.Cutoff, &d.MaxItems, &d.Hash, &items, &d.Readers,
		&notBefore, &created, &planned, &approved, &done)
	if err != nil {
		return d, err
	}
	d.NotBefore = fromMillis(notBefore)
	d.CreatedAt, d.PlannedAt, d.ApprovedAt, d.DoneAt = fromMillis(created), fromMillis(planned), fromMillis(approved), fromMillis(done)
	if err := json.Unmarshal([]byte(items), &d.Items); err != nil {
		return d, fmt.Errorf("read the insights of digest %d: %w", d.ID, err)
	}
	return d, nil
}

// digest reads one digest with its variants and counts.
func digest(ctx context.Context, q querier, id int64) (newsletter.Digest, error) {
	d, err := scanDigest(q.QueryRowContext(ctx, "SELECT "+digestColumns+" FROM digests d WHERE d.id = ?1", id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return d, fmt.Errorf("digest %d: %w", id, newsletter.ErrNotFound)
	}
	if err != nil {
		return d, explain(err)
	}
	return d, complete(ctx, q, &d)
}

// complete adds a digest's variants and the counts of its deliveries, one by one.
func complete(ctx context.Context, q querier, d *newsletter.Digest) error {
	if err := addVariantsTo(ctx, q, d); err != nil {
		return err
	}
	d.Counts = noCounts()
	return explain(each(ctx, q, func(rows *sql.Rows) error {
		var state newsletter.DeliveryState
		var n int
		err := rows.Scan(&state, &n)
		d.Counts[state] = n
		return err
	}, "SELECT state, count(*) FROM deliveries WHERE digest_id = ?1 GROUP BY state", d.ID))
}

func addVariantsTo(ctx context.Context, q querier, d *newsletter.Digest) error {
	d.Variants = nil
	err := each(ctx, q, func(rows *sql.Rows) error {
		v, err := scanVariant(rows.Scan)
		d.Variants = append(d.Variants, v)
		return err
	}, "SELECT number, seqs, readers FROM variants WHERE digest_id = ?1 ORDER BY number", d.ID)
	return explain(err)
}

func scanVariant(scan func(...any) error) (newsletter.Variant, error) {
	var v newsletter.Variant
	var seqs string
	if err := scan(&v.Number, &seqs, &v.Readers); err != nil {
		return v, err
	}
	return v, json.Unmarshal([]byte(seqs), &v.Seqs)
}

// Digest implements newsletter.DigestStore.
func (db *DB) Digest(ctx context.Context, id int64) (newsletter.Digest, error) {
	return digest(ctx, db.reader, id)
}

// Glance is Digest, counted as Tally does.
func (db *DB) Glance(ctx context.Context, id int64) (newsletter.Digest, error) {
	found, err := db.tallied(ctx, "d.id = ?1", id)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("digest %d: %w", id, newsletter.ErrNotFound)
	}
	if err != nil {
		return newsletter.Digest{}, err
	}
	return found[0], nil
}

// Digests implements newsletter.DigestStore: the newest first, without digests
// that are still being planned. It counts as Tally does.
func (db *DB) Digests(ctx context.Context, limit int) ([]newsletter.Digest, error) {
	return db.tallied(ctx, "d.state <> 'planning' ORDER BY d.id DESC LIMIT ?1", limit)
}

// Unfinished lists the digests that are being sent or are paused, and the newest of
// each schedule if staff are to approve it; the newest first, as Digests does.
func (db *DB) Unfinished(ctx context.Context) ([]newsletter.Digest, error) {
	return db.tallied(ctx, `d.state IN ('approved', 'sending', 'paused') OR d.state = 'planned' AND d.schedule <> ''
		AND d.id = (SELECT max(n.id) FROM digests n WHERE n.schedule = d.schedule AND n.state <> 'planning') ORDER BY d.id DESC LIMIT 50`)
}

func (db *DB) tallied(ctx context.Context, where string, args ...any) ([]newsletter.Digest, error) {
	digests, err := db.bareDigests(ctx, where, args...)
	if err != nil {
		return nil, err
	}
	for i := range digests {
		d := &digests[i]
		if err := addVariantsTo(ctx, db.reader, d); err != nil {
			return nil, err
		}
		if d.Counts, err = db.Tally(ctx, d.ID); err != nil {
			return nil, err
		}
	}
	return digests, nil
}

// SentDigests returns digests that have reached somebody, the newest first,
// without variants and counts. One that was made for a single reader is not
// listed; its page exists, since the mail links to it.
func (db *DB) SentDigests(ctx context.Context, limit, offset int) ([]newsletter.Digest, error) {
	return db.bareDigests(ctx, sentDigest+" AND d.only_id = 0 ORDER BY d.id DESC LIMIT ?1 OFFSET ?2", limit, offset)
}

// sentDigest is a digest that was sent to somebody.
const sentDigest = `d.state IN ('sending', 'paused', 'done', 'cancelled') AND EXISTS (SELECT 1 FROM deliveries o WHERE o.digest_id = d.id AND o.state = 'sent')`

// SentDigest is one digest of the public archive, or newsletter.ErrNotFound.
func (db *DB) SentDigest(ctx context.Context, id int64) (newsletter.Digest, error) {
	found, err := db.bareDigests(ctx, sentDigest+" AND d.id = ?1", id)
	if err != nil {
		return newsletter.Digest{}, err
	}
	if len(found) == 0 {
		return newsletter.Digest{}, fmt.Errorf("digest %d: %w", id, newsletter.ErrNotFound)
	}
	return found[0], nil
}

func (db *DB) bareDigests(ctx context.Context, where string, args ...any) ([]newsletter.Digest, error) {
	var digests []newsletter.Digest
	err := each(ctx, db.reader, func(rows *sql.Rows) error {
		d, err := scanDigest(rows.Scan)
		digests = append(digests, d)
		return err
	}, "SELECT "+digestColumns+" FROM digests d WHERE "+where, args...)
	return digests, explain(err)
}

// Approve implements newsletter.DigestStore.
func (db *DB) Approve(ctx context.Context, id int64) (changed bool, err error) {
	return db.steer(ctx, id, newsletter.DigestState.Approve, func(tx *sql.Tx, to newsletter.DigestState, changed bool) error {
		return setState(ctx, tx, changed, "UPDATE digests SET state = ?2, approved_at = ?3, active_at = ?3 WHERE id = ?1", id, string(to), now())
	})
}

// Pause implements newsletter.DigestStore.
func (db *DB) Pause(ctx context.Context, id int64, reason newsletter.Reason) (changed bool, err error) {
	return db.steer(ctx, id, newsletter.DigestState.Pause, func(tx *sql.Tx, to newsletter.DigestState, changed bool) error {
		return setState(ctx, tx, changed, "UPDATE digests SET state = ?2, reason = ?3 WHERE id = ?1", id, string(to), string(reason))
	})
}

// Resume implements newsletter.DigestStore.
func (db *DB) Resume(ctx context.Context, id int64) (changed bool, err error) {
	return db.steer(ctx, id, newsletter.DigestState.Resume, func(tx *sql.Tx, to newsletter.DigestState, changed bool) error {
		return setState(ctx, tx, changed, "UPDATE digests SET state = ?2, reason = '', approved_at = ?3, active_at = ?3 WHERE id = ?1", id, string(to), now())
	})
}

// Cancel implements newsletter.DigestStore.
func (db *DB) Cancel(ctx context.Context, id int64) (changed bool, err error) {
	return db.steer(ctx, id, newsletter.DigestState.Cancel, func(tx *sql.Tx, to newsletter.DigestState, changed bool) error {
		if err := setState(ctx, tx, changed, "UPDATE digests SET state = ?2, done_at = ?3 WHERE id = ?1", id, string(to), now()); err != nil || !changed {
			return err
		}
		return skipUnstarted(ctx, tx, id, newsletter.ReasonCancelled)
	})
}

// setState runs the statement that gives a digest another state, if it is another.
func setState(ctx context.Context, tx *sql.Tx, changed bool, statement string, args ...any) error {
	if !changed {
		return nil
	}
	_, err := tx.ExecContext(ctx, statement, args...)
	return err
}

// steer asks rule what state a digest gets, and applies it while nobody else changes
// the digest.
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

const (
	deliveryColumns = `d.digest_id, d.subscriber_id, CAST(0 AS BIGINT), 'digest', CASE d.email WHEN '' THEN coalesce(s.email, '') ELSE d.email END,
		d.state, d.attempts, d.variant, d.code, d.reason, d.message_id, d.next_at, d.updated_at, d.uncertain_at`
	messageColumns = `CAST(0 AS BIGINT), coalesce(m.subscriber_id, 0), m.id, m.kind, m.email,
		m.state, m.attempts, CAST(0 AS BIGINT), m.code, m.reason, m.message_id, m.next_at, m.updated_at, m.uncertain_at`
)

func scanDelivery(scan func(...any) error) (d newsletter.Delivery, err error) {
	var next, updated, uncertain int64
	err = scan(&d.Ref.Digest, &d.Ref.Subscriber, &d.Ref.Message, &d.Kind, &d.Email,
		&d.State, &d.Attempts, &d.Variant, &d.Code, &d.Reason, &d.MessageID, &next, &updated, &uncertain)
	d.NextAt, d.UpdatedAt, d.UncertainAt = fromMillis(max(next, 0)), fromMillis(updated), fromMillis(uncertain)
	return d, err
}

// Delivery implements newsletter.DigestStore.
func (db *DB) Delivery(ctx context.Context, ref newsletter.Ref) (newsletter.Delivery, error) {
	query, args := "SELECT "+deliveryColumns+" FROM deliveries d LEFT JOIN subscribers s ON s.id = d.subscriber_id WHERE d.digest_id = ?1 AND d.subscriber_id = ?2", []any{ref.Digest, ref.Subscriber}
	if ref.Message != 0 {
		query, args = "SELECT "+messageColumns+" FROM messages m WHERE m.id = ?1", []any{ref.Message}
	}
	d, err := scanDelivery(db.reader.QueryRowContext(ctx, query, args...).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = newsletter.ErrNotFound
	}
	return d, explain(err)
}

// Deliveries implements newsletter.DigestStore: mails of digests, the newest digest
// first, then single ones, the newest first.
func (db *DB) Deliveries(ctx context.Context, f newsletter.DeliveryFilter) iter.Seq2[newsletter.Delivery, error] {
	return func(yield func(newsletter.Delivery, error) bool) {
		const wanted = "(CAST(?2 AS TEXT) = '' OR o.state = ?2 OR ?2 = 'uncertain' AND o.uncertain_at > 0)"
		for _, query := range []string{
			"SELECT " + deliveryColumns + ` FROM deliveries d LEFT JOIN subscribers s ON s.id = d.subscriber_id
				WHERE (CAST(?1 AS BIGINT) = 0 OR d.digest_id = ?1) AND ` + strings.ReplaceAll(wanted, "o.", "d.") + ` AND (CAST(?3 AS TEXT) = '' OR s.email_key = ?3)
				ORDER BY d.digest_id DESC, d.subscriber_id`,
			"SELECT " + messageColumns + " FROM messages m WHERE CAST(?1 AS BIGINT) = 0 AND " + strings.ReplaceAll(wanted, "o.", "m.") + ` AND (CAST(?3 AS TEXT) = '' OR lower(m.email) = ?3)
				ORDER BY m.id DESC`,
		} {
			rows, err := db.reader.QueryContext(ctx, query, f.Digest, string(f.State), f.Email)
			if err != nil {
				yield(newsletter.Delivery{}, explain(err))
				return
			}
			defer rows.Close()
			for rows.Next() {
				d, err := scanDelivery(rows.Scan)
				if !yield(d, err) || err != nil {
					return
				}
			}
			if err := rows.Err(); err != nil {
				yield(newsletter.Delivery{}, explain(err))
				return
			}
		}
	}
}
