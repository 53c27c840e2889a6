package database

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"iter"
	"math"
	"strings"

	"github.com/scaledbydesign/insights/newsletter"
)

const (
	deliveryColumns = `d.digest_id, d.subscriber_id, CAST(0 AS BIGINT), 'digest', CASE d.email WHEN '' THEN coalesce(s.email, '') ELSE d.email END,
		d.state, d.attempts, d.variant, d.code, d.reason, d.message_id, d.next_at, d.updated_at, d.uncertain_at, d.mark, d.marked_at,
		` + saidOfDelivery
	messageColumns = `CAST(0 AS BIGINT), coalesce(m.subscriber_id, 0), m.id, m.kind, m.email,
		m.state, m.attempts, CAST(0 AS BIGINT), m.code, m.reason, m.message_id, m.next_at, m.updated_at, m.uncertain_at, m.mark, m.marked_at,
		` + saidOfMessage

	saidOfMessage = `CASE m.mark WHEN '' THEN '' ELSE coalesce((SELECT b.text FROM bounces b WHERE b.subscriber_id = m.subscriber_id AND b.message_id = m.id ORDER BY b.id LIMIT 1), '') END`

	// saidOfDelivery is what the bounce or complaint says that marked delivery d.
	saidOfDelivery = `CASE d.mark WHEN '' THEN '' ELSE coalesce((SELECT b.text FROM bounces b WHERE b.subscriber_id = d.subscriber_id AND b.digest_id = d.digest_id ORDER BY b.id DESC LIMIT 1), '') END`
)

func scanDelivery(scan func(...any) error) (d newsletter.Delivery, err error) {
	var next int64
	err = scan(&d.Ref.Digest, &d.Ref.Subscriber, &d.Ref.Message, &d.Kind, &d.Email,
		&d.State, &d.Attempts, &d.Variant, &d.Code, &d.Reason, &d.MessageID, &next, instant(&d.UpdatedAt), instant(&d.UncertainAt), &d.Mark, instant(&d.MarkedAt), &d.Said)
	d.NextAt = fromMillis(max(next, 0))
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

// Deliveries implements newsletter.DigestStore: emails of digests, newest digest first,
// then single ones, newest first.
func (db *DB) Deliveries(ctx context.Context, f newsletter.DeliveryFilter) iter.Seq2[newsletter.Delivery, error] {
	const wanted = `(CAST(?2 AS TEXT) = '' OR o.state = ?2 OR ?2 = 'uncertain' AND o.uncertain_at > 0) AND (CAST(?4 AS TEXT) = '' OR o.mark = ?4)`
	return func(yield func(newsletter.Delivery, error) bool) {
		var digests []int64
		err := each(ctx, db.reader, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			digests = append(digests, id)
			return err
		}, "SELECT id FROM digests WHERE CAST(?1 AS BIGINT) = 0 OR id = ?1 ORDER BY id DESC", f.Digest)
		if err != nil {
			yield(newsletter.Delivery{}, explain(err))
			return
		}
		scan := func(rows *sql.Rows) (newsletter.Delivery, error) { return scanDelivery(rows.Scan) }
		for _, digest := range digests {
			for d, err := range paged(ctx, db.reader, scan, func(last *newsletter.Delivery) (string, []any, bool) {
				after := int64(-1)
				if last != nil {
					after = last.Ref.Subscriber
				}
				return "SELECT " + deliveryColumns + ` FROM deliveries d LEFT JOIN subscribers s ON s.id = d.subscriber_id
					WHERE d.digest_id = ?1 AND ` + strings.ReplaceAll(wanted, "o.", "d.") + ` AND (CAST(?3 AS TEXT) = '' OR s.email_key = ?3)
					AND d.subscriber_id > ?5 ORDER BY d.subscriber_id LIMIT ?6`, []any{digest, string(f.State), f.Email, string(f.Mark), after, pageSize}, true
			}) {
				if !yield(d, err) || err != nil {
					return
				}
			}
		}
		if f.Digest != 0 {
			return
		}
		lower := f.Email
		if !ascii(lower) { // SQL's lower() is the key's for ASCII only
			lower = ""
		}
		for m, err := range paged(ctx, db.reader, scan, func(last *newsletter.Delivery) (string, []any, bool) {
			before := int64(math.MaxInt64)
			if last != nil {
				before = last.Ref.Message
			}
			return "SELECT " + messageColumns + " FROM messages m WHERE m.id < ?1 AND " + strings.ReplaceAll(wanted, "o.", "m.") +
				` AND (CAST(?3 AS TEXT) = '' OR lower(m.email) = ?3) ORDER BY m.id DESC LIMIT ?5`, []any{before, string(f.State), lower, string(f.Mark), pageSize}, true
		}) {
			if err == nil && f.Email != "" && !isAddressOf(m.Email, f.Email) {
				continue
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// MailsOf returns every email made for a reader: of digests, then single ones, each oldest
// first.
func (db *DB) MailsOf(ctx context.Context, subscriber int64) iter.Seq2[newsletter.Delivery, error] {
	scan := func(rows *sql.Rows) (newsletter.Delivery, error) { return scanDelivery(rows.Scan) }
	after := func(query string, key func(newsletter.Delivery) int64) func(*newsletter.Delivery) (string, []any, bool) {
		return func(last *newsletter.Delivery) (string, []any, bool) {
			var id int64
			if last != nil {
				id = key(*last)
			}
			return query, []any{subscriber, id, pageSize}, true
		}
	}
	digests := paged(ctx, db.reader, scan, after("SELECT "+deliveryColumns+` FROM digests g JOIN deliveries d ON d.digest_id = g.id AND d.subscriber_id = ?1
		LEFT JOIN subscribers s ON s.id = d.subscriber_id WHERE g.state <> 'planning' AND g.id > ?2 ORDER BY g.id LIMIT ?3`, func(d newsletter.Delivery) int64 { return d.Ref.Digest }))
	single := paged(ctx, db.reader, scan, after("SELECT "+messageColumns+" FROM messages m WHERE m.subscriber_id = ?1 AND m.id > ?2 ORDER BY m.id LIMIT ?3",
		func(d newsletter.Delivery) int64 { return d.Ref.Message }))
	return func(yield func(newsletter.Delivery, error) bool) {
		for _, emails := range []iter.Seq2[newsletter.Delivery, error]{digests, single} {
			for d, err := range emails {
				if !yield(d, err) || err != nil {
					return
				}
			}
		}
	}
}

// CarriedTo implements newsletter.ExplainStore.
func (db *DB) CarriedTo(ctx context.Context, subscriber int64) (carried []newsletter.Carried, err error) {
	err = each(ctx, db.reader, func(rows *sql.Rows) error {
		var c newsletter.Carried
		var seqs string
		if err := rows.Scan(&c.Digest, &c.DigestState, &c.State, instant(&c.At), &c.Mark, instant(&c.MarkedAt), &c.Said, &c.Lost, &seqs, &c.Again); err != nil {
			return err
		}
		carried = append(carried, c)
		return json.Unmarshal([]byte(seqs), &carried[len(carried)-1].Seqs)
	}, `SELECT g.id, g.state, d.state, d.updated_at, d.mark, d.marked_at, `+saidOfDelivery+`, d.lost = 1, v.seqs, FALSE FROM digests g
		JOIN deliveries d ON d.digest_id = g.id AND d.subscriber_id = ?1 JOIN variants v ON v.digest_id = g.id AND v.number = d.variant
		WHERE g.state <> 'planning'
		UNION ALL SELECT g.id, g.state, m.state, m.updated_at, m.mark, m.marked_at, `+saidOfMessage+`, FALSE, v.seqs, TRUE FROM messages m
		JOIN digests g ON g.id = m.digest_id JOIN variants v ON v.digest_id = g.id AND v.number = m.variant
		WHERE m.subscriber_id = ?1 AND m.kind = 'resend' ORDER BY 1`, subscriber)
	return carried, explain(err)
}
